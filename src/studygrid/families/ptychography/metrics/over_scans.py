"""A metric of a split: the mean of what its scans score."""

from __future__ import annotations

from collections.abc import Callable

from studygrid.families.base import Undefined
from studygrid.families.ptychography.aligned import Part
from studygrid.families.ptychography.alignment import Aligned
from studygrid.families.ptychography.predictions import Predictions

Score = Callable[[Part], float]


def mean_of_amplitude(score: Score, predictions: Predictions) -> float:
    """Return the mean over the scans of a score of their amplitudes.

    Raises
    ------
    Undefined
        If there is no scan, one cannot be aligned, or one has no such score.
    """
    return _mean([score(scan.amplitude) for scan in _scans(predictions)])


def mean_of_phase(score: Score, predictions: Predictions) -> float:
    """Return the mean over the scans of a score of their phases.

    Raises
    ------
    Undefined
        If there is no scan, one cannot be aligned, is 0 everywhere, or has no such score.
    """
    return _mean([score(scan.phase) for scan in _scans(predictions)])


def require_range(part: Part) -> float:
    """Return the data range of the truth.

    Raises
    ------
    Undefined
        If the truth is constant.
    """
    if part.constant == "truth":
        raise Undefined(f"the truth of scan {part.scan} is constant: it has no data range")
    return part.data_range


def _scans(predictions: Predictions) -> tuple[Aligned, ...]:
    # `Aligned` comes from the module that aligns, which `Predictions` loads by reference: so the
    # fingerprint of a job that scores objects covers it.
    return predictions.aligned


def _mean(scores: list[float]) -> float:
    return sum(scores) / len(scores)
