"""Patterns that two scans share: the same measurement, whatever unit it is written in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from studygrid.errors import DataError
from studygrid.families.base import SPLITS
from studygrid.families.ptychography.data.pieces import Part
from studygrid.records import DuplicateSample

_PX_AT_ONCE = 1 << 20
_DIRECTIONS = 8
# Of patterns of length 1. Rounding to float32 is far below, the noise of 10^9 photons far above.
_CANDIDATE, _EQUAL = 1e-4, 1e-5
# With fewer, patterns of a few counts are equal by chance: those of one count up to its place.
_LEAST_LIT = 10


def shared_patterns(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return which patterns of two scans are equal up to a factor.

    Candidates are those with equal projections on a few random directions; each is then compared
    whole. A pattern with fewer than ten px above 0 equals none.

    Parameters
    ----------
    first, second
        Shapes (n, N, N) and (m, N, N).

    Returns
    -------
    numpy.ndarray
        int64, shape (k, 2): place in the first and in the second; each of the second at most once.
    """
    if first.shape[1:] != second.shape[1:]:
        return np.empty((0, 2), np.int64)
    directions = np.random.default_rng(0).standard_normal((first[0].size, _DIRECTIONS))
    places, projections = _projected(first, directions)
    others, wanted = _projected(second, directions)
    if not len(places) or not len(others):
        return np.empty((0, 2), np.int64)
    distance, nearest = cKDTree(projections).query(wanted, distance_upper_bound=_CANDIDATE)
    pairs = [
        (int(places[at]), int(other))
        for other, at, near in zip(others, nearest, distance, strict=True)
        if np.isfinite(near) and _are_equal(first[places[at]], second[other])
    ]
    return np.array(pairs, np.int64).reshape(-1, 2)


def duplicates_of(parts: Sequence[Part]) -> list[DuplicateSample]:
    """Return the patterns that training and validation share.

    Raises
    ------
    DataError
        If the test split shares one with another.
    """
    found: list[DuplicateSample] = []
    for first, second in combinations(parts, 2):
        if first.split == second.split:
            continue
        pairs = shared_patterns(
            first.scan.patterns[first.chosen], second.scan.patterns[second.chosen]
        )
        if len(pairs) and "test" in (first.split, second.split):
            raise DataError(_shared_message(first, second, pairs))
        found += [_duplicate(first, second, one, other) for one, other in pairs.tolist()]
    return found


def _projected(
    patterns: NDArray[np.float32], directions: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the places of patterns that tell enough, and their projections at length 1."""
    rows = max(1, _PX_AT_ONCE // max(1, patterns[0].size))
    found = []
    for start in range(0, len(patterns), rows):
        flat = patterns[start : start + rows].reshape(-1, len(directions)).astype(np.float64)
        length = np.linalg.norm(flat, axis=1, keepdims=True)
        lit = np.count_nonzero(flat, axis=1, keepdims=True) >= _LEAST_LIT
        found.append(flat @ directions / np.where(lit, length, np.nan))
    projections = np.concatenate(found)
    telling = np.isfinite(projections).all(axis=1)
    return np.flatnonzero(telling), projections[telling]


def _are_equal(first: NDArray[np.float32], second: NDArray[np.float32]) -> bool:
    unit = [pattern.astype(np.float64) / np.linalg.norm(pattern) for pattern in (first, second)]
    return bool(np.linalg.norm(unit[0] - unit[1]) < _EQUAL)


def _shared_message(first: Part, second: Part, pairs: NDArray[np.int64]) -> str:
    one, other = int(first.chosen[pairs[0, 0]]), int(second.chosen[pairs[0, 1]])
    return (
        f"{first.label}, and {second.label}, share {len(pairs)} patterns (the first: {one} and "
        f"{other}); a test on what was trained on says nothing of other objects, so give a test "
        "scan of another object"
    )


def _duplicate(first: Part, second: Part, one: int, other: int) -> DuplicateSample:
    pair = sorted(((first, one), (second, other)), key=lambda item: SPLITS.index(item[0].split))
    return DuplicateSample(
        splits=[part.split for part, _ in pair],
        samples=[f"{part.scan.name} pattern {int(part.chosen[at])}" for part, at in pair],
    )
