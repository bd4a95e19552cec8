"""Architectures by name; their code is loaded only in the job that builds one."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from studygrid.families.base import Architecture
from studygrid.families.classification.options import (
    NetworkOptions,
    PlainCnnOptions,
    TimmOptions,
)

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
_REGISTERED = re.compile(r"^@register_model\s+def (\w+)", re.MULTILINE)


@cache
def timm_names() -> frozenset[str]:
    """Return the names that timm registers, read from its source: importing it takes seconds."""
    spec = find_spec("timm")
    if spec is None or spec.origin is None:
        return frozenset()
    sources = (Path(spec.origin).parent / "models").glob("*.py")
    return frozenset(
        name for source in sources for name in _REGISTERED.findall(source.read_text("utf-8"))
    )


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
