"""ROC and precision-recall curves of an anomaly score, thinned without changing their area."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_POINTS = 250
AREA_TOLERANCE = 9e-7  # 1e-6 with what rounding of the points adds

# Of what is dropped where a curve has more points: how far it may lie from the line that is
# drawn, in y, or in x as a share of x. What can be seen on a logarithmic axis of x is kept so.
_OFF = (0.001, 0.002, 0.004, 0.008)
_STRAIGHT = 1e-9


@dataclass(frozen=True)
class Curve:
    """Points of a curve, x never falling.

    Attributes
    ----------
    x, y
        Shape (k,).
    """

    x: Floats
    y: Floats

    @property
    def area(self) -> float:
        """Area below the straight lines between the points."""
        return float(np.trapezoid(self.y, self.x))


def roc_curve(background: Floats, signal: Floats) -> Curve:
    """Return all corners of the ROC curve: shares of the background and of the signal that pass.

    It has a point for each threshold, from none that pass to all; a score that both have is one
    step that is straight, so that the area counts ties one half.

    Parameters
    ----------
    background, signal
        Finite anomaly scores, shapes (b,) and (s,), both at least 1.
    """
    false, true = _passing(background, signal)
    return Curve(
        np.concatenate([[0.0], false / len(background)]),
        np.concatenate([[0.0], true / len(signal)]),
    )


def precision_recall_curve(background: Floats, signal: Floats) -> Curve:
    """Return precision against recall at each threshold, the highest first.

    The precision is of the events as they are, so it depends on how many of each there are. The
    curve begins at recall 0 with the precision of the highest threshold. Lines between points are
    for the eye: the average precision is no area below them (Davis and Goadrich, ICML 2006).

    Parameters
    ----------
    background, signal
        Finite anomaly scores, shapes (b,) and (s,), both at least 1.
    """
    false, true = _passing(background, signal)
    precision = true / (true + false)
    return Curve(
        np.concatenate([[0.0], true / len(signal)]), np.concatenate([precision[:1], precision])
    )


def average_precision(background: Floats, signal: Floats) -> float:
    """Return the sum over thresholds of precision times the recall that each adds.

    Source: scikit-learn average_precision_score.

    Parameters
    ----------
    background, signal
        Finite anomaly scores, shapes (b,) and (s,), both at least 1.
    """
    false, true = _passing(background, signal)
    added = np.diff(true, prepend=0) / len(signal)
    return float((added * true / (true + false)).sum())


def _passing(background: Floats, signal: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many of each pass at each threshold, the highest of the scores first."""
    thresholds = np.unique(np.concatenate([background, signal]))[::-1]
    counts = [
        len(scores) - np.searchsorted(np.sort(scores), thresholds, side="left")
        for scores in (background, signal)
    ]
    return counts[0], counts[1]


def thinned(curve: Curve, most: int = MOST_POINTS, area_tolerance: float = AREA_TOLERANCE) -> Curve:
    """Return a curve without the points that say nothing.

    Points on the straight line between their neighbours go first. Where more than `most` remain,
    runs of points are replaced by lines that no dropped point is far from and that leave the area
    as it is: what one line adds the next one takes away. More than `most` remain where that
    cannot be had.

    Parameters
    ----------
    most
        Points to come down to.
    area_tolerance
        By which the area may change.

    Returns
    -------
    Curve
        Some of the points of `curve`, the first and the last among them.
    """
    found = _without_straight(curve)
    if len(found.x) <= most:
        return found
    for off in _OFF:
        kept = _spanned(found, off, area_tolerance)
        if len(kept) <= most:
            break
    return Curve(found.x[kept], found.y[kept])


def _without_straight(curve: Curve) -> Curve:
    """Return a curve without the points on the line between their neighbours."""
    step_x, step_y = np.diff(curve.x), np.diff(curve.y)
    first, second = step_x[:-1] * step_y[1:], step_x[1:] * step_y[:-1]
    ahead = step_x[:-1] * step_x[1:] + step_y[:-1] * step_y[1:] >= 0
    straight = np.abs(first - second) <= _STRAIGHT * (np.abs(first) + np.abs(second))
    kept = np.concatenate([[True], ~(straight & ahead), [True]])
    return Curve(curve.x[kept], curve.y[kept])


def _spanned(curve: Curve, off: float, area_tolerance: float) -> list[int]:
    """Return the points that lines as long as possible run between."""
    x, y = curve.x, curve.y
    below = np.concatenate([[0.0], np.cumsum(np.diff(x) * (y[1:] + y[:-1]) / 2)])
    kept, added = [0], 0.0
    while kept[-1] < len(x) - 1:
        start = kept[-1]
        ends = np.arange(start + 1, _reach(curve, start, off) + 1)
        more = (x[ends] - x[start]) * (y[ends] + y[start]) / 2 - (below[ends] - below[start])
        more[0] = 0.0  # the next point: nothing is dropped
        for place in np.flatnonzero(np.abs(added + more) <= area_tolerance)[::-1]:
            if _is_near(curve, start, int(ends[place]), off):
                break
        kept.append(int(ends[place]))
        added += float(more[place])
    return kept


def _reach(curve: Curve, start: int, off: float) -> int:
    """Return how far to look for the end of a line: twice as far as one was found."""
    last, width = len(curve.x) - 1, 1
    while start + width < last and _is_near(curve, start, start + width, off):
        width *= 2
    return min(start + width, last)


def _is_near(curve: Curve, start: int, end: int, off: float) -> bool:
    """Whether all points between two lie near the line that joins them."""
    x, y = curve.x[start : end + 1], curve.y[start : end + 1]
    run, rise = x[-1] - x[0], y[-1] - y[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        up = np.abs(y - (y[0] + rise * (x - x[0]) / run))
        across = np.abs(x - (x[0] + run * (y - y[0]) / rise)) / x
    return bool(((up <= off) | (across <= off))[1:-1].all())
