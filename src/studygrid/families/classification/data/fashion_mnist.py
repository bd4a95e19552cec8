"""Fashion-MNIST, or any set of its format and classes, from its four IDX files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.classification.data.fashion_files import (
    SPLIT_SEED,
    VALIDATION_FRACTION,
    idx_path,
)
from studygrid.families.classification.data.idx import read_idx
from studygrid.families.classification.data.parts import describe_parts
from studygrid.families.classification.data.splits import split_by_class
from studygrid.families.classification.options import FashionMnistOptions
from studygrid.families.images.arrays import write_images
from studygrid.families.prepared import PreparedParts

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_FACTS = {
    "split": f"test: the t10k files; validation: {VALIDATION_FRACTION:.0%} of each class of the "
    "train files",
}


def prepare(
    options: FashionMnistOptions, resolution: int, folder: Path, workers: int = 1
) -> PreparedParts:
    """Write Fashion-MNIST, resized to `resolution` px, into a folder.

    Raises
    ------
    DataError
        If a file is missing or damaged, or the labels are not those of ten classes.
    """
    parts = [_read(options, part) for part in ("train", "t10k")]
    (train, train_labels), (test, test_labels) = parts
    labels = np.concatenate([train_labels, test_labels])
    count = len(train)
    native = write_images(folder, _chained(train, test), len(labels), 1, resolution)
    splits = split_by_class(
        train_labels, native.digests[:count], {"validation": VALIDATION_FRACTION}, SPLIT_SEED
    )
    splits["test"] = np.arange(count, len(labels))
    names = [f"train {n}" for n in range(count)] + [f"t10k {n}" for n in range(len(test))]
    return describe_parts(
        folder, native, resolution, "crop", names, labels, CLASSES, splits, _FACTS
    )


def _chained(*parts: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    for part in parts:
        yield from part


def _read(options: FashionMnistOptions, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    path = idx_path(options, f"{part}-images-idx3-ubyte")
    shape, content = read_idx(path, 3)
    images = np.frombuffer(content, np.uint8).reshape(shape)
    labels_path = idx_path(options, f"{part}-labels-idx1-ubyte")
    labels = np.frombuffer(read_idx(labels_path, 1)[1], np.uint8).astype(np.int64)
    if len(labels) != len(images):
        raise DataError(f"{labels_path}: holds {len(labels)} labels for {len(images)} images")
    found = np.unique(labels).tolist()
    if found != list(range(len(CLASSES))):
        raise DataError(f"{labels_path}: holds the labels {found}, not 0 to 9")
    return images, labels
