"""Names beside points, where there is room for them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from studygrid.figures.style import GREY

_SIZE = 7
_GAP_POINTS = 5.0
_PAD_PIXELS = 2.5
_FAR = 2.0  # in gaps; a name so far from its point needs a line to it
_LEADER: dict[str, Any] = {
    "arrowstyle": "-",
    "color": GREY,
    "linewidth": 0.5,
    "shrinkA": 0,
    "shrinkB": 3,
    "relpos": (0.5, 0.5),
}
_PLACES = (
    (1, 1, "left", "bottom"),
    (1, -1, "left", "top"),
    (-1, 1, "right", "bottom"),
    (-1, -1, "right", "top"),
    (1.4, 0, "left", "center"),
    (-1.4, 0, "right", "center"),
    (0, 1.6, "center", "bottom"),
    (0, -1.6, "center", "top"),
    (0.6, 3.6, "left", "bottom"),
    (-0.6, 3.6, "right", "bottom"),
    (0.6, -3.6, "left", "top"),
    (-0.6, -3.6, "right", "top"),
)


def label_points(
    axes: Axes,
    names: Sequence[str],
    points: Sequence[Line2D],
    marks: Sequence[Artist],
    dots: Sequence[Line2D],
    lines: Sequence[Line2D],
) -> None:
    """Write each name beside its point, clear of all marks and of other names.

    Of the places that are free, the one that crosses the fewest lines is taken; a name for which
    none is free is left out. Call it once the figure is laid out: the places are found on the
    page.

    Parameters
    ----------
    axes
        The axes, within a figure whose layout is fixed.
    names, points
        What to write, taken literally, and the mark of each.
    marks
        All marks, those with a name among them, and other words: nothing is written on them.
    dots
        Smaller marks, of one point each: nor on them.
    lines
        What a name crosses only where it must.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    taken = [_box(mark, renderer) for mark in marks]
    taken += [box for dot in dots for box in _pieces(dot)]
    crossed = [box for line in lines for box in _pieces(line)]
    for name, point in zip(names, points, strict=True):
        middle = _middle(_box(point, renderer))
        x, y = axes.transData.inverted().transform(middle)
        at = (float(x), float(y))
        free: list[tuple[int, int, Bbox]] = []
        for number, place in enumerate(_PLACES):
            text = _written(axes, name, at, place)
            text.update_positions(renderer)
            # Without the line to its point, which may cross what it likes.
            box = Bbox(Text.get_window_extent(text, renderer).get_points())
            text.remove()
            if not box.count_overlaps(taken) and _within(box, axes.get_window_extent()):
                free.append((box.count_overlaps(crossed), number, box))
        if free:
            _, number, box = min(free, key=lambda found: found[:2])
            _written(axes, name, at, _PLACES[number])
            taken.append(box)


def _written(
    axes: Axes, name: str, at: tuple[float, float], place: tuple[float, float, str, str]
) -> Annotation:
    right, up, ha, va = place
    return axes.annotate(
        name,
        at,
        xytext=(right * _GAP_POINTS, up * _GAP_POINTS / 1.6),
        textcoords="offset points",
        ha=ha,
        va=va,
        size=_SIZE,
        parse_math=False,
        arrowprops=_LEADER if abs(up) > _FAR else None,
        path_effects=[withStroke(linewidth=1.5, foreground="white")],
        zorder=6,
    )


def _box(artist: Artist, renderer: RendererAgg) -> Bbox:
    return Bbox(artist.get_window_extent(renderer).get_points())


def _pieces(line: Line2D) -> list[Bbox]:
    """Return a box for each straight piece of a line: the box of a whole staircase is too much."""
    places = line.get_transform().transform(line.get_xydata())
    if not np.isfinite(places).all():
        return []  # the interval of a single run
    ends = pairwise(places) if len(places) > 1 else [(places[0], places[0])]
    return [
        Bbox([np.minimum(first, last), np.maximum(first, last)]).padded(_PAD_PIXELS)
        for first, last in ends
    ]


def _middle(box: Bbox) -> tuple[float, float]:
    return (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2


def _within(box: Bbox, frame: Bbox) -> bool:
    inside = frame.x0 <= box.x0 and box.x1 <= frame.x1
    return bool(inside and frame.y0 <= box.y0 and box.y1 <= frame.y1)
