"""Studies whose runs can be exported in CrackSeg's layout, made up without running them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from studygrid.grid import Run
from studygrid.plan import Plan
from studygrid.records import Checkpoint, Status
from tests.unit.made_records import small_plan, write_run

METRICS = ("loss", "iou", "f1", "precision", "recall", "dice", "accuracy")
PLAN = small_plan(
    name="Cracks: 50 % of it/all",
    family="segmentation",
    dataset={"name": "cracks"},
    models={"small_unet": None},
    grid={"resolution": 32, "n_train": ["all", 64], "seed": 2},
    profiling={"enabled": False},
    training={"epochs": 8, "early_stopping": {"patience": 2}},
)
STOPPED, WHOLE, FAILED, MISSING = PLAN.runs
DIVERGED: dict[str, Any] = {
    "status": Status.DIVERGED, "reason": "the loss was NaN in epoch 2", "checkpoint": None,
    "stopped_by": "failure", "best_value": None, "best_epoch": None,
}  # fmt: skip


def epoch(number: int, loss: float) -> dict[str, Any]:
    """Return a line of epochs.jsonl whose scores all differ."""
    scores = {name: (number + place) / 64 for place, name in enumerate(METRICS)}
    validation = {f"validation_{name}": value for name, value in scores.items()}
    return {
        "epoch": number,
        "step": 10 * number,
        "passes": float(number),
        "train_loss": 1 / number,
        "learning_rate": 0.001,
        "gradient_norm": 0.5,
        "epoch_time_sec": 2.0,
        "samples_per_sec": 100.0,
        "is_best": False,
        "train_iou": 0.125,
        **validation,
        "validation_loss": loss,
    }


def write(folder: Path, run: Run, losses: list[float], score: float = 0.5, **more: Any) -> None:
    """Write all that a run leaves whose validation losses are these; `more` is of its record."""
    rows = [epoch(number, loss) for number, loss in enumerate(losses, 1)]
    best = losses.index(min(losses)) + 1
    place = folder / "runs" / run.path
    place.mkdir(parents=True, exist_ok=True)
    write_lines(folder, run, rows)
    weights = f"weights of {run.path} at {score}".encode()
    (place / "best_model.pth").write_bytes(weights)
    (place / "training.log").write_text(f"log of {run.path}\n")
    digest = hashlib.sha256(weights).hexdigest()
    changes: dict[str, Any] = {
        "checkpoint": Checkpoint(file="best_model.pth", sha256=digest, epoch=best, step=10 * best),
        "best_value": min(losses),
        "best_epoch": best,
        "best_validation_loss": min(losses),
        "final_train_loss": rows[-1]["train_loss"],
        "epochs": len(rows),
        "stopped_by": "budget" if len(rows) == 8 else "early_stopping",
    }
    write_run(PLAN, folder, run, score, **{**changes, **more})


def write_lines(folder: Path, run: Run, rows: list[dict[str, Any]]) -> None:
    """Write the epochs of a run."""
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "runs" / run.path / "epochs.jsonl").write_text(lines)


def write_study(folder: Path, plan: Plan = PLAN) -> Path:
    """Write a study of four runs: one stopped early, one did not, one failed, one is missing."""
    write(folder, STOPPED, [0.5, 0.25, 0.375, 0.4375])
    write(folder, WHOLE, [0.5, 0.375, 0.25, 0.1875, 0.125, 0.0625, 0.03125, 0.015625])
    write_run(plan, folder, FAILED, **DIVERGED)
    (folder / "study.yaml").write_text(yaml.safe_dump(plan.resolved(), sort_keys=False))
    return folder
