"""Architectures by name; their code is loaded only in the job that builds one."""

from __future__ import annotations

from studygrid.families.base import Architecture
from studygrid.families.events.models.options import (
    GnnOptions,
    IsolationForestOptions,
    MlpOptions,
    SupervisedOptions,
    TransformerOptions,
)

_HERE = "studygrid.families.events.models"
# Losses by name: what an autoencoder is trained with, and what the two others report as theirs.
RECONSTRUCTION, ISOLATION, SEPARATION = "reconstruction", "isolation", "separation"
_ALL = (
    Architecture("mlp", f"{_HERE}.mlp:build", MlpOptions, loss=RECONSTRUCTION),
    Architecture(
        "transformer", f"{_HERE}.transformer:build", TransformerOptions, loss=RECONSTRUCTION
    ),
    Architecture("gnn", f"{_HERE}.gnn:build", GnnOptions, loss=RECONSTRUCTION),
    Architecture(
        "isolation_forest",
        f"{_HERE}.isolation_forest:build",
        IsolationForestOptions,
        fits=True,
        loss=ISOLATION,
        reads_loss=False,
    ),
    Architecture(
        "supervised",
        f"{_HERE}.supervised:build",
        SupervisedOptions,
        fits=True,
        loss=SEPARATION,
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
