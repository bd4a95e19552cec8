"""Title, legend and caption around the panels of a figure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.transforms import Bbox

from studygrid.figures.drawing import Drawing
from studygrid.figures.style import WIDTH_IN, house_style

_TEXT_LINE_IN = 0.155
_LEGEND_ROW_IN = 0.165
_CHARACTER_IN = 0.068
_HANDLE_IN = 0.5
_CAPTION_CHARACTERS = 116
_TITLE_CHARACTERS = 85
_TITLE: dict[str, Any] = {"size": 10, "weight": "bold"}
_EDGE_IN = 0.08
_PLACE_DIGITS = 5


def framed(
    figure: Figure,
    table: pd.DataFrame,
    *,
    title: str,
    caption: str,
    entries: Mapping[str, Artist],
    panel_height_in: float,
) -> Drawing:
    """Put title and legend above the panels and the caption below, and fix the layout.

    The figure becomes `WIDTH_IN` wide and as high as its words need, so that the panels keep
    their height. Call it within `house_style`.

    Parameters
    ----------
    figure
        A figure whose axes are drawn.
    table
        Every number in it, one row a mark.
    title, caption
        Taken literally; they may be long, and are wrapped.
    entries
        The legend: a name and an artist with its look, in order; may be empty.
    panel_height_in
        Height of the panels with their axes' labels and titles.
    """
    wrapped = _filled(figure, title, _TITLE_CHARACTERS, **_TITLE)
    below = _filled(figure, caption, _CAPTION_CHARACTERS)
    columns = _legend_columns(list(entries))
    title_in = _lines(wrapped) * _TEXT_LINE_IN * 1.2 + _EDGE_IN
    top_in = title_in + -(-len(entries) // columns) * _LEGEND_ROW_IN + 0.03
    bottom_in = _lines(below) * _TEXT_LINE_IN + 2 * _EDGE_IN
    height_in = top_in + panel_height_in + bottom_in
    figure.set_size_inches(WIDTH_IN, height_in)
    left = _EDGE_IN / WIDTH_IN
    above = 1 - _EDGE_IN / height_in
    words = (
        figure.text(left, above, wrapped, va="top", parse_math=False, **_TITLE),
        figure.text(
            left, _EDGE_IN / height_in, below, va="bottom", color="#333333", parse_math=False
        ),
    )
    if entries:
        figure.legend(
            list(entries.values()),
            list(entries),
            loc="upper left",
            bbox_to_anchor=(left, 1 - title_in / height_in),
            ncols=columns,
            frameon=False,
            borderaxespad=0,
            borderpad=0.2,
            handlelength=1.8,
            columnspacing=1.4,
            labelspacing=0.35,
        )
    area = (0, bottom_in / height_in, 1, panel_height_in / height_in)
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=area, wspace=0.04))
    figure.draw_without_rendering()
    # Laid out once: the files must not depend on how often the figure is drawn.
    figure.set_layout_engine("none")
    _round_places(figure)
    panels = Bbox([[0, bottom_in - _EDGE_IN / 2], [WIDTH_IN, height_in - title_in + _EDGE_IN / 2]])
    return Drawing(figure, title, caption, table, words, panels)


def nothing_to_draw(title: str, reason: str, columns: Sequence[str]) -> Drawing:
    """Return a figure that says in words why there is nothing in it; its table is empty."""
    with house_style():
        figure = Figure()
        axes = figure.subplots()
        axes.set_axis_off()
        axes.text(0.5, 0.5, reason, ha="center", va="center", wrap=True, parse_math=False)
        table = pd.DataFrame(columns=list(columns))
        drawn = framed(figure, table, title=title, caption="", entries={}, panel_height_in=0.8)
        return replace(drawn, caption=reason)  # for who reads it beside the figure


def _round_places(figure: Figure) -> None:
    """Round where the axes stand, as the solver of the layout differs in the last bits by chance.

    Of one drawing in a few that was another digit in the SVG.
    """
    for axes in figure.axes:
        in_layout = axes.get_in_layout()
        place = axes.get_position(original=True)
        axes.set_position(Bbox(place.get_points().round(_PLACE_DIGITS)))
        axes.set_in_layout(in_layout)


def _filled(figure: Figure, words: str, most: int, **look: Any) -> str:
    """Return words in lines of up to so many characters that fit; wide letters make them fewer."""
    for characters in range(most, most // 2, -6):
        filled = textwrap.fill(words, characters)
        text = figure.text(0, 0, filled, parse_math=False, **look)
        width_in = text.get_window_extent().width / figure.dpi
        text.remove()
        if width_in <= WIDTH_IN - 1.5 * _EDGE_IN:
            break
    return filled


def _legend_columns(names: Sequence[str]) -> int:
    """Return the most columns that fit; matplotlib fills them one after the other."""
    for columns in range(len(names), 1, -1):
        rows, longer = divmod(len(names), columns)
        starts = [column * rows + min(column, longer) for column in range(columns + 1)]
        longest = [max(map(len, names[start:end])) for start, end in pairwise(starts)]
        if sum(longest) * _CHARACTER_IN + columns * _HANDLE_IN <= WIDTH_IN - 2 * _EDGE_IN:
            return -(-len(names) // -(-len(names) // columns))  # no more than its rows need
    return 1


def _lines(text: str) -> int:
    return text.count("\n") + 1 if text else 0
