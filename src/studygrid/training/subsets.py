"""Training subsets: nested over sizes, stratified by class."""

from __future__ import annotations

from typing import Any

import numpy as np


def nested_subset(
    count: int, size: int, stratum: np.ndarray[Any, Any] | None, stream: int
) -> np.ndarray[Any, Any]:
    """Draw the first `size` samples of one random order of all samples.

    Every subset of one stream is the start of the same order, so smaller ones lie within larger
    ones. Each start of the order holds every class in proportion, to within one sample.

    Parameters
    ----------
    count
        Samples to draw from.
    size
        Samples wanted, at most `count`.
    stratum
        Class of each sample, shape (count,), or None.
    stream
        Entropy of the subset stream.

    Returns
    -------
    Sorted positions, int64, shape (size,).
    """
    permutation = np.random.default_rng(stream).permutation(count)
    if stratum is None or size == count:
        return np.sort(permutation[:size])
    drawn = stratum[permutation]
    # Classes in the order in which they are first drawn: a random one, which breaks ties.
    _, first = np.unique(drawn, return_index=True)
    members = [permutation[drawn == value] for value in drawn[np.sort(first)]]
    taken = _proportional_counts([len(part) for part in members], size)
    return np.sort(np.concatenate([part[:n] for part, n in zip(members, taken, strict=True)]))


def _proportional_counts(totals: list[int], size: int) -> list[int]:
    """Return how many of each class are among the first `size` of the proportional order.

    One sample is added at a time, of the class that would first fall behind its share by too
    much: Tijdeman, The chairman assignment problem, Discrete Mathematics 32 (1980). No class
    is ever off its share by more than 1 - 1/(2k - 2) samples, k the number of classes.
    """
    count, slack = sum(totals), max(1, 2 * len(totals) - 2)
    total = np.asarray(totals, dtype=np.int64)
    taken = np.zeros_like(total)
    for step in range(1, size + 1):
        # All times count * slack, and so whole numbers: ties stay ties.
        behind = slack * (total * step - count * taken)
        deadline = ((slack - 1) * count - behind) / total
        taken[np.where(behind >= count, deadline, np.inf).argmin()] += 1
    return [int(number) for number in taken]
