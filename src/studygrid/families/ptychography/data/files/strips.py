"""The validation strip of a training scan."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from studygrid.families.base import SPLITS
from studygrid.families.ptychography.data.files.options import ScanFilesOptions


def strip_count(options: ScanFilesOptions, patterns: int) -> int:
    """Return how many of a training scan's patterns are in its validation strip."""
    if options.validation is not None:
        return 0
    return min(max(1, round(options.validation_fraction * patterns)), patterns - 1)


def strip_splits(positions: NDArray[np.float32], count: int) -> NDArray[np.int8]:
    """Return of each pattern its place in `SPLITS`: a strip at the end is of validation.

    The strip lies across the longer side of the scan, at the end of high rows or columns.

    Parameters
    ----------
    positions
        Shape (n, 2).
    count
        Patterns in the strip.
    """
    axis = int(np.ptp(positions, axis=0).argmax())
    # Within a row of the raster the other coordinate decides, so that the strip has no holes.
    along = np.lexsort([positions[:, 1 - axis], positions[:, axis]])
    splits = np.full(len(positions), SPLITS.index("train"), np.int8)
    splits[along[len(positions) - count :]] = SPLITS.index("validation")
    return splits


def strip_facts(
    positions: NDArray[np.float32], splits: NDArray[np.int8], diameter: float
) -> dict[str, Any]:
    """Return how much of the training split sees what the validation strip sees.

    Parameters
    ----------
    diameter
        Of the probe, px: patterns that are less apart light the same part of the object.
    """
    inside = splits == SPLITS.index("validation")
    distance, _ = cKDTree(positions[inside]).query(positions[~inside])
    return {
        "validation_strip": {
            "patterns": int(inside.sum()),
            "training_patterns_that_overlap_it": int((distance < diameter).sum()),
        }
    }
