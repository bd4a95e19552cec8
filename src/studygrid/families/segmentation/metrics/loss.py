"""The loss of a split."""

from __future__ import annotations

from studygrid.families.segmentation.metrics.validity import require_valid
from studygrid.families.segmentation.predictions import Predictions


def loss(predictions: Predictions) -> float:
    """Return the mean over the images of the loss of each.

    Raises
    ------
    Undefined
        If the split is empty or the loss of an image is not finite.
    """
    require_valid(predictions)
    return float(predictions.losses.mean())
