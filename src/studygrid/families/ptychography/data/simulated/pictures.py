"""The pictures that objects are made of, by name. Cheap to import: no picture is read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from studygrid.errors import DataError

# Files within scikit-image, under the names of its functions. Left out are those that it
# downloads, those of which it states no licence, and those too small or with too little in them.
PHOTOGRAPHS = {
    "astronaut": "astronaut.png",
    "brick": "brick.png",
    "camera": "camera.png",
    "cell": "cell.png",
    "chelsea": "chelsea.png",
    "clock": "clock_motion.png",
    "coffee": "coffee.png",
    "coins": "coins.png",
    "grass": "grass.png",
    "gravel": "gravel.png",
    "hubble_deep_field": "hubble_deep_field.jpg",
    "immunohistochemistry": "ihc.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
}
GENERATED = ("lines", "blobs")
_DRAWN = re.compile(rf"({'|'.join(GENERATED)}):(0|[1-9]\d{{0,8}})")


def is_picture(name: str) -> bool:
    """Tell whether a name is that of a photograph, or of a drawn picture such as ``lines:3``."""
    return name in PHOTOGRAPHS or _DRAWN.fullmatch(name) is not None


def drawn_picture(name: str) -> tuple[str, int] | None:
    """Return the kind and the number of a drawn picture; None of a photograph."""
    found = _DRAWN.fullmatch(name)
    return None if found is None else (found[1], int(found[2]))


def photograph_paths(names: Iterable[str]) -> dict[str, Path]:
    """Return the files of the photographs among some pictures.

    Raises
    ------
    DataError
        If scikit-image is not installed or has no such file.
    """
    chosen = sorted({name for name in names if name in PHOTOGRAPHS})
    if not chosen:
        return {}
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise DataError("the package scikit-image is not installed; pip install scikit-image")
    folder = Path(spec.origin).parent / "data"
    paths = {name: folder / PHOTOGRAPHS[name] for name in chosen}
    for path in paths.values():
        if not path.is_file():
            raise DataError(f"{path}: is not there; install scikit-image 0.25 or later")
    return paths
