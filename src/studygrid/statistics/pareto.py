"""The Pareto front: what no other choice beats on both counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def pareto_front(
    costs: Sequence[float] | NDArray[np.floating], scores: Sequence[float] | NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Tell which points no other dominates: lower cost and higher score are better.

    A point is dominated where another costs no more and scores no less, and is better in one of
    the two. Equal points stand or fall together.

    Parameters
    ----------
    costs, scores
        Shape (n,). For a score of which less is better, give its negative.

    Returns
    -------
    Booleans, shape (n,). A point with a NaN is never on the front and dominates none.

    Raises
    ------
    ValueError
        If the two are not of one length.
    """
    x, y = np.asarray(costs, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"costs and scores should be of one length, not {x.shape} and {y.shape}")
    front = np.zeros(len(x), dtype=np.bool_)
    known = np.flatnonzero(~(np.isnan(x) | np.isnan(y)))
    if not len(known):
        return front
    order = known[np.lexsort((-y[known], x[known]))]  # cheapest first, then best first
    cost, score = x[order], y[order]
    starts = np.concatenate([[True], cost[1:] != cost[:-1]])
    best = score[starts]  # at each cost
    beats_cheaper = np.concatenate([[True], best[1:] > np.maximum.accumulate(best)[:-1]])
    group = np.cumsum(starts) - 1
    front[order] = beats_cheaper[group] & (score == best[group])
    return front
