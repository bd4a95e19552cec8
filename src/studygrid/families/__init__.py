"""Families: built in, installed through the entry point `studygrid.families`, or from a file."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from studygrid.config_errors import nearest
from studygrid.errors import ConfigError
from studygrid.families.base import Family, load_reference

BUILT_IN = {
    "classification": "studygrid.families.classification:FAMILY",
    "events": "studygrid.families.events:FAMILY",
    "ptychography": "studygrid.families.ptychography:FAMILY",
    "segmentation": "studygrid.families.segmentation:FAMILY",
    "tagvae": "studygrid.families.tagvae:FAMILY",
}


def family_names() -> list[str]:
    """Return the names of the families that can be had here, without importing them."""
    return [*BUILT_IN, *(point.name for point in entry_points(group="studygrid.families"))]


@cache
def load_family(name: str) -> Family:
    """Return the family of that name, or of the form ``path/to/file.py:NAME``.

    Raises
    ------
    ConfigError
        If there is no such family, or the file or the name in it does not exist.
    """
    if name in BUILT_IN:
        family = load_reference(BUILT_IN[name])
    elif ".py:" in name:
        family = _from_file(name)
    else:
        points = entry_points(group="studygrid.families", name=name)
        if not points:
            hint = nearest(name, family_names()) or "check its spelling"
            raise ConfigError(f"there is no family {name!r}; {hint}")
        family = next(iter(points)).load()
    if not isinstance(family, Family):
        raise ConfigError(f"{name!r} is a {type(family).__name__}, not a studygrid Family")
    return family


def _from_file(name: str) -> Family:
    path, _, attribute = name.rpartition(":")
    file = Path(path).resolve()
    if not file.is_file():
        raise ConfigError(f"the file of the family {name!r} does not exist ({file})")
    # Its references ("my_family:Task") name it by its file name, so it is importable by it.
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    module = importlib.import_module(file.stem)
    if Path(module.__file__ or "").resolve() != file:
        raise ConfigError(
            f"{file} has the name of another module ({module.__file__ or file.stem}); rename it"
        )
    if not hasattr(module, attribute):
        raise ConfigError(f"{file} has no {attribute!r}; name the Family value that it defines")
    family: Family = getattr(module, attribute)
    return family
