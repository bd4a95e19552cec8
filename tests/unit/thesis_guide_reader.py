"""Reading runs of the facts layout with nothing but the guide at hand: it knows no studygrid.

Run as a script it prints what it has read: ``python thesis_guide_reader.py RUN_FOLDER …``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

MOMENTS = {"on_start", "on_epoch_end", "on_train_end", "on_test_end", "on_exception"}
FIELDS = {
    "schema_version",
    "moment",
    "run_dir",
    "epoch",
    "step",
    "split",
    "train_loss",
    "val_loss",
    "metrics",
    "epoch_time_s",
    "total_time_s",
    "throughput",
    "histories",
    "meta",
}
META = {"timestamp", "run_id", "git_commit", "hostname", "cuda_info", "seed"}
SCALARS = [
    "epoch",
    "split",
    "train_loss",
    "val_loss",
    "epoch_time_s",
    "throughput",
    "max_memory_mib",
]


def refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def read_events(folder: Path) -> list[dict[str, Any]]:
    """Return the events of a run, each checked for the fields of the guide."""
    text = (folder / "facts" / "events.jsonl").read_text()
    assert text.endswith("\n")
    events = [json.loads(line, parse_constant=refuse_constant) for line in text.splitlines()]
    for event in events:
        assert event.keys() >= FIELDS, FIELDS - event.keys()
        assert event["schema_version"] == 1
        assert event["moment"] in MOMENTS
        assert event["meta"].keys() >= META
        flattened = {f"history_{name}": own for name, own in event["histories"].items()}
        assert {key: event[key] for key in event if key.startswith("history_")} == flattened
    return events


def read_scalars(folder: Path) -> pd.DataFrame:
    """Return the epochs of a run; every line must have as many cells as the header."""
    path = folder / "facts" / "scalars.csv"
    header, *lines = path.read_text().splitlines()
    assert all(line.count(",") == header.count(",") for line in lines)
    frame = pd.read_csv(path)
    assert list(frame)[: len(SCALARS)] == SCALARS
    assert all(name.startswith("metric_") for name in header.split(",")[len(SCALARS) :])
    assert set(frame["split"]) <= {"train", "val"}
    assert frame.loc[frame["split"] == "train", "val_loss"].isna().all()
    assert frame.loc[frame["split"] == "val", "train_loss"].isna().all()
    return frame


def read(folder: Path) -> dict[str, Any]:
    """Return the row of a run in the guide's table of runs; None of one that has not ended."""
    events, scalars = read_events(folder), read_scalars(folder)
    config = yaml.safe_load((folder / ".hydra" / "config.yaml").read_text())
    ends = [event for event in events if event["moment"] == "on_train_end"]
    if not ends:
        return {}
    val = scalars.loc[scalars["split"] == "val"].sort_values("epoch")
    best = val.iloc[int(val["val_loss"].argmin())]
    overrides = yaml.safe_load((folder / ".hydra" / "overrides.yaml").read_text())
    assert overrides == config["hydra"]["overrides"]["task"]
    return {
        "run_dir": str(folder),
        "encoder": config["phase1"]["encoder"],
        "tokenizer": config["phase1"]["tokenizer"],
        "seed": config["trainer"]["seed"],
        "latent_dim": config["model"].get("latent_dim"),
        "epochs": int(val["epoch"].max()) + 1,
        "best_epoch": int(best["epoch"]),
        "loss.total_best": float(best["val_loss"]),
        "loss.total_final": float(val["val_loss"].iloc[-1]),
        "total_time_s": ends[-1]["total_time_s"],
        "throughput": val["throughput"].tolist(),
        "metrics": sorted(name for name in map(str, scalars) if name.startswith("metric_")),
        "overrides": dict(override.split("=", 1) for override in overrides),
        "histories": ends[-1]["histories"],
        "meta": ends[-1]["meta"],
    }


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps(read(Path(name)), indent=1))
