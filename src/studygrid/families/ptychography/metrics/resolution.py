"""The frequency, and the period, where the Fourier ring correlation falls below a threshold."""

from __future__ import annotations

from studygrid.families.ptychography.aligned import Part
from studygrid.families.ptychography.frc import Crossing, crossing
from studygrid.families.ptychography.metrics.over_scans import mean_of_amplitude, mean_of_phase
from studygrid.families.ptychography.predictions import Predictions
from studygrid.families.ptychography.thresholds import THRESHOLDS


def crossing_of(part: Part, name: str) -> Crossing:
    """Return where the curve of amplitude or phase falls below the threshold of that name.

    Raises
    ------
    Undefined
        If the truth is constant, or the area has no ring.
    """
    return crossing(part.frc, THRESHOLDS[name], part.scan)


def _frequency50(part: Part) -> float:
    return crossing_of(part, "frc50").frequency


def _frequency17(part: Part) -> float:
    return crossing_of(part, "frc17").frequency


def _resolution50(part: Part) -> float:
    return crossing_of(part, "frc50").resolution


def _resolution17(part: Part) -> float:
    return crossing_of(part, "frc17").resolution


def amplitude_frc50_frequency(predictions: Predictions) -> float:
    """Return the frequency in 1/px at which the amplitude's correlation falls below 0.5."""
    return mean_of_amplitude(_frequency50, predictions)


def amplitude_frc50_resolution(predictions: Predictions) -> float:
    """Return the period in px at which the amplitude's correlation falls below 0.5."""
    return mean_of_amplitude(_resolution50, predictions)


def amplitude_frc17_frequency(predictions: Predictions) -> float:
    """Return the frequency in 1/px at which the amplitude's correlation falls below 1/7."""
    return mean_of_amplitude(_frequency17, predictions)


def amplitude_frc17_resolution(predictions: Predictions) -> float:
    """Return the period in px at which the amplitude's correlation falls below 1/7."""
    return mean_of_amplitude(_resolution17, predictions)


def phase_frc50_frequency(predictions: Predictions) -> float:
    """Return the frequency in 1/px at which the phase's correlation falls below 0.5."""
    return mean_of_phase(_frequency50, predictions)


def phase_frc50_resolution(predictions: Predictions) -> float:
    """Return the period in px at which the phase's correlation falls below 0.5."""
    return mean_of_phase(_resolution50, predictions)


def phase_frc17_frequency(predictions: Predictions) -> float:
    """Return the frequency in 1/px at which the phase's correlation falls below 1/7."""
    return mean_of_phase(_frequency17, predictions)


def phase_frc17_resolution(predictions: Predictions) -> float:
    """Return the period in px at which the phase's correlation falls below 1/7."""
    return mean_of_phase(_resolution17, predictions)
