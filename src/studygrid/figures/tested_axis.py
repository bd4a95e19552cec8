"""An axis of tested values: logarithmic, ticked where something was measured and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

_CHARACTER_IN = 0.075
_LINE_IN = 0.13


def set_ticks(axes: Axes, ticks: Mapping[float, str], width_in: float) -> None:
    """Make the x axis logarithmic (base 2) with the given ticks, ascending, and their labels.

    Labels stand upright where they would run into each other on an axis `width_in` wide; where
    even that leaves too little room, the tick stays and its label goes, the last one's never.
    """
    values, names = list(ticks), list(ticks.values())
    span = math.log2(values[-1] / values[0])
    margin = 0.5 * span / (len(values) - 1) if span else 0.5
    octave_in = width_in / (span + 2 * margin)
    widths = [len(name) * _CHARACTER_IN for name in names]
    if not all(_fitting(values, widths, octave_in)):
        axes.tick_params(axis="x", labelrotation=90)
        kept = _fitting(values, [_LINE_IN] * len(values), octave_in)
        names = [name if keep else "" for name, keep in zip(names, kept, strict=True)]
    axes.set_xscale("log", base=2)
    axes.set_xlim(values[0] / 2**margin, values[-1] * 2**margin)
    axes.xaxis.set_major_locator(FixedLocator(values))
    axes.xaxis.set_major_formatter(FixedFormatter(names))
    axes.xaxis.set_minor_locator(NullLocator())


def dodge(ticks: Sequence[float], series: int) -> float:
    """Return the distance, in octaves, between two series that stand at the same tick."""
    gaps = [math.log2(high / low) for low, high in pairwise(ticks)]
    if not gaps:
        return min(0.12, 0.75 / series)
    # Two ticks much closer than the others must not press the series of all into one place.
    gap = max(min(gaps), sum(gaps) / len(gaps) / 3)
    return gap * min(0.12, 0.75 / series)


def _fitting(values: Sequence[float], widths: Sequence[float], octave_in: float) -> list[bool]:
    """Tell which labels have room, given to them from the last to the first."""
    fits, right = [], math.inf
    for value, width in zip(reversed(values), reversed(widths), strict=True):
        middle = math.log2(value) * octave_in
        fits.append(middle + width / 2 <= right)
        if fits[-1]:
            right = middle - width / 2
    return fits[::-1]
