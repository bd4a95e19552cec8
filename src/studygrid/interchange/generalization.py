"""The layout of the guide to generalization studies: a folder a training-set size.

The names of the files are cheap to ask for; what reads and writes them is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from studygrid.families.base import load_reference

if TYPE_CHECKING:
    from studygrid.interchange.generalization_export import export_study as export_study
    from studygrid.interchange.generalization_table import read_comparison as read_comparison

_HERE = "studygrid.interchange.generalization"
_LOADED_ON_USE = {
    "export_study": f"{_HERE}_export:export_study",
    "read_comparison": f"{_HERE}_table:read_comparison",
}
__all__ = ["export_study", "read_comparison"]

COMPARISON: Final = "comparison_metrics.csv"
COMPARISON_PLOT: Final = "comparison_plot.png"
AGGREGATED: Final = "aggregated_metrics.csv"
RESULTS_PLOT: Final = "generalization_study_results.png"
INDEX: Final = ".studygrid_generalization.json"

PARTS: Final = ("amplitude", "phase")
# A metric whose name does not begin with a part stands in the column `value`.
VALUE: Final = "value"
GUIDE_COLUMNS: Final = ("model", "metric", *PARTS, VALUE)
# Ours, behind those of the guide's project.
OWN_COLUMNS: Final = ("unit", "seed", "status", "reason", "note", "n_train", "resolution")
COLUMNS: Final = (*GUIDE_COLUMNS, *OWN_COLUMNS)
# What the guide's project calls our metrics; the others keep their names without the part.
GUIDE_NAMES: Final = {
    "frc50_frequency": "frc50",
    "frc17_frequency": "frc1over7",
    "frc17_resolution": "frc1over7_resolution",
}
OWN_NAMES: Final = {guide: ours for ours, guide in GUIDE_NAMES.items()}


def guide_name(metric: str) -> tuple[str, str]:
    """Return what a metric of ours is called in the layout, and its column."""
    for part in PARTS:
        if metric.startswith(f"{part}_"):
            own = metric.removeprefix(f"{part}_")
            return GUIDE_NAMES.get(own, own), part
    return metric, VALUE


def own_name(metric: str, part: str) -> str:
    """Return our name of what the layout calls a metric of a part: the other way round."""
    return metric if part == VALUE else f"{part}_{OWN_NAMES.get(metric, metric)}"


def size_folder(n_train: int | str) -> str:
    """Return the name of the folder of a training-set size."""
    return f"n_train_{n_train}"


def __getattr__(name: str) -> Any:
    if name in _LOADED_ON_USE:
        return load_reference(_LOADED_ON_USE[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
