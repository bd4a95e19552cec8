"""Scores of overlap of each image, and their means over the images of a split."""

from __future__ import annotations

import numpy as np

from studygrid.families.segmentation import overlap
from studygrid.families.segmentation.metrics.validity import require_valid
from studygrid.families.segmentation.predictions import Predictions


def image_scores(name: str, predictions: Predictions) -> overlap.Values:
    """Return a score of each image, shape (n,); 1 where mask and prediction are both empty.

    Parameters
    ----------
    name
        Of `overlap.SCORES`.

    Raises
    ------
    Undefined
        If the split is empty or the loss of an image is not finite.
    """
    require_valid(predictions)
    scores = overlap.SCORES[name](predictions.confusion)
    return np.where(np.isnan(scores), 1.0, scores)


def iou(predictions: Predictions) -> float:
    """Return the mean over the images of their IoU.

    Raises
    ------
    Undefined
        If the split is empty or the loss of an image is not finite.
    """
    return float(image_scores("iou", predictions).mean())


def f1(predictions: Predictions) -> float:
    """Return the mean over the images of their F1.

    Raises
    ------
    Undefined
        If the split is empty or the loss of an image is not finite.
    """
    return float(image_scores("f1", predictions).mean())


def precision(predictions: Predictions) -> float:
    """Return the mean over the images of their precision.

    Raises
    ------
    Undefined
        If the split is empty or the loss of an image is not finite.
    """
    return float(image_scores("precision", predictions).mean())


def recall(predictions: Predictions) -> float:
    """Return the mean over the images of their recall.

    Raises
    ------
    Undefined
        If the split is empty or the loss of an image is not finite.
    """
    return float(image_scores("recall", predictions).mean())


def accuracy(predictions: Predictions) -> float:
    """Return the mean over the images of their accuracy.

    Raises
    ------
    Undefined
        If the split is empty or the loss of an image is not finite.
    """
    return float(image_scores("accuracy", predictions).mean())
