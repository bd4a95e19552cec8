"""Images written one by one into an array, and what they were before."""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.images.resize import Fit, resize_square

_CHUNK_BYTES = 1 << 24


@dataclass
class NativeImages:
    """Images at their native size, as they went by: hash of content, height and width, px."""

    digests: list[str] = field(default_factory=list)
    heights: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)

    def add(self, image: NDArray[np.uint8]) -> None:
        """Take note of an image, shape (height, width[, channels])."""
        pixels = np.ascontiguousarray(image)
        shape = ",".join(map(str, pixels.shape))
        self.digests.append(hashlib.sha256(shape.encode() + b"\n" + pixels.tobytes()).hexdigest())
        self.heights.append(image.shape[0])
        self.widths.append(image.shape[1])


def write_images(
    folder: Path,
    images: Iterable[NDArray[np.uint8]],
    most: int,
    channels: int,
    side: int,
    fit: Fit = "crop",
) -> NativeImages:
    """Resize images one by one into ``images.npy``, uint8 of shape (n, channels, side, side).

    Parameters
    ----------
    images
        Native images of shape (height, width) or (height, width, channels); at most `most`.

    Raises
    ------
    DataError
        If the disk has no room for the array.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "images.npy"
    path.unlink(missing_ok=True)
    require_space(folder, most * channels * side * side)
    array = open_memmap(path, mode="w+", dtype=np.uint8, shape=(most, channels, side, side))
    native = NativeImages()
    for row, image in enumerate(images):
        native.add(image)
        array[row] = resize_square(image, side, fit)
    array.flush()
    del array
    if 0 < len(native.digests) < most:
        _shorten(path, len(native.digests))
    return native


def channel_statistics(
    images: NDArray[np.uint8], indices: NDArray[np.int64]
) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel over some images, in [0, 255].

    Sums are of whole numbers, so that no order, chunk or processor shows in the last digit. The
    standard deviation is the population's (no n - 1).

    Parameters
    ----------
    images
        Shape (n, channels, height, width).
    """
    values = np.arange(256)
    rows = max(1, _CHUNK_BYTES // max(1, images[0].nbytes))
    counts = np.zeros((images.shape[1], 256), np.int64)
    for start in range(0, len(indices), rows):
        chunk = images[indices[start : start + rows]]
        for channel, count in enumerate(counts):
            count += np.bincount(chunk[:, channel].ravel(), minlength=256)
    means, deviations = [], []
    for count in counts:
        # Python's whole numbers: n times the sum of squares passes 64 bits.
        total, first, second = (int((count * values**power).sum()) for power in (0, 1, 2))
        means.append(first / total)
        deviations.append(math.sqrt((total * second - first**2) / total**2))
    return means, deviations


def require_space(folder: Path, needed: int) -> None:
    """Refuse to write more bytes than the disk has room for.

    Raises
    ------
    DataError
        If there is too little room.
    """
    # Writing to a mapped file on a full disk kills the process without a word.
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder}: the resized images take {needed >> 20} MiB and the disk has "
            f"{free >> 20} MiB left; make room, or choose a smaller resolution"
        )


def _shorten(path: Path, rows: int) -> None:
    longer = np.load(path, mmap_mode="r")
    part = path.with_suffix(".part")
    shorter = open_memmap(part, mode="w+", dtype=longer.dtype, shape=(rows, *longer.shape[1:]))
    for row in range(rows):
        shorter[row] = longer[row]
    shorter.flush()
    del shorter, longer
    part.replace(path)
