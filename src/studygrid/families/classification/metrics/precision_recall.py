"""Precision, recall and F1, each the plain mean over all classes, present or not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.metrics import f1_score, precision_score, recall_score

from studygrid.families.classification.metrics.validity import require_valid
from studygrid.families.classification.predictions import Predictions


def precision(predictions: Predictions) -> float:
    """Return the macro precision; a class that is never predicted counts as 0.

    Raises
    ------
    Undefined
        If the split is empty or a probability is not finite.
    """
    return _macro(precision_score, predictions)


def recall(predictions: Predictions) -> float:
    """Return the macro recall; a class without samples counts as 0.

    Raises
    ------
    Undefined
        If the split is empty or a probability is not finite.
    """
    return _macro(recall_score, predictions)


def f1(predictions: Predictions) -> float:
    """Return the macro F1; a class neither present nor predicted counts as 0.

    It is the mean of the classes' F1, not the F1 of the macro precision and recall.

    Raises
    ------
    Undefined
        If the split is empty or a probability is not finite.
    """
    return _macro(f1_score, predictions)


def _macro(score: Callable[..., float], predictions: Predictions) -> float:
    require_valid(predictions)
    # Without `labels` the mean would be over the classes that occur in this split alone.
    classes = np.arange(predictions.classes)
    return float(
        score(
            predictions.labels,
            predictions.predicted,
            labels=classes,
            average="macro",
            zero_division=0,
        )
    )
