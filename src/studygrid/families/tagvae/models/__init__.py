"""Architectures by name; their code is loaded only in the job that builds one."""

from __future__ import annotations

from studygrid.families.base import Architecture
from studygrid.families.tagvae.models.options import BaselineOptions, MlpVaeOptions

_HERE = "studygrid.families.tagvae.models"
_ALL = (
    Architecture("mlp_vae", f"{_HERE}.mlp_vae:build", MlpVaeOptions),
    Architecture(
        "independent_bernoulli", f"{_HERE}.independent_bernoulli:build", BaselineOptions, fits=True
    ),
    Architecture(
        "nearest_neighbour", f"{_HERE}.nearest_neighbour:build", BaselineOptions, fits=True
    ),
)
_BY_NAME = {architecture.name: architecture for architecture in _ALL}


def architecture_names() -> list[str]:
    """Return all names."""
    return list(_BY_NAME)


def find_architecture(name: str) -> Architecture | None:
    """Return the architecture of that name."""
    return _BY_NAME.get(name)
