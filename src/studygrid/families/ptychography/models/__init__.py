"""Architectures by name; their code is loaded only in the job that builds one."""

from __future__ import annotations

from studygrid.families.base import Architecture
from studygrid.families.ptychography.models.limits import network_fault
from studygrid.families.ptychography.models.options import EngineOptions, NetworkOptions

_HERE = "studygrid.families.ptychography.models"
# Losses by name: of the measured patterns, and of the object's patches.
PATTERN, OBJECT = "pattern", "object"
_ALL = (
    Architecture(
        "pinn", f"{_HERE}.network:build", NetworkOptions, loss=PATTERN, check=network_fault
    ),
    Architecture(
        "baseline", f"{_HERE}.network:build", NetworkOptions, loss=OBJECT, check=network_fault
    ),
    Architecture(
        "iterative",
        f"{_HERE}.iterative:build",
        EngineOptions,
        fits=True,
        learns=False,
        loss=PATTERN,
        reads_loss=False,
    ),
)
_BY_NAME = {architecture.name: architecture for architecture in _ALL}


def architecture_names() -> list[str]:
    """Return all names."""
    return list(_BY_NAME)


def find_architecture(name: str) -> Architecture | None:
    """Return the architecture of that name."""
    return _BY_NAME.get(name)
