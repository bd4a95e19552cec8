"""The area under a ROC curve, with the interval of DeLong, DeLong and Clarke-Pearson."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Auroc:
    """The probability that a positive scores higher than a negative, a tie counting one half.

    Attributes
    ----------
    area
        From 0 to 1.
    se
        Standard error of the area; None where there is one positive or one negative.
    low, high
        Interval of the area, within 0 and 1; None where `se` is None or 0, as where the two are
        told apart without an error: such a sample does not show how wide it is.
    """

    area: float
    se: float | None
    low: float | None
    high: float | None


def auroc(
    negative: NDArray[np.floating], positive: NDArray[np.floating], confidence: float = 0.95
) -> Auroc:
    """Return the area under the ROC curve of two samples of scores, and its interval.

    The interval is of other positives and negatives of the same populations scored by the same
    model. It knows nothing of other seeds.

    With m positives X and n negatives Y, ``V10(i)`` is the share of the Y below X_i and
    ``V01(j)`` the share of the X above Y_j, equal ones counting one half. The area is the mean of
    each, and its variance ``var(V10) / m + var(V01) / n`` (DeLong, DeLong and Clarke-Pearson,
    Biometrics 44, 1988, equations 3 to 5). The shares are found in sorted scores, in
    O(n log n) as in Sun and Xu, IEEE Signal Processing Letters 21 (2014).

    Parameters
    ----------
    negative, positive
        Scores, shapes (n,) and (m,), both at least 1.
    confidence
        Coverage of the interval, between 0 and 1.

    Raises
    ------
    ValueError
        If a sample is empty or not of one dimension, a score is not finite, or `confidence` is
        not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence should lie between 0 and 1, not be {confidence}")
    below, above = _sorted("negative", negative), _sorted("positive", positive)
    of_positives = _share_below(above, below)
    of_negatives = 1 - _share_below(below, above)
    area = _share_of_pairs(of_positives)
    se = _standard_error(of_positives, of_negatives)
    if not se:
        return Auroc(area, se, None, None)
    half = float(ndtri((1 + confidence) / 2)) * se
    return Auroc(area, se, max(0.0, area - half), min(1.0, area + half))


def _sorted(name: str, sample: NDArray[np.floating]) -> Floats:
    scores = np.asarray(sample, dtype=np.float64)
    if scores.ndim != 1 or not len(scores):
        raise ValueError(f"{name} scores should have the shape (n,), not {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError(f"{name} scores should be finite")
    return np.sort(scores)


def _share_below(values: Floats, ordered: Floats) -> Floats:
    """Return the share of `ordered` below each of `values`; equal ones count one half."""
    below = np.searchsorted(ordered, values, side="left")
    not_above = np.searchsorted(ordered, values, side="right")
    shares: Floats = (below + not_above) / (2 * len(ordered))
    return shares


def _share_of_pairs(shares: Floats) -> float:
    return min(1.0, max(0.0, float(shares.mean())))


def _standard_error(of_positives: Floats, of_negatives: Floats) -> float | None:
    if min(len(of_positives), len(of_negatives)) < 2:
        return None
    parts = (of_positives.var(ddof=1) / len(of_positives), of_negatives.var(ddof=1))
    return math.sqrt(float(parts[0] + parts[1] / len(of_negatives)))
