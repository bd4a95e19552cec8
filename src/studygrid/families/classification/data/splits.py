"""Splits of data that comes unsplit."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import Split
from studygrid.families.classification.data.shares import held_out

Indices = dict[Split, NDArray[np.int64]]


def split_by_class(
    labels: NDArray[np.int64],
    digests: Sequence[str],
    fractions: Mapping[Split, float],
    seed: int,
) -> Indices:
    """Hold out the same fraction of every class; the rest is for training.

    Samples are drawn in the order of the hash of seed and content. The split is then the same
    for every version of every library and whatever the files are called, and a sample that is
    added displaces few others. Samples that occur more than once are drawn last, so that they
    stay in training together unless a class has hardly any others.

    Parameters
    ----------
    labels
        Class numbers, shape (n,).
    digests
        Hash of each sample's content.
    fractions
        Share of each class that a split takes (see `shares.held_out`).

    Returns
    -------
    dict
        Sorted indices of each split, together all n.
    """
    copies = Counter(digests)
    keys = [
        (copies[digest] > 1, hashlib.sha256(f"{seed} {digest}".encode()).digest())
        for digest in digests
    ]
    taken: dict[Split, list[int]] = {split: [] for split in ("train", *fractions)}
    for label in np.unique(labels):
        order = sorted(np.flatnonzero(labels == label).tolist(), key=lambda index: keys[index])
        count, start = len(order), 0
        for split, fraction in fractions.items():
            end = start + held_out(count, fraction)
            taken[split] += order[start:end]
            start = end
        taken["train"] += order[start:]
    return {split: np.sort(np.asarray(found, np.int64)) for split, found in taken.items()}
