"""Fourier ring correlation in numbers: the curve of each model, and where it falls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.families.ptychography.thresholds import THRESHOLDS
from studygrid.figures.largest_place import Place, facts_at, place_beside
from studygrid.results.reading import RunFacts
from studygrid.results.study_results import StudyResults

BEYOND_FACT, BELOW_FACT = "beyond_nyquist", "below_first_ring"
_COLUMNS = 4  # scan, frequency in 1/px, correlation, pixels of the ring

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Fall:
    """Where the curves of a model fall below a threshold.

    Attributes
    ----------
    frequencies
        The recorded metric of each seed that has one, in 1/px: a mean over its scans.
    beyond
        How many of these have a scan whose curve never falls below it up to Nyquist.
    below
        How many of these have a scan whose curve is below it from the first ring on.
    """

    threshold: float
    frequencies: tuple[float, ...]
    beyond: int
    below: int

    @property
    def mean(self) -> float:
        """The mean over the seeds, in 1/px."""
        return float(np.mean(self.frequencies))


@dataclass(frozen=True)
class RingCurve:
    """The ring correlation of one part of what a model made.

    Attributes
    ----------
    frequency
        Of the rings in 1/px, rising, shape (rings,).
    seeds
        The correlation of each seed, a mean over its scans, shape (seeds, rings).
    planned
        How many seeds there were to be.
    scans
        How many scans each seed has; the most.
    falls
        At each of `THRESHOLDS`, without those that no seed has.
    left_out
        Runs whose table cannot be used.
    """

    model: str
    n_train: str
    frequency: NDArray[np.float64]
    seeds: NDArray[np.float64]
    planned: int
    scans: int
    falls: tuple[Fall, ...]
    left_out: int

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean over the seeds, shape (rings,)."""
        mean: NDArray[np.float64] = self.seeds.mean(axis=0)
        return mean


def ring_curve(study: StudyResults, place: Place, model: str, part: str) -> RingCurve | None:
    """Return the curves of a model at a place, or None where no run of it keeps any.

    Scans of different sizes have different rings: their curves are interpolated at the rings of
    the one with most.
    """
    own = place_beside(study, place, model)
    kept, left_out = [], 0
    for facts in facts_at(study, own, model).values():
        table = facts.tables.get(f"frc_{part}")
        curves = _curves(table)
        if curves:
            kept.append((facts, curves))
        elif table is not None:
            left_out += 1
    if not kept:
        return None
    every = [curve for _, curves in kept for curve in curves]
    frequency = max(every, key=_rings)[0]
    seeds = [np.mean([_at(frequency, curve) for curve in curves], axis=0) for _, curves in kept]
    falls = [_fall([facts for facts, _ in kept], part, name) for name in THRESHOLDS]
    return RingCurve(
        model,
        own.n_train,
        frequency,
        np.stack(seeds),
        int((own.runs["model"] == model).sum()),
        max(len(curves) for _, curves in kept),
        tuple(fall for fall in falls if fall is not None),
        left_out,
    )


def _rings(curve: Curve) -> int:
    return len(curve[0])


def _at(frequency: NDArray[np.float64], curve: Curve) -> NDArray[np.float64]:
    return np.asarray(np.interp(frequency, *curve), dtype=np.float64)


def _curves(table: Any) -> list[Curve]:
    """Return frequency and correlation of each scan of a table; none of one that is none."""
    try:
        rows = np.asarray(table, dtype=np.float64)
    except (TypeError, ValueError):
        return []
    if rows.ndim != 2 or rows.shape[1] != _COLUMNS or not np.isfinite(rows).all():
        return []
    curves = [rows[rows[:, 0] == scan, 1:3].T for scan in np.unique(rows[:, 0])]
    rising = all(bool((np.diff(frequency) > 0).all()) for frequency, _ in curves)
    return [(frequency, correlation) for frequency, correlation in curves] if rising else []


def _fall(every: Sequence[RunFacts], part: str, name: str) -> Fall | None:
    metric = f"{part}_{name}_frequency"
    known = [facts for facts in every if facts.metrics.get(metric) is not None]
    if not known:
        return None
    values = tuple(value for facts in known if (value := facts.metrics[metric]) is not None)
    beyond, below = (
        sum(metric in _listed(facts.scored.get(fact)) for facts in known)
        for fact in (BEYOND_FACT, BELOW_FACT)
    )
    return Fall(THRESHOLDS[name], values, beyond, below)


def _listed(names: Any) -> Sequence[Any]:
    return names if isinstance(names, list) else []
