"""How often two tags are in one row, and how near two such patterns are to each other.

The functions that compare take counts of the same pairs of tags on two sides, as `counts` gives
them. Each raises `Undefined` where a side has no pair: there is no pattern then.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from studygrid.families.base import Undefined

Rows = NDArray[np.uint8]
Counts = NDArray[np.int64]

SMOOTHING = 0.5
# Sums of zeros and ones stay exact in float32 up to 2**24, so this many rows at a time do.
_ROWS_AT_A_TIME = 65_536


def counts(rows: Rows) -> Counts:
    """Return how many rows have both tags, for each pair of different tags.

    Parameters
    ----------
    rows
        Shape (n, R), 0 or 1.

    Returns
    -------
    Shape (R (R - 1) / 2,): the upper triangle of `joint_counts`, row after row.
    """
    joint = joint_counts(rows)
    return joint[np.triu_indices(len(joint), 1)]


def joint_counts(rows: Rows) -> Counts:
    """Return how many rows have both tags, shape (R, R); on the diagonal, that have the tag."""
    total = np.zeros((rows.shape[1], rows.shape[1]), dtype=np.int64)
    for start in range(0, len(rows), _ROWS_AT_A_TIME):
        part = rows[start : start + _ROWS_AT_A_TIME].astype(np.float32)
        total += (part.T @ part).astype(np.int64)
    return total


def joint_shares(rows: Rows, most: int = 24) -> NDArray[np.float32]:
    """Return the share of the rows that have both tags, of the first `most` tags.

    Returns
    -------
    Shape (T, T) with T = min(R, most); on the diagonal, the share that has the tag.

    Raises
    ------
    Undefined
        If there are no rows.
    """
    if len(rows) == 0:
        raise Undefined("there are no rows")
    return (joint_counts(rows[:, :most]) / len(rows)).astype(np.float32)


def cosine(data: Counts, model: Counts) -> float:
    """Return the cosine of the angle between two vectors of counts, from 0 to 1."""
    _require_pairs(data, model)
    first, second = data.astype(np.float64), model.astype(np.float64)
    value = first @ second / (np.linalg.norm(first) * np.linalg.norm(second))
    return min(1.0, float(value))


def pearson(data: Counts, model: Counts) -> float:
    """Return the Pearson correlation of counts over the pairs, from -1 to 1.

    Raises
    ------
    Undefined
        If a side has no pair, or equally many rows of each pair (one pair alone is so).
    """
    _require_pairs(data, model)
    for side, name in ((data, "data"), (model, "model")):
        if (side == side[0]).all():
            raise Undefined(f"all {len(side)} pairs of tags are equally frequent in the {name}")
    return float(np.corrcoef(data, model)[0, 1])


def jensen_shannon_bits(data: Counts, model: Counts) -> float:
    """Return the Jensen-Shannon divergence of the shares of pairs in bits, from 0 to 1.

    Source: Lin, Divergence measures based on the Shannon entropy, IEEE Transactions on
    Information Theory 37 (1991), 145, with equal weights.
    """
    _require_pairs(data, model)
    first, second = data / data.sum(), model / model.sum()
    middle = (first + second) / 2
    nats = special.rel_entr(first, middle).sum() + special.rel_entr(second, middle).sum()
    return min(1.0, float(nats / (2 * np.log(2))))


def kl_nats(data: Counts, model: Counts) -> float:
    """Return KL(data || model) of the smoothed shares of pairs in nats, 0 or more.

    A pair that the model never makes would make it infinite, so `SMOOTHING` (Krichevsky and
    Trofimov 1981) is added on both sides to the count of each pair that occurs on one of them.
    To add it to all pairs of the vocabulary would drown the counts: most never occur, and the
    divergence would fall as the vocabulary grows.
    """
    _require_pairs(data, model)
    occur = (data > 0) | (model > 0)
    first, second = data[occur] + SMOOTHING, model[occur] + SMOOTHING
    return float(special.rel_entr(first / first.sum(), second / second.sum()).sum())


def _require_pairs(data: Counts, model: Counts) -> None:
    if len(data) == 0:
        raise Undefined("one tag alone makes no pair")
    for side, name in ((data, "data"), (model, "model")):
        if not side.any():
            raise Undefined(f"no row of the {name} has two tags")
