"""Studies of PyTorch models over resolutions, training-set sizes and seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studygrid.version import __version__

if TYPE_CHECKING:
    from studygrid.interchange.crackseg_saver import save_experiment_data as save_experiment_data
    from studygrid.results.loading import load_runs as load_runs

__all__ = ["__version__", "load_runs", "save_experiment_data"]


def __getattr__(name: str) -> Any:
    # On first use: the Snakefile imports this package, and pandas takes long.
    if name == "load_runs":
        from studygrid.results.loading import load_runs

        return load_runs
    if name == "save_experiment_data":
        from studygrid.interchange.crackseg_saver import save_experiment_data

        return save_experiment_data
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
