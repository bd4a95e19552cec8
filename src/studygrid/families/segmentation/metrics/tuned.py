"""Scores at the threshold that was chosen on the validation split."""

from __future__ import annotations

from studygrid.families.base import Undefined
from studygrid.families.segmentation import overlap
from studygrid.families.segmentation.metrics.pooled import NO_FOREGROUND
from studygrid.families.segmentation.metrics.validity import require_valid
from studygrid.families.segmentation.predictions import Predictions


def iou(predictions: Predictions) -> float:
    """Return the pooled IoU at the chosen threshold.

    Raises
    ------
    Undefined
        If no threshold was chosen, the split is empty or without foreground, or a loss is not
        finite.
    """
    return _tuned("iou", predictions)


def f1(predictions: Predictions) -> float:
    """Return the pooled F1 at the chosen threshold.

    Raises
    ------
    Undefined
        If no threshold was chosen, the split is empty or without foreground, or a loss is not
        finite.
    """
    return _tuned("f1", predictions)


def precision(predictions: Predictions) -> float:
    """Return the pooled precision at the chosen threshold.

    Raises
    ------
    Undefined
        If no threshold was chosen, the split is empty or without foreground, or a loss is not
        finite.
    """
    return _tuned("precision", predictions)


def recall(predictions: Predictions) -> float:
    """Return the pooled recall at the chosen threshold.

    Raises
    ------
    Undefined
        If no threshold was chosen, the split is empty or without foreground, or a loss is not
        finite.
    """
    return _tuned("recall", predictions)


def _tuned(name: str, predictions: Predictions) -> float:
    require_valid(predictions)
    if predictions.classes > 2:
        raise Undefined(f"with {predictions.classes} classes there is no threshold to choose")
    if predictions.tuned is None:
        raise Undefined("no threshold was chosen on the validation split")
    value = float(overlap.SCORES[name](predictions.tuned.sum(axis=0)))
    if value != value:
        raise Undefined(NO_FOREGROUND)
    return value
