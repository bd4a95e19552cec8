"""Architectures by name; their code is loaded only in the job that builds one."""

from __future__ import annotations

from studygrid.families.base import Architecture
from studygrid.families.classification.options import PlainCnnOptions, TimmOptions
from studygrid.families.networks.options import NetworkOptions
from studygrid.families.networks.sources import timm_names

_HERE = "studygrid.families.classification.models"
_TORCHVISION = (
    "vgg11",
    "vgg13",
    "resnet18",
    "resnet34",
    "mobilenet_v2_small",
    "mobilenet_v3_small",
    "efficientnet_b0",
)
_OWN = {
    "tiny_cnn": Architecture("tiny_cnn", f"{_HERE}.tiny_cnn:build", PlainCnnOptions),
    "simple_cnn": Architecture("simple_cnn", f"{_HERE}.simple_cnn:build", PlainCnnOptions),
    **{
        name: Architecture(name, f"{_HERE}.torchvision_models:build", NetworkOptions)
        for name in _TORCHVISION
    },
}


def architecture_names() -> list[str]:
    """Return all names, the named ones first."""
    return [*_OWN, *sorted(timm_names() - _OWN.keys())]


def find_architecture(name: str) -> Architecture | None:
    """Return the architecture of that name: one of those listed here, or any of timm's."""
    if name in _OWN:
        return _OWN[name]
    if name in timm_names():
        return Architecture(name, f"{_HERE}.timm_models:build", TimmOptions)
    return None
