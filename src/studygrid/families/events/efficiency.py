"""How much of a signal passes a threshold that little of the background passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import Undefined

SHARES = {"1pct": 0.01, "01pct": 0.001}


@dataclass(frozen=True)
class Passing:
    """What lies above a threshold of the anomaly score.

    Attributes
    ----------
    threshold
        Events that score higher pass.
    efficiency
        Share of the signal events that pass.
    background
        Number of background events that pass.
    """

    threshold: float
    efficiency: float
    background: int


def efficiency_at(
    background: NDArray[np.float64], signal: NDArray[np.float64], share: float
) -> Passing:
    """Return what passes the lowest threshold that lets at most `share` of the background pass.

    Events of equal score pass together or not at all, so that fewer may pass, and of scores that
    are all equal none: nothing is interpolated between thresholds.

    Parameters
    ----------
    background, signal
        Finite anomaly scores, shapes (b,) and (s,), both at least 1.

    Raises
    ------
    Undefined
        If one background event is more than that share.
    """
    # 0.01 * 100 is 1, but a product of other shares may lie a rounding below a whole number.
    most = int(np.floor(share * len(background) * (1 + 1e-12)))
    if most < 1:
        raise Undefined(
            f"the split has {len(background):,} background events: one of them is more than "
            f"{100 * share:g} %"
        )
    threshold = float(np.sort(background)[len(background) - most - 1])
    passing = int((background > threshold).sum())
    return Passing(threshold, float((signal > threshold).mean()), passing)
