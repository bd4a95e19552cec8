"""Where the pictures behind the cracks are, and what can be told without reading one.

The Snakefile imports this in every job: it imports neither NumPy nor Pillow.
"""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.content import content_sha256
from studygrid.families.segmentation.data.cracks.options import CracksOptions

TEXTURES: tuple[str, ...] = ("brick", "gravel", "grass")


def cracks_train_size(options: CracksOptions) -> int:
    """Return the size of the training split."""
    return options.train


def cracks_source(options: CracksOptions, cache: Path) -> str:
    """Return the hash of the photographs and the version of the cells that are drawn upon.

    The generator itself is code, which a job's fingerprint covers.

    Raises
    ------
    DataError
        If a package that holds some of them is not installed.
    """
    textures = {name: texture_path(name) for name in _chosen_textures(options)}
    parts = ["drawn by studygrid"]
    if textures:
        parts.append(f"scikit-image textures {content_sha256(textures, cache)}")
    if "cells" in options.backgrounds:
        cells_folder()
        parts.append(f"elpv-dataset {version('elpv-dataset')}")
    return ", ".join(parts)


def check_cracks(options: CracksOptions) -> list[tuple[str, str]]:
    """Return what is wrong with the options: key and message."""
    try:
        for name in _chosen_textures(options):
            texture_path(name)
        if "cells" in options.backgrounds:
            cells_folder()
    except DataError as error:
        return [("backgrounds", str(error))]
    return []


def _chosen_textures(options: CracksOptions) -> list[str]:
    return [name for name in TEXTURES if name in options.backgrounds]


def texture_path(name: str) -> Path:
    """Return the file of a texture within scikit-image.

    Raises
    ------
    DataError
        If scikit-image is not installed or has no such file.
    """
    path = _installed("skimage", "scikit-image") / "data" / f"{name}.png"
    if not path.is_file():
        raise DataError(f"{path}: is not there; install scikit-image 0.25 or later")
    return path


def cells_folder() -> Path:
    """Return the folder of the cells, with their ``labels.csv``.

    Raises
    ------
    DataError
        If elpv-dataset is not installed.
    """
    return _installed("elpv_dataset", "elpv-dataset") / "data"


def _installed(module: str, package: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise DataError(f"the package {package} is not installed; pip install it")
    return Path(spec.origin).parent
