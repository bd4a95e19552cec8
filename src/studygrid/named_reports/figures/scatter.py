"""Marks of cells where both axes are measured: means, runs as dots, intervals, names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.cost_marks import aside, mark_of
from studygrid.figures.point_labels import label_points
from studygrid.figures.style import Look
from studygrid.named_reports.figures.log_axis import is_log, set_log_y

_BESIDE_POINTS = 5.0
_DOT: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 2.6,
    "markeredgewidth": 0,
    "alpha": 0.5,
    "zorder": 2.5,
}


@dataclass
class Marks:
    """What stands in a panel, for the names to keep clear of."""

    points: list[Line2D] = field(default_factory=list)
    dots: list[Line2D] = field(default_factory=list)
    lines: list[Line2D] = field(default_factory=list)

    def name(self, axes: Axes, names: Sequence[str]) -> None:
        """Write a name beside each mark, in the order in which they were drawn."""
        label_points(axes, names, self.points, self.points, self.dots, self.lines)


def draw_mark(
    axes: Axes,
    marks: Marks,
    cell: Mapping[Any, Any],
    runs: pd.DataFrame,
    look: Look,
    *,
    size: float,
    filled: bool = True,
) -> None:
    """Draw a cell: its mean at `x` and `mean`, its runs, and the intervals of its means.

    Parameters
    ----------
    cell
        Has `x`, `mean`, `ci_low` and `ci_high`, NaN where there is no interval, and perhaps
        `x_low` and `x_high`; and `shift`, by which it is set aside, in points.
    runs
        Its runs to draw as dots, at `x` and `value`; beside the mark where all have its `x`.
    """
    where = axes.transData + aside(axes, cell.get("shift", 0.0))
    bar: dict[str, Any] = {"color": look.colour, "linewidth": 0.9, "zorder": 2, "transform": where}
    x, y = cell["x"], cell["mean"]
    marks.lines += axes.plot([x, x], [cell["ci_low"], cell["ci_high"]], **bar)
    if "x_low" in cell:
        marks.lines += axes.plot([cell["x_low"], cell["x_high"]], [y, y], **bar)
    same = bool((runs["x"] == x).all())
    at = axes.transData + aside(axes, cell.get("shift", 0.0) + _BESIDE_POINTS * same)
    for run in runs.to_dict("records"):
        dot = axes.plot(run["x"], run["value"], color=look.colour, transform=at, **_DOT)
        marks.dots += dot
    mark = mark_of(look, size, filled=filled)
    marks.points += axes.plot(x, y, transform=where, **mark)


def side_by_side(rows: pd.DataFrame, step_points: float, width_points: float) -> pd.Series[float]:
    """Return how far each mark is set aside, in points: those of one `x` stand side by side."""
    rank = rows.groupby("x").cumcount()
    count = rows.groupby("x")["x"].transform("size")
    step = (width_points / count).clip(upper=step_points)
    return (rank - (count - 1) / 2) * step


def limit_y(axes: Sequence[Axes], cells: pd.DataFrame, runs: pd.DataFrame) -> bool:
    """Fix the y axes on what was measured; return whether an interval leaves them.

    Values that differ by far are drawn on a logarithmic axis.

    Parameters
    ----------
    cells
        `mean`, `ci_low` and `ci_high` of what is drawn.
    runs
        `value` of the dots.
    """
    values = pd.concat([cells["mean"], runs["value"]]).astype(float)
    low, high = float(values.min()), float(values.max())
    if is_log(low, high):
        bottom, top = set_log_y(axes, low, high)
        return bool(cells["ci_low"].min() < bottom or cells["ci_high"].max() > top)
    bottom, top, cut = chosen.shown_range(values, cells["ci_low"], cells["ci_high"])
    for own in axes:
        own.set_ylim(bottom, top)
    return cut
