"""Scores of overlap from a confusion matrix of pixels, or from many at once.

Each function takes shape (..., classes, classes), rows true, columns predicted, class 0 the
background, and gives shape (...): the mean over the foreground classes that occur in truth or in
prediction, NaN where none does. A class that occurs and has 0 / 0 scores 0, as with
scikit-learn's ``zero_division=0``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[Any]  # whole numbers, also as float64
Values = NDArray[np.float64]


def iou(confusion: Counts) -> Values:
    """Return the intersection over the union: ``TP / (TP + FP + FN)``."""
    found, predicted, true = _areas(confusion)
    return mean_over_classes(found, predicted + true - found, predicted + true > 0)


def f1(confusion: Counts) -> Values:
    """Return F1, which is the Dice coefficient: ``2 TP / (2 TP + FP + FN)``."""
    found, predicted, true = _areas(confusion)
    return mean_over_classes(2 * found, predicted + true, predicted + true > 0)


def precision(confusion: Counts) -> Values:
    """Return the share of predicted pixels that are right: ``TP / (TP + FP)``."""
    found, predicted, true = _areas(confusion)
    return mean_over_classes(found, predicted, predicted + true > 0)


def recall(confusion: Counts) -> Values:
    """Return the share of true pixels that are found: ``TP / (TP + FN)``."""
    found, predicted, true = _areas(confusion)
    return mean_over_classes(found, true, predicted + true > 0)


def accuracy(confusion: Counts) -> Values:
    """Return the share of pixels, of background too, whose class is right."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1).sum(axis=-1)
    pixels = np.asarray(confusion.sum(axis=(-2, -1)))
    return _ratio(right, pixels, np.nan)


SCORES: Mapping[str, Callable[[Counts], Values]] = {
    "iou": iou,
    "dice": f1,
    "f1": f1,
    "precision": precision,
    "recall": recall,
    "accuracy": accuracy,
}


def image_scores(name: str, confusion: Counts) -> Values:
    """Return a score of each image, 1 where mask and prediction are both empty.

    Parameters
    ----------
    name
        Of `SCORES`.
    confusion
        Shape (n, classes, classes).
    """
    return np.nan_to_num(SCORES[name](confusion), nan=1.0)


def mean_over_classes(parts: Counts, wholes: Counts, occurs: NDArray[np.bool_]) -> Values:
    """Return the mean of parts over wholes over the classes that occur.

    Parameters
    ----------
    parts, wholes, occurs
        Shape (..., foreground classes).

    Returns
    -------
    Shape (...): NaN where no class occurs.
    """
    scores = np.where(occurs, _ratio(parts, wholes, 0.0), 0.0)
    return _ratio(scores.sum(axis=-1), occurs.sum(axis=-1), np.nan)


def _areas(confusion: Counts) -> tuple[Counts, Counts, Counts]:
    """Return pixels found, predicted and true of each foreground class, (..., classes - 1)."""
    found = np.diagonal(confusion, axis1=-2, axis2=-1)[..., 1:]
    return found, confusion.sum(axis=-2)[..., 1:], confusion.sum(axis=-1)[..., 1:]


def _ratio(parts: Counts, wholes: Counts, otherwise: float) -> Values:
    values = np.full(np.shape(wholes), otherwise)
    return np.asarray(np.divide(parts, wholes, out=values, where=np.asarray(wholes) > 0))
