"""The axes of panels."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from studygrid.named_reports.figures.panels import Panel

_MOST_COLUMNS = 3
_ROW_IN = 1.8
_ONE_ROW_IN = 2.7
_EDGE_IN = 0.4
_CHARACTERS = 96  # of titles across the page


@dataclass(frozen=True)
class PanelGrid:
    """The axes of panels, in their order.

    Attributes
    ----------
    height_in
        The height that they need with their labels.
    """

    axes: tuple[Axes, ...]
    bottom: tuple[Axes, ...]
    left: tuple[Axes, ...]
    height_in: float

    def label(self, x: str, y: str) -> None:
        """Name the axes, at the edges alone."""
        for axes in self.bottom:
            axes.set_xlabel(x)
        for axes in self.left:
            axes.set_ylabel(y)


def panel_grid(figure: Figure, shown: Sequence[Panel], *, share_y: bool) -> PanelGrid:
    """Lay out panels in rows, with their titles; all share the x axis."""
    columns = _columns(shown)
    rows = -(-len(shown) // columns)
    grid = figure.subplots(rows, columns, sharex=True, sharey=share_y, squeeze=False)
    every = list(grid.flat)
    for axes in every[len(shown) :]:
        axes.set_axis_off()
    used = every[: len(shown)]
    bottom = used[-columns:]
    for axes in bottom:
        axes.tick_params(axis="x", labelbottom=True)
    for axes, panel in zip(used, shown, strict=True):
        axes.set_title(wrapped(panel.title, columns), loc="left", parse_math=False)
    height_in = _ONE_ROW_IN if rows == 1 else _EDGE_IN + _ROW_IN * rows
    return PanelGrid(tuple(used), tuple(bottom), tuple(used[::columns]), height_in)


def wrapped(title: str, columns: int) -> str:
    """Return the title of a panel in lines that fit, with so many panels in a row."""
    return textwrap.fill(title, _CHARACTERS // columns)


def _columns(shown: Sequence[Panel]) -> int:
    """Return how many panels stand in a row: the encoders, where a row of them fits."""
    encoders = len({panel.encoder for panel in shown})
    if 1 < encoders <= _MOST_COLUMNS and len(shown) % encoders == 0:
        return encoders
    return 2 if len(shown) == 4 else min(_MOST_COLUMNS, len(shown))
