"""What must hold in a results folder, whatever happened while it was made."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from studygrid.records import EvaluateRecord, TrainRecord, read_record


def check_records(results: Path) -> list[Path]:
    """Check that each record can be read and that each checkpoint is the one its record names.

    Returns
    -------
    The train records.
    """
    found = sorted(results.glob("runs/**/train.json"))
    for path in found:
        train = read_record(path, TrainRecord)
        assert train.checkpoint is not None, path
        weights = (path.parent / train.checkpoint.file).read_bytes()
        assert hashlib.sha256(weights).hexdigest() == train.checkpoint.sha256, path
        assert not (path.parent / "resume.pth").exists(), path
    for path in results.glob("runs/**/evaluate.json"):
        scores = read_record(path, EvaluateRecord)
        trained = read_record(path.with_name("train.json"), TrainRecord)
        assert trained.checkpoint is not None
        assert scores.checkpoint_sha256 == trained.checkpoint.sha256, path
    return found


# When, where and how a job ran. What it found stands in all other keys.
_CIRCUMSTANCES = {
    "origin",
    "attempts",
    "resumed",
    "train_time_sec",
    "evaluate_time_sec",
    "samples_per_sec",
    "peak_host_memory_mb",
    "latency",
    "ran_alone",
    "other_load_cores",
}


def outcomes(results: Path) -> dict[str, dict[str, Any]]:
    """Return the records below a results folder without times, places and hosts."""
    records = {
        str(path.relative_to(results)): json.loads(path.read_text("utf-8"))
        for folder in ("data", "runs", "profiles")
        for path in (results / folder).rglob("*.json")
        if path.name != "sources.json"
    }
    return {
        name: {key: value for key, value in record.items() if key not in _CIRCUMSTANCES}
        for name, record in records.items()
    }
