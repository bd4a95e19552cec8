"""CrackSeg's saving layout: one folder an experiment, ``<timestamp>-<experiment_name>/``.

An experiment is a run. The names of the files are cheap to ask for; what reads and writes them is
loaded on first use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studygrid.families.base import load_reference

if TYPE_CHECKING:
    from studygrid.interchange.crackseg_export import export_experiments as export_experiments
    from studygrid.interchange.crackseg_reading import Experiment as Experiment
    from studygrid.interchange.crackseg_reading import Experiments as Experiments
    from studygrid.interchange.crackseg_reading import read_experiment as read_experiment
    from studygrid.interchange.crackseg_reading import read_experiments as read_experiments
    from studygrid.interchange.crackseg_saver import save_experiment_data as save_experiment_data

_HERE = "studygrid.interchange.crackseg"
_LOADED_ON_USE = {
    "Experiment": f"{_HERE}_reading:Experiment",
    "Experiments": f"{_HERE}_reading:Experiments",
    "export_experiments": f"{_HERE}_export:export_experiments",
    "read_experiment": f"{_HERE}_reading:read_experiment",
    "read_experiments": f"{_HERE}_reading:read_experiments",
    "save_experiment_data": f"{_HERE}_saver:save_experiment_data",
}
__all__ = [
    "Experiment",
    "Experiments",
    "export_experiments",
    "read_experiment",
    "read_experiments",
    "save_experiment_data",
]

SUMMARY: Final = "metrics/complete_summary.json"
EPOCHS: Final = "metrics/metrics.jsonl"
VALIDATION: Final = "metrics/validation_metrics.json"
LOG: Final = "logs/training.log"
CHECKPOINT: Final = "checkpoints/best_model.pth"
ROOT_CHECKPOINT: Final = "best_model.pth"
FINAL_RESULTS: Final = "final_results.yaml"
_EPOCH_FILE: Final = re.compile(r"epoch_(\d+)\.pth")


def epoch_checkpoint(epoch: int) -> str:
    """Return the file of the weights that an epoch ended with."""
    return f"checkpoints/epoch_{epoch}.pth"


def epoch_files(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yield the files of `epoch_checkpoint` that an experiment has, with their epochs."""
    for path in (folder / CHECKPOINT).parent.glob("epoch_*.pth"):
        match = _EPOCH_FILE.fullmatch(path.name)
        if match:
            yield int(match[1]), path


def __getattr__(name: str) -> Any:
    if name in _LOADED_ON_USE:
        return load_reference(_LOADED_ON_USE[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
