"""From a matplotlib figure to a drawing with its words and its numbers."""

from __future__ import annotations

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed
from studygrid.figures.style import WIDTH_IN, house_style


def drawing(figure: Figure, table: pd.DataFrame, *, title: str, caption: str = "") -> Drawing:
    """Return a figure as a drawing of a report.

    Title and legend are put above the panels, the caption below, so leave them out of the
    figure itself: the legend is of the artists that have a label.

    Parameters
    ----------
    figure
        A figure whose axes are drawn. It becomes as wide as the page (7 in); its height, scaled
        by as much, is that of the panels.
    table
        Every number that is drawn, one row a mark. Where it is empty the figure is not shown:
        the page says the caption in its place, which should then be the reason.
    title
        What it shows, in a line.
    caption
        How to read it: n, what bars and bands are, what is left out.
    """
    entries: dict[str, Artist] = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        for label, handle in zip(labels, handles, strict=True):
            entries.setdefault(label, handle)
    width_in, height_in = figure.get_size_inches()
    with house_style():
        return framed(
            figure,
            table,
            title=title,
            caption=caption,
            entries=entries,
            panel_height_in=float(height_in * WIDTH_IN / width_in),
        )
