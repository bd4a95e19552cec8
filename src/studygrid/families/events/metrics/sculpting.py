"""Whether the anomaly score follows the mass of the two leading jets."""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

from studygrid.families.base import Undefined
from studygrid.families.events.metrics.validity import background_scores, background_values
from studygrid.families.events.predictions import Predictions


def mjj_correlation(predictions: Predictions) -> float:
    """Return the absolute value of `signed_mjj_correlation`."""
    return abs(signed_mjj_correlation(predictions))


def signed_mjj_correlation(predictions: Predictions) -> float:
    """Return Spearman's rank correlation of score and mJJ over the background events.

    Source: Spearman 1904; scipy.stats.spearmanr, ties as mean ranks.

    Raises
    ------
    Undefined
        If the data has no mJJ, the split no background event, a score or an mJJ is not finite, or
        one of the two is the same in all events.
    """
    scores = background_scores(predictions)
    masses = background_values(predictions, predictions.mjj, "mJJ")
    for values, what in ((scores, "anomaly score"), (masses, "mJJ")):
        if np.ptp(values) == 0:
            raise Undefined(f"the {what} is the same in all background events")
    return float(spearmanr(scores, masses).statistic)
