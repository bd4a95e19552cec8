"""Scores of overlap of each image, and their means over the images of a split."""

from __future__ import annotations

from studygrid.families.segmentation import overlap
from studygrid.families.segmentation.metrics.validity import require_valid
from studygrid.families.segmentation.predictions import Predictions


def iou(predictions: Predictions) -> float:
    """Return the mean over the images of their IoU.

    Raises
    ------
    Undefined
        If the split is empty or the loss of an image is not finite.
    """
    return _mean("iou", predictions)


def f1(predictions: Predictions) -> float:
    """Return the mean over the images of their F1.

    Raises
    ------
    Undefined
        If the split is empty or the loss of an image is not finite.
    """
    return _mean("f1", predictions)


def precision(predictions: Predictions) -> float:
    """Return the mean over the images of their precision.

    Raises
    ------
    Undefined
        If the split is empty or the loss of an image is not finite.
    """
    return _mean("precision", predictions)


def recall(predictions: Predictions) -> float:
    """Return the mean over the images of their recall.

    Raises
    ------
    Undefined
        If the split is empty or the loss of an image is not finite.
    """
    return _mean("recall", predictions)


def accuracy(predictions: Predictions) -> float:
    """Return the mean over the images of their accuracy.

    Raises
    ------
    Undefined
        If the split is empty or the loss of an image is not finite.
    """
    return _mean("accuracy", predictions)


def _mean(name: str, predictions: Predictions) -> float:
    require_valid(predictions)
    return float(overlap.image_scores(name, predictions.confusion).mean())
