"""Expected calibration error."""

from __future__ import annotations

import numpy as np

from studygrid.families.classification.metrics.validity import require_valid
from studygrid.families.classification.predictions import Predictions

BINS = 15


def expected_calibration_error(predictions: Predictions) -> float:
    """Return the mean gap between confidence and accuracy over 15 equal bins of confidence.

    The confidence of a sample is the probability of its predicted class. Bin m of M holds the
    samples whose confidence lies in ((m - 1) / M, m / M]; with n samples in all,
    ``ECE = sum over bins of |bin| / n * |accuracy(bin) - confidence(bin)|``. Empty bins add
    nothing. Source: Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks,
    ICML 2017, equations 2 and 3.

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
    gaps = np.bincount(bins, weights=right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))
