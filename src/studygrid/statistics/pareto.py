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
    known = ~(np.isnan(x) | np.isnan(y))
    no_worse = (x[:, None] <= x) & (y[:, None] >= y)  # [i, j]: i is at least as good as j
    better = (x[:, None] < x) | (y[:, None] > y)
    dominated = np.any(no_worse & better & known[:, None], axis=0)
    front: NDArray[np.bool_] = known & ~dominated
    return front
