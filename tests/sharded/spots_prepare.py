"""What makes arrays of the shards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.families.classification.data.parts import describe_parts
from studygrid.families.classification.data.splits import split_by_class
from studygrid.families.images.arrays import write_images
from studygrid.families.prepared import PreparedParts


def prepare(
    options: Any, resolution: int, folder: Path, workers: int, *, shards: Mapping[str, Path]
) -> PreparedParts:
    """Write the images of all shards, resized."""
    labels = np.concatenate([np.load(file)["labels"] for file in shards.values()])
    native = write_images(folder, _images(shards), len(labels), 1, resolution)
    fractions = {"test": 0.25, "validation": 0.25}
    splits = split_by_class(labels, native.digests, fractions, 0)  # type: ignore[arg-type]
    names = [str(number) for number in range(len(labels))]
    return describe_parts(
        folder, native, resolution, "crop", names, labels, ["above", "below"], splits, {}
    )


def _images(shards: Mapping[str, Path]) -> Iterator[NDArray[np.uint8]]:
    for file in shards.values():
        yield from np.load(file)["images"]
