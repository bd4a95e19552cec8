"""How well the tokens and globals of the background are rebuilt."""

from __future__ import annotations

import math

import numpy as np

from studygrid.families.base import Undefined
from studygrid.families.events.metrics.validity import Floats, background_values
from studygrid.families.events.predictions import Predictions

# Each raises `Undefined` where the model rebuilds no tokens, the split has no background event,
# or an error is not finite.


def token_mse(predictions: Predictions) -> float:
    """Return the mean over the background events of their squared token error."""
    return float(_squared(predictions).mean())


def token_mse_sd(predictions: Predictions) -> float:
    """Return the standard deviation (n - 1) of their squared token error."""
    return _sd(_squared(predictions))


def token_mse_p50(predictions: Predictions) -> float:
    """Return the median of their squared token error."""
    return _quantile(_squared(predictions), 50)


def token_mse_p95(predictions: Predictions) -> float:
    """Return the 95 % quantile of their squared token error."""
    return _quantile(_squared(predictions), 95)


def token_mse_p99(predictions: Predictions) -> float:
    """Return the 99 % quantile of their squared token error."""
    return _quantile(_squared(predictions), 99)


def token_mae(predictions: Predictions) -> float:
    """Return the mean over the background events of their absolute token error."""
    return float(_absolute(predictions).mean())


def token_mae_sd(predictions: Predictions) -> float:
    """Return the standard deviation (n - 1) of their absolute token error."""
    return _sd(_absolute(predictions))


def token_mae_p50(predictions: Predictions) -> float:
    """Return the median of their absolute token error."""
    return _quantile(_absolute(predictions), 50)


def token_mae_p95(predictions: Predictions) -> float:
    """Return the 95 % quantile of their absolute token error."""
    return _quantile(_absolute(predictions), 95)


def token_mae_p99(predictions: Predictions) -> float:
    """Return the 99 % quantile of their absolute token error."""
    return _quantile(_absolute(predictions), 99)


def globals_mse(predictions: Predictions) -> float:
    """Return the mean over the background events of the squared error of their globals.

    Raises
    ------
    Undefined
        If the model rebuilds no globals, the split has no background event, or an error is not
        finite.
    """
    if predictions.globals_mse is None:
        raise Undefined("the model rebuilds no globals")
    errors = background_values(predictions, predictions.globals_mse, "error of the globals")
    return float(errors.mean())


def class_accuracy(predictions: Predictions) -> float:
    """Return the share of the background's valid tokens whose class is found.

    Raises
    ------
    Undefined
        If the model rebuilds no classes, or the share is not finite, as of no token.
    """
    if predictions.class_correct is None:
        raise Undefined("the model rebuilds no classes")
    if not math.isfinite(predictions.class_correct):
        raise Undefined("the share of the tokens whose class is found is not finite")
    return float(predictions.class_correct)


def _squared(predictions: Predictions) -> Floats:
    if predictions.token_mse is None:
        raise Undefined("the model rebuilds no tokens")
    return background_values(predictions, predictions.token_mse, "squared token error")


def _absolute(predictions: Predictions) -> Floats:
    if predictions.token_mae is None:
        raise Undefined("the model rebuilds no tokens")
    return background_values(predictions, predictions.token_mae, "absolute token error")


def _sd(errors: Floats) -> float:
    if len(errors) < 2:
        raise Undefined("one background event shows no spread")
    return float(errors.std(ddof=1))


def _quantile(errors: Floats, percent: float) -> float:
    return float(np.percentile(errors, percent))
