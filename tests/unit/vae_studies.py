"""Studies of tag VAEs whose records fit their epochs, as exports ask of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from studygrid.records import TrainRecord, read_record, write_record
from studygrid.results.study_results import StudyResults, study_results
from tests.unit.tagvae_studies import tag_study

SMALL: dict[str, Any] = {"grid": {"resolution": [32], "n_train": ["all"], "seed": 2}}


def vae_study(folder: Path, **changes: Any) -> StudyResults:
    """Write a study of two seeds, unless changed: see `tag_study`."""
    study = tag_study(folder, **{**SMALL, **changes})
    for run in study.facts:
        path = folder / "runs" / run.path / "train.json"
        record = read_record(path, TrainRecord)
        if record.checkpoint is not None:
            lines = (path.with_name("epochs.jsonl")).read_text().splitlines()
            kept = json.loads(lines[min(3, len(lines)) - 1])
            checkpoint = record.checkpoint.model_copy(update={"epoch": kept["epoch"]})
            update = {"best_epoch": kept["epoch"], "best_value": kept["validation_loss"]}
            write_record(path, record.model_copy(update={**update, "checkpoint": checkpoint}))
    return study_results(study.plan, folder)
