"""Run folders of the facts layout made by hand, as the guide's own program leaves them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

HEADER = "epoch,split,train_loss,val_loss,epoch_time_s,throughput,max_memory_mib"
Metrics = Callable[[int], Mapping[str, float]]


def no_metrics(epoch: int) -> dict[str, float]:
    """Return no metric at all."""
    return {}


def perplexity(epoch: int) -> dict[str, float]:
    """Return the same two metrics in every epoch."""
    return {"perplex": 10.0 + epoch, "rec_tokens": 1 / (epoch + 1)}


def fake_run(folder: Path, literal: bool = True) -> Path:
    r"""Write the least of a run, as the test in the guide does.

    Parameters
    ----------
    literal
        Whether the lines of scalars.csv are parted by ``\n`` in two characters, as printed there.
    """
    scalars = "epoch,split,val_loss\\n0,val,0.5" if literal else "epoch,split,val_loss\n0,val,0.5"
    (folder / "facts").mkdir(parents=True)
    (folder / "facts" / "events.jsonl").write_text('{"moment":"on_train_end"}')
    (folder / "facts" / "scalars.csv").write_text(scalars)
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "config.yaml").write_text("data: {}")
    return folder


def config_of(
    encoder: str = "mlp", tokenizer: str = "vq", seed: int = 42, **more: Any
) -> dict[str, Any]:
    """Return a config as the guide's program composes it."""
    return {
        "data": {"path": "/data/tokens.h5"},
        "phase1": {
            "encoder": {"name": encoder},
            "latent_space": tokenizer,
            "decoder": {"globals_beta": 0.1},
            "trainer": {"seed": seed, "epochs": 3},
            "model": {"latent_dim": 32},
        },
        **more,
    }


def foreign_run(
    folder: Path,
    *,
    losses: Sequence[float] = (0.9, 0.5, 0.6),
    metrics: Metrics = perplexity,
    config: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    ends: bool = True,
    both_splits: bool = False,
    test: Mapping[str, float] | None = None,
) -> Path:
    """Write a run as the guide's program does: its header is that of the first row's metrics."""
    facts = folder / "facts"
    facts.mkdir(parents=True)
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "config.yaml").write_text(
        yaml.safe_dump(dict(config_of() if config is None else config))
    )
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(list(overrides)))
    lines: list[str] = []
    rows = [event("on_start")]
    history: dict[str, list[float]] = {"val_loss": [], "rec_tokens": []}
    for epoch, loss in enumerate(losses):
        own = metrics(epoch)
        names = sorted(own)
        if not lines:
            lines.append(",".join([HEADER, *(f"metric_{name}" for name in names)]))
        if both_splits:
            lines.append(f"{epoch},train,{loss - 0.1},,2,100,")
        cells = [str(epoch), "val", f"{loss - 0.1:.8g}", f"{loss:.8g}", "2", "100", ""]
        lines.append(",".join([*cells, *(f"{own[name]:.8g}" for name in names)]))
        history["val_loss"].append(loss)
        history["rec_tokens"].append(loss / 2)
        rows.append(
            event(
                "on_epoch_end",
                epoch=epoch,
                split="val",
                val_loss=loss,
                metrics=dict(own),
                histories=history,
                **{f"history_{name}": values for name, values in history.items()},
            )
        )
        rows[-1] = json.loads(json.dumps(rows[-1]))
    if ends:
        rows.append(event("on_train_end", total_time_s=7.5))
    if test is not None:
        rows.append(event("on_test_end", split="test", metrics=dict(test)))
    write_events(folder, rows)
    (facts / "scalars.csv").write_text("\n".join(lines) + "\n")
    return folder


def event(moment: str, **fields: Any) -> dict[str, Any]:
    """Return an event; each has another run id, as the guide's program gives them."""
    event.count += 1  # type: ignore[attr-defined]
    meta = {
        "timestamp": "2025-11-03T14:09:53+00:00",
        "run_id": f"id-{event.count}",  # type: ignore[attr-defined]
        "git_commit": "abc123",
        "hostname": "stoomboot",
        "cuda_info": None,
    }
    return {"schema_version": 1, "moment": moment, "run_dir": "/there", **fields, "meta": meta}


event.count = 0  # type: ignore[attr-defined]


def write_events(folder: Path, rows: Sequence[Mapping[str, Any]], end: str = "\n") -> None:
    """Write the event log of a run; NaN is written as Python does."""
    text = "\n".join(map(json.dumps, rows)) + end
    (folder / "facts" / "events.jsonl").write_text(text)


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Return the events of a run."""
    text = (folder / "facts" / "events.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]
