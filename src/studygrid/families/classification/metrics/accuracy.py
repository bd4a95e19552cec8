"""Accuracy."""

from __future__ import annotations

from sklearn.metrics import accuracy_score

from studygrid.families.classification.metrics.validity import require_valid
from studygrid.families.classification.predictions import Predictions


def accuracy(predictions: Predictions) -> float:
    """Return the share of samples whose most probable class is the true one.

    Raises
    ------
    Undefined
        If the split is empty or a probability is not finite.
    """
    require_valid(predictions)
    return float(accuracy_score(predictions.labels, predictions.predicted))
