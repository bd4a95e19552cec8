"""How well the latent space keeps rows with different tags apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score

from studygrid.families.base import Undefined
from studygrid.families.tagvae.latent import NO_TAG, Codes, Labels, require_finite

MOST_ROWS = 5000
_SEED = 0


def silhouette(codes: Codes, labels: Labels) -> float:
    """Return the mean silhouette of codes by Euclidean distance, from -1 to 1.

    Rows labelled `NO_TAG` are left out; of more than 5,000 rows, 5,000 are drawn with a fixed
    seed. A row that is alone with its label counts 0.

    Source: Rousseeuw, Silhouettes, Journal of Computational and Applied Mathematics 20 (1987),
    53, by scikit-learn.

    Raises
    ------
    Undefined
        If there are no codes, some are not finite, all are equal (scikit-learn gives 0, which
        would stand above the negative value of a space that does hold something), or the rows
        have one label or each its own.
    """
    require_finite(codes)
    rows = _labelled_rows(labels)
    found = len(np.unique(labels[rows]))
    if not 2 <= found < len(rows):
        raise Undefined(
            f"{len(rows)} rows with a tag have {found} labels: a silhouette needs two labels or "
            "more, and fewer than rows"
        )
    points = codes[rows].astype(np.float64)
    if (points == points[0]).all():
        raise Undefined("all codes are equal, so no distance tells rows apart")
    return float(silhouette_score(points, labels[rows]))


def _labelled_rows(labels: Labels) -> NDArray[np.intp]:
    """Return positions of rows with a tag, in order, at most `MOST_ROWS` of them."""
    rows = np.flatnonzero(labels != NO_TAG)
    if len(rows) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(_SEED).choice(rows, MOST_ROWS, replace=False))
    return rows
