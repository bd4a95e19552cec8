"""Numbers that a task hands over: the loss, and how well the patterns are explained."""

from __future__ import annotations

import math

from studygrid.families.base import Undefined
from studygrid.families.ptychography.predictions import Predictions


def loss(predictions: Predictions) -> float:
    """Return the mean loss over the split.

    Raises
    ------
    Undefined
        If it is not finite.
    """
    return _finite("loss", predictions.loss)


def pattern_error(predictions: Predictions) -> float:
    """Return the R-factor of the patterns' amplitudes.

    Raises
    ------
    Undefined
        If it is not finite.
    """
    return _finite("pattern error", predictions.pattern_error)


def _finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise Undefined(f"the {name} is not finite")
    return float(value)
