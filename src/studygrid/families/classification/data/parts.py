"""What every dataset's preparation ends with: labels, splits, counts, duplicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import SPLITS, Split
from studygrid.families.duplicates import find_duplicates
from studygrid.families.images.arrays import NativeImages, channel_statistics
from studygrid.families.images.resize import Fit, is_enlarged
from studygrid.families.prepared import PreparedParts, describe_array, write_split


def describe_parts(
    folder: Path,
    native: NativeImages,
    side: int,
    fit: Fit,
    names: Sequence[str],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    splits: Mapping[Split, NDArray[np.int64]],
    facts: Mapping[str, Any],
) -> PreparedParts:
    """Write labels and splits beside the images of `write_images`, and describe it all.

    Parameters
    ----------
    names, labels
        Of every sample: what a person finds it by, and its class number.
    splits
        Indices of each split.
    facts
        What is particular to the dataset.
    """
    np.save(folder / "labels.npy", np.asarray(labels, np.int64))
    images: NDArray[np.uint8] = np.load(folder / "images.npy", mmap_mode="r")
    mean, std = channel_statistics(images, splits["train"])
    duplicates = find_duplicates(native.digests, labels, splits, names)
    enlarged = sum(
        is_enlarged(height, width, side, fit)
        for height, width in zip(native.heights, native.widths, strict=True)
    )
    return PreparedParts(
        arrays={name: describe_array(folder, name) for name in ("images", "labels")},
        splits={split: write_split(folder, split, splits[split], labels) for split in SPLITS},
        facts={
            "classes": list(classes),
            "channels": images.shape[1],
            "mean": mean,
            "std": std,
            "native_height_px": _range(native.heights),
            "native_width_px": _range(native.widths),
            "upsampled": enlarged > 0,
            "upsampled_count": enlarged,
            "sample_count": len(labels),
            "unreadable": [],
            "duplicate_groups": duplicates.groups,
            "duplicate_groups_with_mixed_labels": duplicates.mixed_label_groups,
            "duplicate_groups_across_splits": duplicates.across_split_groups,
            "duplicate_samples_across_splits": duplicates.across_split_samples,
            **facts,
        },
        duplicates=duplicates.across_splits,
    )


def _range(lengths: Sequence[int]) -> int | list[int]:
    low, high = min(lengths), max(lengths)
    return low if low == high else [low, high]
