"""A logarithmic y axis for values that differ by far."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from studygrid.figures.cost_axis import round_ticks

_LOG_FROM = 8.0


def is_log(low: float, high: float) -> bool:
    """Tell whether values differ by so much that a linear scale would press the small ones."""
    return low > 0 and high / low > _LOG_FROM


def set_log_y(every: Sequence[Axes], low: float, high: float) -> tuple[float, float]:
    """Make y axes logarithmic around values from `low` to `high`; return their ends."""
    margin = (high / low) ** 0.08
    bottom, top = low / margin, high * margin
    for axes in every:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(FixedLocator(round_ticks(bottom, top)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(bottom, top)
    return bottom, top
