"""Expected calibration error."""

from __future__ import annotations

from collections.abc import Sequence

from studygrid.families.classification.metrics.reliability import reliability
from studygrid.families.classification.predictions import Predictions


def expected_calibration_error(predictions: Predictions) -> float:
    """Return the mean gap between confidence and accuracy over 15 equal bins of confidence.

    With n samples in all, ``ECE = sum over bins of |bin| / n * |accuracy(bin) -
    confidence(bin)|``; empty bins add nothing. Source: Guo, Pleiss, Sun and Weinberger, On
    calibration of modern neural networks, ICML 2017, equations 2 and 3.

    Raises
    ------
    Undefined
        If the split is empty or a probability is not finite.
    """
    return error_of_bins(reliability(predictions))


def error_of_bins(bins: Sequence[Sequence[int | float]]) -> float:
    """Return the expected calibration error of a table of `reliability`.

    Parameters
    ----------
    bins
        A row a bin: count, sum of confidences, count of right predictions; of one sample at
        least in all.
    """
    gaps = [abs(right - confidence) for _, confidence, right in bins]
    return float(sum(gaps) / sum(count for count, _, _ in bins))
