"""Names of networks in libraries, read from their sources: to import them takes seconds."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_REGISTERED = re.compile(r"^@register_model\s+def (\w+)", re.MULTILINE)
_ENCODER = re.compile(r'^    "([\w-]+)": *\{', re.MULTILINE)


@cache
def timm_names() -> frozenset[str]:
    """Return the names of the models that timm registers; none where it is not installed."""
    return _found("timm", "models", _REGISTERED)


@cache
def encoder_names() -> frozenset[str]:
    """Return the names of the encoders that segmentation_models_pytorch has of its own."""
    return _found("segmentation_models_pytorch", "encoders", _ENCODER)


def _found(package: str, folder: str, pattern: re.Pattern[str]) -> frozenset[str]:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return frozenset()
    sources = (Path(spec.origin).parent / folder).glob("*.py")
    return frozenset(
        name for source in sources for name in pattern.findall(source.read_text("utf-8"))
    )
