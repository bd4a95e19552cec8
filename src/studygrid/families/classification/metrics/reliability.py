"""The table of reliability bins: how often predictions of a confidence are right."""

from __future__ import annotations

import numpy as np

from studygrid.families.classification.metrics.validity import require_valid
from studygrid.families.classification.predictions import Predictions

BINS = 15


def reliability(predictions: Predictions) -> list[list[int | float]]:
    """Return what lies in each of 15 equal bins of confidence.

    The confidence of a sample is the probability of its predicted class. Bin m of M holds the
    samples whose confidence lies in ((m - 1) / M, m / M]. Source: Guo, Pleiss, Sun and
    Weinberger, On calibration of modern neural networks, ICML 2017, section 2.

    Returns
    -------
    A row a bin, from low to high: the count of its samples, the sum of their confidences, and
        how many of them are predicted right. Rows of different runs may be added up.

    Raises
    ------
    Undefined
        If the split is empty or a probability is not finite.
    """
    require_valid(predictions)
    confidence = predictions.probabilities.max(axis=1)
    right = predictions.predicted == predictions.labels
    # The count of inner edges below a value; a value on an edge stays in the lower bin.
    bins = np.searchsorted(np.arange(1, BINS) / BINS, confidence, side="left")
    counts = np.bincount(bins, minlength=BINS)
    sums = np.bincount(bins, weights=confidence, minlength=BINS)
    hits = np.bincount(bins[right], minlength=BINS)
    rows = zip(counts.tolist(), sums.tolist(), hits.tolist(), strict=True)
    return [[count, total, hit] for count, total, hit in rows]
