"""What an evaluation keeps beside the metrics: facts, tables, examples, a flat object's scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import Undefined, load_reference
from studygrid.families.ptychography.aligned import Aligned, Part
from studygrid.families.ptychography.frc import RingCorrelation
from studygrid.families.ptychography.metrics import METRICS
from studygrid.families.ptychography.metrics.resolution import crossing_of
from studygrid.families.ptychography.predictions import Predictions, Reconstruction
from studygrid.families.ptychography.thresholds import THRESHOLDS
from studygrid.families.scoring import Table

_PARTS = ("amplitude", "phase")
_BOUNDS = ("beyond_nyquist", "below_first_ring")
_NOT_OF_THE_OBJECT = ("loss", "pattern_error")


def facts(predictions: Predictions) -> dict[str, Any]:
    """Return how each scan was aligned, and the metrics whose value is a bound.

    Returns
    -------
    ``alignment``: of each scan its facts (see `docs/ptychography-metrics.md`), or its name and
    why it cannot be aligned; ``beyond_nyquist``: names of metrics that are at Nyquist in one scan
    or more, because its curve never falls below the threshold; ``below_first_ring``: of those that
    are at the first ring, because its curve is below from there on.
    """
    scans = list(zip(predictions.reconstructions, predictions.attempts, strict=True))
    alignment = [_scan_facts(one, attempt) for one, attempt in scans]
    return {"alignment": alignment, **{bound: _named(alignment, bound) for bound in _BOUNDS}}


def _named(alignment: Sequence[dict[str, Any]], bound: str) -> list[str]:
    named = {name for scan in alignment for name in scan.get(bound, ())}
    return [metric.name for metric in METRICS if metric.name in named]


def _scan_facts(one: Reconstruction, attempt: Aligned | Undefined) -> dict[str, Any]:
    if isinstance(attempt, Undefined):
        return {"scan": one.name, "undefined": str(attempt)}
    return {
        **attempt.facts,
        "uncovered_px": int((one.coverage[attempt.area] == 0).sum()),
        **_bounds(attempt),
    }


def _bounds(scan: Aligned) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {bound: [] for bound in _BOUNDS}
    for part in _PARTS:
        for threshold in THRESHOLDS:
            try:
                crossing = crossing_of(_part(scan, part), threshold)
            except Undefined:
                continue
            names = [f"{part}_{threshold}_{kind}" for kind in ("frequency", "resolution")]
            for bound in _BOUNDS:
                found[bound] += names if getattr(crossing, bound) else []
    return found


def frc_amplitude(predictions: Predictions) -> Table:
    """Return the amplitude's curves: rows of scan, frequency in 1/px, correlation, px of the ring.

    Scans are counted from 0; those without a curve are left out.

    Raises
    ------
    Undefined
        If no scan has a curve.
    """
    return _curve_rows(predictions, "amplitude")


def frc_phase(predictions: Predictions) -> Table:
    """Return the phase's curves: rows of scan, frequency in 1/px, correlation, px of the ring.

    Scans are counted from 0; those without a curve are left out.

    Raises
    ------
    Undefined
        If no scan has a curve.
    """
    return _curve_rows(predictions, "phase")


def _curve_rows(predictions: Predictions, part: str) -> Table:
    curves = list(_curves(predictions, part))
    if not curves:
        raise Undefined(f"no scan has a Fourier ring correlation of its {part}")
    return [
        [scan, float(frequency), float(correlation), int(pixels)]
        for scan, curve in curves
        for frequency, correlation, pixels in zip(
            curve.frequency, curve.correlation, curve.pixels, strict=True
        )
    ]


def _curves(predictions: Predictions, part: str) -> Iterator[tuple[int, RingCorrelation]]:
    for number, attempt in enumerate(predictions.attempts):
        if isinstance(attempt, Undefined):
            continue
        try:
            yield number, _part(attempt, part).frc
        except Undefined:
            continue


def _part(scan: Aligned, name: str) -> Part:
    return scan.amplitude if name == "amplitude" else scan.phase


def examples(predictions: Predictions) -> dict[str, NDArray[np.float32]]:
    """Return what was made of the first scan, aligned and cropped to the area that is scored.

    Returns
    -------
    ``truth_amplitude``, ``truth_phase``, ``amplitude``, ``phase``, each of shape (height, width);
    nothing where the scan cannot be aligned or has no phase.
    """
    if not predictions.attempts or isinstance(predictions.attempts[0], Undefined):
        return {}
    first = predictions.attempts[0]
    try:
        phase = first.phase
    except Undefined:
        return {}
    images = {
        "truth_amplitude": first.amplitude.truth,
        "truth_phase": phase.truth,
        "amplitude": first.amplitude.found,
        "phase": phase.found,
    }
    return {name: image.astype(np.float32) for name, image in images.items()}


def per_sample(predictions: Predictions) -> dict[str, NDArray[Any]]:
    """Return the loss of each group, of an engine's scan of each pattern; see `SampleLosses`."""
    samples = predictions.samples
    if samples is None:
        return {}
    return {"index": samples.index, "scan": samples.scan, "loss": samples.loss}


def flat_scores(predictions: Predictions) -> dict[str, float]:
    """Return what a flat object scores, of the metrics that have a value for it.

    It is 1 everywhere and laid on the truth like any reconstruction: its phase is the plane, and
    its amplitude the constant, that fit the truth best. What is beside the object, loss and
    pattern error, is left out.
    """
    flat = Predictions(
        tuple(replace(one, object=np.ones_like(one.truth)) for one in predictions.reconstructions),
        loss=float("nan"),
        pattern_error=float("nan"),
    )
    scores = {}
    for metric in METRICS:
        if metric.name in _NOT_OF_THE_OBJECT:
            continue
        try:
            scores[metric.name] = float(load_reference(metric.compute)(flat))
        except Undefined:
            continue
    return scores
