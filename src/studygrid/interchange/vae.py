"""The layout of the guide to VAE comparison: metrics by phase, a summary, and one comparison.

The names of the files are cheap to ask for; what reads and writes them is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from studygrid.families.base import load_reference

if TYPE_CHECKING:
    from studygrid.interchange.vae_export import export_runs as export_runs
    from studygrid.interchange.vae_reading import VaeMetrics as VaeMetrics
    from studygrid.interchange.vae_reading import is_vae_metrics as is_vae_metrics
    from studygrid.interchange.vae_reading import read_vae_metrics as read_vae_metrics
    from studygrid.interchange.vae_reading import vae_metrics as vae_metrics

_HERE = "studygrid.interchange.vae"
_LOADED_ON_USE = {
    "VaeMetrics": f"{_HERE}_reading:VaeMetrics",
    "export_runs": f"{_HERE}_export:export_runs",
    "is_vae_metrics": f"{_HERE}_reading:is_vae_metrics",
    "read_vae_metrics": f"{_HERE}_reading:read_vae_metrics",
    "vae_metrics": f"{_HERE}_reading:vae_metrics",
}
__all__ = ["VaeMetrics", "export_runs", "is_vae_metrics", "read_vae_metrics", "vae_metrics"]

METRICS: Final = "metrics.json"
SUMMARY: Final = "summary.json"
RUNS_FOLDER: Final = "outputs/vae_training"
COPIES_FOLDER: Final = "models/metrics"
COMPARISON: Final = "outputs/vae_experiments/comparison.csv"
DETAILED: Final = "outputs/vae_experiments/comparison_detailed.csv"
REPORT: Final = "outputs/vae_experiments/comparison_report.txt"
INDEX: Final = ".studygrid_vae.json"
# What a reader must know of numbers that the guide's own program wrote.
CAVEATS: Final = (
    "The guide's program averages every metric over batches: its entropy cannot exceed the "
    "logarithm of the batch size, and its share of unique combinations is of one batch.",
    "Its active units vary by more than 0, ours by more than 0.01 (variance); its silhouette "
    "counts a row among its own neighbours; its Gini coefficient is of the combinations that "
    "occur, ours is of the tags; its co-occurrence has the diagonal, ours has not.",
    "Its test scores are of the weights of the last epoch.",
)


def run_file(run_id: str, file: str) -> str:
    """Return where a run has `METRICS` or `SUMMARY`."""
    return f"{RUNS_FOLDER}/{run_id}/{file}"


def copy_of(name: str, file: str) -> str:
    """Return where the copy of `METRICS` or `SUMMARY` of a run with a name is."""
    return f"{COPIES_FOLDER}/{name}_{file}"


def __getattr__(name: str) -> Any:
    if name in _LOADED_ON_USE:
        return load_reference(_LOADED_ON_USE[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
