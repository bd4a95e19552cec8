"""Studies of PyTorch models over resolutions, training-set sizes and seeds."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from studygrid.version import __version__

if TYPE_CHECKING:
    from studygrid.interchange.crackseg_saver import save_experiment_data as save_experiment_data
    from studygrid.interchange.foreign.collecting import collect as collect
    from studygrid.interchange.foreign.comparing import compare as compare
    from studygrid.interchange.vae_runner import VAEExperimentRunner as VAEExperimentRunner
    from studygrid.results.loading import load_runs as load_runs

# On first use: the Snakefile imports this package, and pandas takes long.
_LOADED_ON_USE = {
    "VAEExperimentRunner": "studygrid.interchange.vae_runner",
    "collect": "studygrid.interchange.foreign.collecting",
    "compare": "studygrid.interchange.foreign.comparing",
    "load_runs": "studygrid.results.loading",
    "save_experiment_data": "studygrid.interchange.crackseg_saver",
}
__all__ = [
    "VAEExperimentRunner",
    "__version__",
    "collect",
    "compare",
    "load_runs",
    "save_experiment_data",
]


def __getattr__(name: str) -> Any:
    if name in _LOADED_ON_USE:
        return getattr(importlib.import_module(_LOADED_ON_USE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
