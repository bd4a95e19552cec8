"""Made-up runs of reports: a frame, and epochs, as the readers of facts return them."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from studygrid.named_reports.config import ReportConfig
from studygrid.named_reports.inputs import ReportInputs

Run = dict[str, Any]
THRESHOLDS: dict[str, float | None] = {"val_mse": None}


def token_mse(run: Run) -> float:
    """Return the error that a made run ends at; noise of its seed included."""
    noise = np.random.default_rng(zlib.crc32(repr(sorted(run.items(), key=str)).encode()))
    base: float = {"mlp": 0.42, "transformer": 0.34, "gnn": 0.31}.get(run["encoder"], 0.4)
    base += {"none": 0.0, "linear": 0.05, "vq": 0.16}.get(run["tokenizer"], 0.1)
    base -= 0.03 * math.log2((run["latent_dim"] or 16) / 8)
    base -= 0.02 * math.log10(float(run["n_train"]) / 1000)
    base += 0.004 * run["globals_weight"]
    return base + float(noise.normal(0, 0.012))


def made_epochs(
    run: Run, count: int = 12, error: Callable[[Run], float] = token_mse
) -> pd.DataFrame:
    """Return the epochs of a run: two rows an epoch, as the facts have them."""
    end, weight, is_vq = error(run), run["globals_weight"], run["tokenizer"] == "vq"
    speed = {"mlp": 2.0, "transformer": 5.0, "gnn": 7.5}.get(run["encoder"], 3.0)
    rows = []
    for epoch in range(count):
        token = end + 0.8 * math.exp(-(epoch + 1) / 2.5) + 0.002 * max(0, epoch - 9)
        globals_mse = 0.9 * math.exp(-epoch * weight / 2) + 0.12 / (1 + 4 * weight) + token / 10
        loss = token + weight * globals_mse + (0.05 if is_vq else 0.0)
        metrics = {
            "metric_rec_tokens": token,
            "metric_rec_globals": globals_mse,
            "metric_perplex": 64 * (1 - math.exp(-(epoch + 1) / 3)) * (1.1 - end)
            if is_vq
            else None,
        }
        common = {"epoch": epoch, "epoch_time_s": speed + 0.1 * run["seed"], "throughput": 4000.0}
        rows.append(common | {"split": "train", "train_loss": loss * 0.95})
        rows.append(common | {"split": "val", "val_loss": loss} | metrics)
    return pd.DataFrame(rows)


def bits(run: Run) -> Run:
    """Return the bits of an event's latent of eight tokens; none of an encoder without one."""
    number = {"none": 48 * 32, "linear": (run["latent_dim"] or 0) * 32, "vq": 9}
    return {"test_bits_per_event": 8 * number.get(run["tokenizer"], math.nan)}


def made_run(**settings: Any) -> Run:
    """Return the settings of a run: those of the guide, with some of them changed."""
    return {
        "encoder": "gnn",
        "tokenizer": "vq",
        "latent_dim": 8,
        "globals_weight": 0.1,
        "resolution": 16,
        "n_train": 4096,
        "seed": 0,
    } | settings


def made_grid(**axes: Sequence[Any]) -> list[Run]:
    """Return a run for each combination of values."""
    return [
        made_run(**dict(zip(axes, values, strict=True)))
        for values in itertools.product(*axes.values())
    ]


def made_inputs(
    runs: Sequence[Run],
    epochs: Callable[[Run], pd.DataFrame] = made_epochs,
    *,
    name: str = "compare_tokenizers",
    thresholds: dict[str, float | None] | None = None,
    incomplete: Sequence[tuple[str, str]] = (),
    measured: Callable[[Run], Run] = bits,
    **columns: Any,
) -> ReportInputs:
    """Return what the figures of a report get; `columns` are further ones of ``runs_df``."""
    rows, per_epoch = [], {}
    for number, run in enumerate(runs):
        run_dir = f"outputs/runs/{number}"
        per_epoch[run_dir] = found = epochs(run)
        rows.append({"run_dir": run_dir, **run, **_of_epochs(found), **measured(run)})
    frame = pd.DataFrame(rows).assign(**columns)
    return ReportInputs(
        name=name,
        title="A report",
        config=ReportConfig(thresholds=THRESHOLDS if thresholds is None else thresholds),
        runs_df=frame,
        per_epoch=per_epoch,
        order=tuple(frame["run_dir"]),
        incomplete=tuple(incomplete),
    )


def _of_epochs(epochs: pd.DataFrame) -> dict[str, Any]:
    """Return the columns that the readers take from the epochs."""
    if epochs.empty:
        return {"epochs": 0, "best_epoch": None, "loss.total_best": None}
    val = epochs.loc[epochs["split"] == "val"]
    losses = val.dropna(subset=["val_loss"])
    best = losses.sort_values("val_loss", kind="stable").iloc[0] if len(losses) else None
    return {
        "epochs": len(val),
        "best_epoch": None if best is None else int(best["epoch"]),
        "loss.total_best": None if best is None else float(best["val_loss"]),
        "loss.total_final": float(val["val_loss"].iloc[-1]),
        "total_time_s": float(val["epoch_time_s"].sum()),
        "throughput_mean": float(val["throughput"].mean()) / float(val["epoch_time_s"].mean()),
        "metric_perplex_final": val["metric_perplex"].iloc[-1] if "metric_perplex" in val else None,
    }
