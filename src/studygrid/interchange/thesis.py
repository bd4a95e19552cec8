"""The facts layout: events, scalars and the config of a run, as the guide to reports has them.

`load_runs` reads folders of this layout, and results folders of our own, into the same columns;
`export_facts` writes a study in it. What reads and writes is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from studygrid.families.base import load_reference

if TYPE_CHECKING:
    from studygrid.interchange.thesis_export import export_facts as export_facts
    from studygrid.interchange.thesis_loading import Facts as Facts
    from studygrid.interchange.thesis_loading import load_runs as load_runs
    from studygrid.interchange.thesis_loading import read_runs as read_runs
    from studygrid.interchange.thesis_loading import select_runs as select_runs

_HERE = "studygrid.interchange.thesis"
_LOADED_ON_USE = {
    "Facts": f"{_HERE}_loading:Facts",
    "export_facts": f"{_HERE}_export:export_facts",
    "load_runs": f"{_HERE}_loading:load_runs",
    "read_runs": f"{_HERE}_loading:read_runs",
    "select_runs": f"{_HERE}_loading:select_runs",
}
__all__ = ["Facts", "export_facts", "load_runs", "read_runs", "select_runs"]

SCHEMA_VERSION: Final = 1
EVENTS: Final = "facts/events.jsonl"
SCALARS: Final = "facts/scalars.csv"
CONFIG: Final = ".hydra/config.yaml"
OVERRIDES: Final = ".hydra/overrides.yaml"
OLD_CONFIG: Final = "cfg.yaml"
CHECKPOINT: Final = "best_val.pt"
TRAIN_RECORD: Final = "train_record.json"
POINTER: Final = ".pointer.json"
INDEX: Final = ".studygrid_thesis.json"
# The columns of scalars.csv before those of the metrics, `metric_<name>`.
BASE_COLUMNS: Final = (
    "epoch",
    "split",
    "train_loss",
    "val_loss",
    "epoch_time_s",
    "throughput",
    "max_memory_mib",
)
METRIC: Final = "metric_"
# What the layout calls metrics that have another name here; the others keep ours.
GUIDE_NAMES: Final = {
    "perplexity": "perplex",
    "token_mse": "rec_tokens",
    "globals_mse": "rec_globals",
}


def __getattr__(name: str) -> Any:
    if name in _LOADED_ON_USE:
        return load_reference(_LOADED_ON_USE[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
