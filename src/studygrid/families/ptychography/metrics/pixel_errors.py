"""Errors px by px: mean absolute, mean squared, and that against the data range in dB."""

from __future__ import annotations

import numpy as np

from studygrid.families.base import Undefined
from studygrid.families.ptychography.aligned import Part
from studygrid.families.ptychography.metrics.over_scans import (
    mean_of_amplitude,
    mean_of_phase,
    require_range,
)
from studygrid.families.ptychography.predictions import Predictions

_ROUNDING = float(np.finfo(np.float32).eps)


def mae(part: Part) -> float:
    """Return the mean absolute error."""
    return float(np.abs(part.error).mean())


def mse(part: Part) -> float:
    """Return the mean squared error."""
    return float((part.error**2).mean())


def psnr(part: Part) -> float:
    """Return ``10 log10(range^2 / MSE)`` in dB, with the data range of the truth.

    Raises
    ------
    Undefined
        If the truth is constant, or equals what was found.
    """
    data_range, error = require_range(part), mse(part)
    if error <= (_ROUNDING * np.abs(part.truth).max()) ** 2:
        raise Undefined(
            f"the reconstruction of scan {part.scan} equals the truth to the rounding of "
            "complex64: infinite"
        )
    return float(10 * np.log10(data_range**2 / error))


def amplitude_mae(predictions: Predictions) -> float:
    """Return the mean absolute error of the amplitude."""
    return mean_of_amplitude(mae, predictions)


def amplitude_mse(predictions: Predictions) -> float:
    """Return the mean squared error of the amplitude."""
    return mean_of_amplitude(mse, predictions)


def amplitude_psnr(predictions: Predictions) -> float:
    """Return the peak signal-to-noise ratio of the amplitude, in dB."""
    return mean_of_amplitude(psnr, predictions)


def phase_mae(predictions: Predictions) -> float:
    """Return the mean absolute error of the phase, in rad."""
    return mean_of_phase(mae, predictions)


def phase_mse(predictions: Predictions) -> float:
    """Return the mean squared error of the phase, in rad²."""
    return mean_of_phase(mse, predictions)


def phase_psnr(predictions: Predictions) -> float:
    """Return the peak signal-to-noise ratio of the phase, in dB."""
    return mean_of_phase(psnr, predictions)
