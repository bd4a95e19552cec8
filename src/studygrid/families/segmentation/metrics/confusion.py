"""The confusion matrix of pixels."""

from __future__ import annotations

from studygrid.families.segmentation.metrics.validity import require_valid
from studygrid.families.segmentation.predictions import Predictions


def confusion_matrix(predictions: Predictions) -> list[list[int]]:
    """Return the pixels of the split, (classes, classes): rows true, columns predicted.

    Raises
    ------
    Undefined
        If the split is empty or the loss of an image is not finite.
    """
    require_valid(predictions)
    table: list[list[int]] = predictions.pooled.tolist()
    return table
