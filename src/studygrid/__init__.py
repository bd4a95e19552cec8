"""Studies of PyTorch models over resolutions, training-set sizes and seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studygrid.version import __version__

if TYPE_CHECKING:
    from studygrid.results.loading import load_runs as load_runs

__all__ = ["__version__", "load_runs"]


def __getattr__(name: str) -> Any:
    # On first use: the Snakefile imports this package, and pandas takes long.
    if name == "load_runs":
        from studygrid.results.loading import load_runs

        return load_runs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
