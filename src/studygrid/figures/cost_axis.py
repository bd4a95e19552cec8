"""An axis of costs or rates: logarithmic, with round ticks in engineering units."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, FixedLocator, MaxNLocator, NullLocator

_MOST_TICKS = 5
_STEPS = ((1, 2, 5), (1, 3), (1,))


def set_cost_axis(axes: Axes, low: float, high: float, unit: str) -> None:
    """Make the x axis logarithmic, from a little below `low` to a little above `high`.

    Parameters
    ----------
    axes
        The axes.
    low, high
        Least and greatest value that is drawn, above 0.
    unit
        A unit that takes SI prefixes (``s``, ``B``), or nothing for a plain number.
    """
    margin = max((high / low) ** 0.14, 1.08)
    first, last = low / margin, high * margin
    axes.set_xscale("log")
    axes.set_xlim(first, last)
    axes.xaxis.set_major_locator(FixedLocator(round_ticks(first, last)))
    axes.xaxis.set_major_formatter(EngFormatter(unit, sep=" "))
    axes.xaxis.set_minor_locator(NullLocator())


def round_ticks(low: float, high: float) -> list[float]:
    """Return two to five round numbers between two positive ones, or fewer if there are none."""
    if high / low < 10:
        ticks = MaxNLocator(_MOST_TICKS - 1, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        return [float(tick) for tick in ticks if low <= tick <= high]
    for steps in _STEPS:
        ticks = _decades(low, high, steps)
        if len(ticks) <= _MOST_TICKS:
            return ticks
    return list(ticks[:: -(-len(ticks) // _MOST_TICKS)])


def _decades(low: float, high: float, steps: tuple[int, ...]) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [float(f"{step}e{exponent}") for exponent in exponents for step in steps]
    return [tick for tick in ticks if low <= tick <= high]
