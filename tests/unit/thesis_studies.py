"""Made-up studies of all families, whose records fit their epochs and weights, for exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from studygrid.records import EvaluateRecord, TrainRecord, read_record, write_record
from studygrid.results.study_results import StudyResults, study_results
from tests.unit.made_study import Fate, made_study, ok
from tests.unit.ptychography_studies import ptychography_study
from tests.unit.segmentation_studies import crack_study
from tests.unit.vae_studies import vae_study

PEAK_MB = 2048.0


def one_of_two_diverged(run: object) -> str:
    """Let the runs of one seed diverge."""
    return "diverged" if getattr(run, "seed", 0) == 1 else "ok"


def classification_study(folder: Path, fate: Fate = ok) -> StudyResults:
    """Write a study of two models and two seeds."""
    grid = {"resolution": [32], "n_train": [64], "seed": 2}
    return fitted(made_study(folder, fate=fate, grid=grid))


def study_of(family: str, folder: Path) -> StudyResults:
    """Write a small study of a family."""
    if family == "classification":
        return classification_study(folder)
    if family == "segmentation":
        return fitted(crack_study(folder, grid={"resolution": [64], "n_train": [40], "seed": 2}))
    if family == "ptychography":
        grid = {"resolution": [64], "n_train": [512], "seed": 2}
        return fitted(ptychography_study(folder, fate=ok, grid=grid))
    if family == "events":
        return tokenizer_study(folder)
    return fitted(vae_study(folder))


def tokenizer_study(folder: Path) -> StudyResults:
    """Write a study of event tokenizers, with the two models that are fitted."""
    config: dict[str, Any] = {
        "family": "events",
        "dataset": {"name": "generated_events"},
        "models": {
            "mlp_vq": {"architecture": "mlp", "options": {"tokenizer": "vq", "codes": 64}},
            "mlp_linear": {"architecture": "mlp", "options": {"tokenizer": "linear"}},
            "mlp_none": {"architecture": "mlp", "options": {"tokenizer": "none"}},
            "isolation_forest": {"architecture": "isolation_forest"},
            "supervised": {"architecture": "supervised"},
        },
        "grid": {"resolution": [16], "n_train": [1000], "seed": 2},
    }
    return fitted(made_study(folder, fate=ok, tables=no_tables, **config))


def no_tables(run: object) -> dict[str, Any]:
    """Return no tables of a run."""
    return {}


def fitted(study: StudyResults) -> StudyResults:
    """Make the records of a study those of its epochs, and write weights and study.yaml."""
    for run in study.facts:
        folder = study.folder / "runs" / run.path
        train = read_record(folder / "train.json", TrainRecord)
        lines = [json.loads(line) for line in (folder / "epochs.jsonl").read_text().splitlines()]
        for number, line in enumerate(lines):
            line["samples_per_sec"] = 1000.0 + number
        (folder / "epochs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        changes = {
            "epochs": len(lines),
            "peak_device_memory_allocated_mb": PEAK_MB,
            "train_time_sec": sum(line["epoch_time_sec"] for line in lines),
        }
        if train.checkpoint is not None:
            best = min(lines, key=lambda line: float(line["validation_loss"]))
            weights = train.checkpoint.model_copy(update={"epoch": best["epoch"]})
            changes |= {
                "best_epoch": best["epoch"],
                "best_value": best[f"validation_{train.monitor}"],
                "best_validation_loss": best["validation_loss"],
                "checkpoint": weights,
            }
            (folder / weights.file).write_bytes(f"weights of {run.path}".encode())
        train = train.model_copy(update=changes)
        write_record(folder / "train.json", train)
        evaluate = read_record(folder / "evaluate.json", EvaluateRecord)
        write_record(folder / "evaluate.json", evaluate.model_copy(update={"run": train.spec}))
    path = study.folder / "study.yaml"
    path.write_text(yaml.safe_dump(study.plan.resolved(), sort_keys=False))
    return study_results(study.plan, study.folder)
