"""How one metric is drawn against training-set size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from studygrid.figures.reference_lines import draw_chance, draw_reference
from studygrid.figures.style import GREY, Look
from studygrid.figures.trend_numbers import Trend

_LINE: dict[str, Any] = {
    "linewidth": 1.3,
    "markersize": 4.2,
    "markeredgecolor": "white",
    "markeredgewidth": 0.5,
    "zorder": 3,
}
_SPREAD: dict[str, Any] = {"linewidth": 0, "alpha": 0.2, "zorder": 1.6}
_ALONE: dict[str, Any] = {"linewidth": 5, "alpha": 0.2, "zorder": 1.6}
_BAR: dict[str, Any] = {"linewidth": 0.9, "zorder": 2.4}
_MEAN: dict[str, Any] = {
    "linestyle": "none",
    "marker": "_",
    "markersize": 4.5,
    "markeredgewidth": 1.1,
    "zorder": 2.5,
}
_DOT: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 2.3,
    "markeredgewidth": 0,
    "alpha": 0.6,
    "zorder": 2.2,
}
_BEYOND = 0.3  # of what was measured, so far is room for intervals
_MARGIN = 0.05


def places_of(models: int) -> int:
    """Return how many places the marks of a size take beside each other."""
    return 4 * -(-models // 2) + 1


def draw_trend(
    axes: Axes, trend: Trend, models: Sequence[str], look_of: Mapping[str, Look], slot: float
) -> None:
    """Draw medians, their spread, means with their intervals, and runs, of each model.

    Parameters
    ----------
    models
        Those to draw, that learn.
    slot
        Distance in octaves between what stands at the same size.
    """
    dots = trend.dots
    for position, model in enumerate(models):
        look = look_of[model]
        cells = trend.cells.loc[(trend.cells["model"] == model) & trend.cells["samples"].notna()]
        _draw_medians(axes, cells, look)
        # Outwards from the medians, to the left and to the right in turn.
        side, rank = (-1, 1)[position % 2], position // 2
        _draw_means(axes, cells, look, 2 ** (slot * side * (2 * rank + 1)))
        runs = dots.loc[dots["model"] == model]
        place = 2 ** (slot * side * (2 * rank + 2))
        axes.plot(runs["samples"] * place, runs["value"], color=look.colour, **_DOT)
    for reference in trend.references:
        draw_reference(axes, reference, look_of[reference.model])
    if trend.chance is not None:
        draw_chance(axes, trend.chance)


def _draw_medians(axes: Axes, cells: pd.DataFrame, look: Look) -> None:
    axes.plot(cells["samples"], cells["median"], color=look.colour, marker=look.marker, **_LINE)
    low, high = cells["spread_low"], cells["spread_high"]
    axes.fill_between(cells["samples"], low, high, color=look.colour, **_SPREAD)
    if low.notna().sum() == 1:
        axes.vlines(cells["samples"], low, high, look.colour, **_ALONE)


def _draw_means(axes: Axes, cells: pd.DataFrame, look: Look, place: float) -> None:
    known = cells.dropna(subset=["ci_low", "ci_high"])
    axes.vlines(known["samples"] * place, known["ci_low"], known["ci_high"], look.colour, **_BAR)
    axes.plot(known["samples"] * place, known["mean"], color=look.colour, **_MEAN)


def limit_trend(axes: Axes, trend: Trend, bounds: tuple[float, float] | None) -> tuple[bool, str]:
    """Fix the axis on what was measured; return whether a bar leaves it, and what it leaves out.

    Neither a long interval nor a level line far away may press what was measured into a line. The
    trend has a value of some run.
    """
    levels = {one.model: (one.low, one.high) for one in trend.references}
    if trend.chance is not None:
        levels["guess"] = (trend.chance, trend.chance)
    low, high = _measured(trend) or (min(map(min, levels.values())), max(map(max, levels.values())))
    span = (high - low) or 0.1 * abs(high) or 0.1
    # Of three seeds an interval may be many times as long as what was measured.
    ends = trend.cells[["ci_low", "ci_high"]].astype(float)
    reach = ends.clip(low - _BEYOND * span, high + _BEYOND * span)
    bottom = float(np.nanmin([low, *reach["ci_low"]]))
    top = float(np.nanmax([high, *reach["ci_high"]]))
    inside = {
        name: level
        for name, level in levels.items()
        if low - span <= level[0] and level[1] <= high + span
    }
    bottom = min([bottom, *(level[0] for level in inside.values())])
    top = max([top, *(level[1] for level in inside.values())])
    margin = _MARGIN * (top - bottom) or span / 2
    bottom, top = bottom - margin, top + margin
    if bounds is not None:
        bottom, top = max(bottom, bounds[0] - margin), min(top, bounds[1] + margin)
    axes.set_ylim(bottom, top)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    cut = bool((ends["ci_low"] < bottom).any() or (ends["ci_high"] > top).any())
    return cut, ", ".join(
        f"{name} {'↓' if level[0] < bottom else '↑'} {sum(level) / 2:.3g}"
        for name, level in levels.items()
        if name not in inside
    )


def _measured(trend: Trend) -> tuple[float, float] | None:
    """Return the least and the greatest of the marks, or None where there are none."""
    cells = trend.cells[["median", "mean", "spread_low", "spread_high"]].to_numpy(float)
    values = np.concatenate([cells.ravel(), trend.dots["value"].to_numpy(float)])
    if np.isnan(values).all():
        return None
    return float(np.nanmin(values)), float(np.nanmax(values))


def trend_entries(trends: Sequence[Trend], look_of: Mapping[str, Look]) -> dict[str, Artist]:
    """Return the legend: the models, and what lines, bands, bars and dots are."""
    cells = pd.concat([trend.cells for trend in trends])
    there = set(cells.loc[cells["n"] > 0, "model"])
    entries: dict[str, Artist] = {
        model: Line2D([], [], color=look.colour, marker=look.marker, **_LINE)
        for model, look in look_of.items()
        if model in there
    }
    if (cells["n"] > 1).any():
        entries["spread: 25–75 % of the seeds"] = Patch(facecolor=GREY, alpha=0.3, edgecolor="none")
        bar = {**_MEAN, "marker": "+", "markersize": 6}
        entries["mean and its 95 % interval"] = Line2D([], [], color=GREY, **bar)
    if any(not trend.dots.empty for trend in trends):
        entries["one seed"] = Line2D([], [], color=GREY, **_DOT)
    return entries
