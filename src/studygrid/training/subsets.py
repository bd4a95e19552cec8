"""Training subsets: nested over sizes, stratified by class."""

from __future__ import annotations

from typing import Any

import numpy as np


def nested_subset(
    count: int, size: int, stratum: np.ndarray[Any, Any] | None, stream: int
) -> np.ndarray[Any, Any]:
    """Draw the first `size` samples of one random order of all samples.

    Every subset of one stream is the start of the same order, so smaller ones lie within larger
    ones. The order spreads each class evenly: each start of it holds every class in proportion,
    to within one sample.

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
    generator = np.random.default_rng(stream)
    # Random order and tie-break first, so that they do not depend on the labels.
    permutation = generator.permutation(count)
    if stratum is None:
        return np.sort(permutation[:size])
    place = np.empty(count)
    for value in np.unique(stratum):
        members = permutation[stratum[permutation] == value]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    rank = np.empty(count, dtype=np.int64)
    rank[permutation] = np.arange(count)
    order = np.lexsort((rank, place))
    return np.sort(order[:size])
