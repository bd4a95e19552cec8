"""The loss of the background."""

from __future__ import annotations

import math

from studygrid.families.base import Undefined
from studygrid.families.events.predictions import Predictions


def loss(predictions: Predictions) -> float:
    """Return the mean loss of the background events.

    Raises
    ------
    Undefined
        If it is not finite.
    """
    if not math.isfinite(predictions.loss):
        raise Undefined("the loss is not finite")
    return float(predictions.loss)
