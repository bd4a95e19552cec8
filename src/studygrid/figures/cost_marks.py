"""The marks of means and runs where neither axis is one of the study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from studygrid.figures.style import Look

_DOT: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 2.4,
    "markeredgewidth": 0,
    "alpha": 0.5,
}
_DOT_SHIFT_POINTS = 4.5


def aside(axes: Axes, points: float) -> ScaledTranslation:
    """Return a shift to the right, in points on the page."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return ScaledTranslation(points / 72, 0, figure.dpi_scale_trans)


def draw_dots(
    axes: Axes, x: float, scores: Sequence[float], look: Look, shift: float = 0.0
) -> list[Line2D]:
    """Draw a dot a run, a little to the right of the mark that is set aside by `shift` points."""
    where = axes.transData + aside(axes, shift + _DOT_SHIFT_POINTS)
    return [
        dot
        for score in scores
        for dot in axes.plot(x, score, color=look.colour, transform=where, **_DOT)
    ]


def mark_of(look: Look, size: float, *, filled: bool) -> dict[str, Any]:
    """Return how the mark of a mean is drawn; an open one is beaten by another."""
    return {
        "linestyle": "none",
        "marker": look.marker,
        "markersize": size,
        "markeredgecolor": look.colour,
        "markerfacecolor": look.colour if filled else "white",
        "markeredgewidth": 0.9,
        "zorder": 4 if filled else 3,
    }
