"""ELPV: photovoltaic cells in electroluminescence, functional or defective."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.base import Split
from studygrid.families.classification.data.parts import describe_parts
from studygrid.families.classification.options import ElpvOptions
from studygrid.families.images.arrays import write_images
from studygrid.families.images.decode import as_uint8, read_image
from studygrid.families.prepared import PreparedParts

CLASSES = ("functional", "defective")
CELLS = 2624
BLOCK = 41
# Folds 0 and 1 of scikit-learn 1.9's StratifiedGroupKFold(5, shuffle=True, random_state=0), on
# the labels, with the blocks as groups. They are written out because its releases before 1.8
# draw other folds (scikit-learn #32540), and a study's test set must not follow a library.
TEST_BLOCKS = (11, 12, 13, 16, 22, 25, 44, 48, 50, 52, 54, 55)
VALIDATION_BLOCKS = (0, 1, 2, 7, 18, 19, 23, 24, 38, 41, 47, 58, 59)

_FACTS = {
    "labels": "defective where the annotated defect probability (0, 1/3, 2/3 or 1) is at least 0.5",
    "split": "by 64 blocks of 41 cells in file order, stratified by label: cells of one module "
    "follow each other, and a random split would put them on both sides",
}


def prepare(options: ElpvOptions, resolution: int, folder: Path, workers: int = 1) -> PreparedParts:
    """Write ELPV, resized to `resolution` px, into a folder.

    Raises
    ------
    DataError
        If the package's data is not the 2,624 cells that the split is made for.
    """
    with as_file(files("elpv_dataset") / "data") as source:
        names, probabilities = _read_labels(source / "labels.csv")
        native = write_images(folder, _images(source, names), CELLS, 1, resolution)
    # A little below a half: a third and two thirds are rounded in the file.
    labels = (probabilities >= 0.5 - 1e-6).astype(np.int64)
    return describe_parts(
        folder, native, resolution, "crop", names, labels, CLASSES, split_blocks(), _FACTS
    )


def split_blocks() -> dict[Split, NDArray[np.int64]]:
    """Return the indices of each split, whole blocks of neighbouring cells."""
    indices = np.arange(CELLS)
    test = np.isin(indices // BLOCK, TEST_BLOCKS)
    validation = np.isin(indices // BLOCK, VALIDATION_BLOCKS)
    return {
        "train": indices[~test & ~validation],
        "validation": indices[validation],
        "test": indices[test],
    }


def _read_labels(path: Path) -> tuple[list[str], NDArray[np.float64]]:
    rows = [line.split() for line in path.read_text("ascii").splitlines() if line.strip()]
    if len(rows) != CELLS or any(len(row) != 3 for row in rows):
        raise DataError(
            f"{path}: does not list the {CELLS} cells of elpv-dataset 1.0.0; install that version"
        )
    return [row[0] for row in rows], np.array([float(row[1]) for row in rows])


def _images(source: Path, names: list[str]) -> Iterator[NDArray[np.uint8]]:
    for name in names:
        yield as_uint8(read_image(source / name), "grey")
