"""What every dataset's preparation ends with: splits, foreground, statistics of what is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.base import SPLITS, Split
from studygrid.families.images.arrays import channel_statistics
from studygrid.families.prepared import PreparedParts, describe_array, write_split
from studygrid.families.segmentation.widths import mask_width_px
from studygrid.records import DuplicateSample

ARRAYS = ("images", "masks", "has_foreground", "width_px")
_CHUNK_BYTES = 1 << 24


def describe_parts(
    folder: Path,
    splits: Mapping[Split, NDArray[np.int64]],
    classes: Sequence[str],
    facts: Mapping[str, Any],
    duplicates: Sequence[DuplicateSample] = (),
) -> PreparedParts:
    """Write splits, ``has_foreground.npy`` and ``width_px.npy`` beside images and masks.

    The width is that of each test mask, NaN where it is empty and for all other images: scores
    are told by it, and to measure it takes longer than to score.

    Parameters
    ----------
    folder
        Holds ``images.npy``, uint8 of shape (n, channels, side, side), and ``masks.npy``, uint8
        of shape (n, side, side): class numbers, 0 is the background.
    splits
        Indices of each split.
    classes
        Names of all classes, the background's first.
    facts
        What is particular to the dataset.
    duplicates
        Samples of the same content in different splits.
    """
    images: NDArray[np.uint8] = np.load(folder / "images.npy", mmap_mode="r")
    masks: NDArray[np.uint8] = np.load(folder / "masks.npy", mmap_mode="r")
    foreground = foreground_pixels(masks)
    has_foreground = (foreground > 0).astype(np.int64)
    np.save(folder / "has_foreground.npy", has_foreground)
    np.save(folder / "width_px.npy", _test_widths(masks, splits["test"]))
    mean, std = channel_statistics(images, splits["train"])
    return PreparedParts(
        arrays={name: describe_array(folder, name) for name in ARRAYS},
        splits={
            split: write_split(folder, split, splits[split], has_foreground) for split in SPLITS
        },
        facts={
            "classes": list(classes),
            "channels": images.shape[1],
            "mean": mean,
            "std": std,
            "sample_count": len(masks),
            "empty_masks": {
                split: int((has_foreground[splits[split]] == 0).sum()) for split in SPLITS
            },
            "foreground_share": {
                split: _share(foreground[splits[split]], masks[0].size) for split in SPLITS
            },
            **facts,
        },
        duplicates=list(duplicates),
    )


def require_foreground(folder: Path, splits: Mapping[Split, NDArray[np.int64]]) -> None:
    """Refuse splits whose scores would have no value.

    Raises
    ------
    DataError
        If no mask of a split has foreground.
    """
    foreground = foreground_pixels(np.load(folder / "masks.npy", mmap_mode="r"))
    for split, indices in splits.items():
        if not foreground[indices].any():
            raise DataError(
                f"no mask of the {split} split has foreground; make the split larger, or fewer of "
                "its masks empty"
            )


def foreground_pixels(masks: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how many pixels of each mask, shape (n, height, width), are not background."""
    rows = max(1, _CHUNK_BYTES // max(1, masks[0].nbytes))
    starts = range(0, len(masks), rows)
    counts = [np.count_nonzero(masks[start : start + rows], axis=(1, 2)) for start in starts]
    return np.concatenate(counts).astype(np.int64)


def _test_widths(masks: NDArray[np.uint8], test: NDArray[np.int64]) -> NDArray[np.float64]:
    widths = np.full(len(masks), np.nan)
    widths[test] = [mask_width_px(masks[index]) for index in test]
    return widths


def _share(foreground: NDArray[np.int64], pixels: int) -> float:
    return int(foreground.sum()) / (len(foreground) * pixels)
