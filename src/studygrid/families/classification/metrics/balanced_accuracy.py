"""Balanced accuracy."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import recall_score

from studygrid.families.classification.metrics.validity import require_valid
from studygrid.families.classification.predictions import Predictions


def balanced_accuracy(predictions: Predictions) -> float:
    """Return the mean over the classes present of the share of their samples found.

    It equals scikit-learn's ``balanced_accuracy_score``, which warns on stderr where a class
    is predicted but not present; the recall of the classes present is the same number.

    Raises
    ------
    Undefined
        If the split is empty or a probability is not finite.
    """
    require_valid(predictions)
    present = np.unique(predictions.labels)
    return float(
        recall_score(predictions.labels, predictions.predicted, labels=present, average="macro")
    )
