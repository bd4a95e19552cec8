"""Scores of overlap over all pixels of a split."""

from __future__ import annotations

from studygrid.families.base import Undefined
from studygrid.families.segmentation import overlap
from studygrid.families.segmentation.metrics.validity import require_valid
from studygrid.families.segmentation.predictions import Predictions

NO_FOREGROUND = "no pixel of the split is foreground, in truth or in prediction"


def iou(predictions: Predictions) -> float:
    """Return the pooled intersection over the union.

    Raises
    ------
    Undefined
        If the split is empty or without foreground, or a loss is not finite.
    """
    return _pooled("iou", predictions)


def f1(predictions: Predictions) -> float:
    """Return the pooled F1, which is the Dice coefficient.

    Raises
    ------
    Undefined
        If the split is empty or without foreground, or a loss is not finite.
    """
    return _pooled("f1", predictions)


def precision(predictions: Predictions) -> float:
    """Return the pooled precision.

    Raises
    ------
    Undefined
        If the split is empty or without foreground, or a loss is not finite.
    """
    return _pooled("precision", predictions)


def recall(predictions: Predictions) -> float:
    """Return the pooled recall.

    Raises
    ------
    Undefined
        If the split is empty or without foreground, or a loss is not finite.
    """
    return _pooled("recall", predictions)


def accuracy(predictions: Predictions) -> float:
    """Return the share of all pixels whose class is right.

    Raises
    ------
    Undefined
        If the split is empty or a loss is not finite.
    """
    return _pooled("accuracy", predictions)


def _pooled(name: str, predictions: Predictions) -> float:
    require_valid(predictions)
    value = float(overlap.SCORES[name](predictions.pooled))
    if value != value:
        raise Undefined(NO_FOREGROUND)
    return value
