"""Limits of an axis of measured values, between bounds that they cannot leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from studygrid.figures import chosen_cells as chosen

_MARGIN = 0.04


def limit_values(
    set_limits: Callable[[float, float], Any],
    values: pd.Series[float],
    lows: pd.Series[float],
    highs: pd.Series[float],
    *,
    least_share: float = 0.1,
    bounds: tuple[float | None, float | None] = (None, None),
) -> bool:
    """Fix an axis on what was measured; return whether an interval leaves it.

    Parameters
    ----------
    set_limits
        ``set_xlim`` or ``set_ylim``.
    values, lows, highs
        What is drawn, and the ends of its intervals, NaN where there are none.
    least_share
        The axis is at least so long as this share of the greatest value: marks that are hardly
        different must look so.
    bounds
        The least and the greatest value possible; an axis hardly passes them.
    """
    low, high, _ = chosen.shown_range(values, lows, highs)
    lack = max(0.0, least_share * float(values.abs().max()) - (high - low)) / 2
    low, high = low - lack, high + lack
    margin = _MARGIN * (high - low)
    if bounds[0] is not None:
        low = max(low, bounds[0] - margin)
    if bounds[1] is not None:
        high = min(high, bounds[1] + margin)
    set_limits(low, high)
    return bool(lows.min() < low or highs.max() > high)
