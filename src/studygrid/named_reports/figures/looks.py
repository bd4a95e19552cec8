"""How tokenizers, encoders and latent sizes look, the same in every figure of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from matplotlib.artist import Artist
from matplotlib.lines import Line2D

from studygrid.figures.cost_marks import mark_of
from studygrid.figures.style import COLOURS, GREY, MARKERS, Look
from studygrid.named_reports.figures.cells import Cells, value_words

MARK_SIZE = 6.5
_SMALLEST, _LARGEST = 4.6, 9.0
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))

Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Looks:
    """A colour for each value of one setting, and a marker for each of another.

    Attributes
    ----------
    coloured, marked
        ``tokenizer`` and ``encoder``; ``encoder`` twice where there is one tokenizer alone.
    """

    coloured: str
    marked: str
    colours: Mapping[str, str]
    markers: Mapping[str, str]

    def of(self, cell: Row) -> Look:
        """Return the look of a cell, a row of ``Cells.table``."""
        return Look(
            self.colours[str(cell.get(self.coloured, ""))],
            self.markers[str(cell.get(self.marked, ""))],
        )

    def colour_entries(self, cells: Sequence[Row], *, lines: bool = False) -> dict[str, Artist]:
        """Return the legend of the colours of some cells, with their markers if these go along."""
        there = {str(cell.get(self.coloured, "")) for cell in cells}
        same = self.coloured == self.marked
        return {
            value_words(self.coloured, value): Line2D([], [], color=colour, linewidth=1.8)
            if lines
            else _mark(Look(colour, self.markers[value] if same else "o"))
            for value, colour in self.colours.items()
            if value in there and value
        }

    def marker_entries(self, cells: Sequence[Row]) -> dict[str, Artist]:
        """Return the legend of the markers of some cells, where they say more than the colours."""
        there = {str(cell.get(self.marked, "")) for cell in cells}
        if self.coloured == self.marked or len(self.markers) < 2:
            return {}
        return {
            value_words(self.marked, value): _mark(Look(GREY, marker))
            for value, marker in self.markers.items()
            if value in there and value
        }


def looks_of(cells: Cells) -> Looks:
    """Return the looks of all cells of a report, whichever a figure draws."""
    encoders = cells.values("encoder")
    one_tokenizer = len(cells.values("tokenizer")) < 2 <= len(encoders)
    coloured = "encoder" if one_tokenizer else "tokenizer"
    colours = dict(zip(cells.values(coloured), cycle(COLOURS), strict=False))
    return Looks(coloured, "encoder", colours, dict(zip(encoders, cycle(MARKERS), strict=False)))


def dashes_of(cells: Cells, column: str) -> dict[str, Any] | None:
    """Return a dash for each value of a setting; None where there are too many to tell apart."""
    values = cells.values(column)
    return dict(zip(values, DASHES, strict=False)) if len(values) <= len(DASHES) else None


def dash_entries(dashes: Mapping[str, Any], column: str, cells: Sequence[Row]) -> dict[str, Artist]:
    """Return the legend of the dashes of some cells, where there are several."""
    there = {str(cell.get(column, "")) for cell in cells} - {""}
    if len(there) < 2:
        return {}
    return {
        value_words(column, value): Line2D([], [], color=GREY, linestyle=dash, linewidth=1.3)
        for value, dash in dashes.items()
        if value in there
    }


def sizes_of(cells: Cells, column: str) -> dict[str, float]:
    """Return the size of the mark of each value of a setting, rising with it."""
    values = cells.values(column)
    if len(values) < 2:
        return dict.fromkeys(values, MARK_SIZE)
    step = (_LARGEST - _SMALLEST) / (len(values) - 1)
    return {value: _SMALLEST + place * step for place, value in enumerate(values)}


def size_entries(
    sizes: Mapping[str, float], column: str, cells: Sequence[Row]
) -> dict[str, Artist]:
    """Return the legend of the sizes of some cells, where there are several."""
    there = {str(cell.get(column, "")) for cell in cells} - {""}
    if len(there) < 2:
        return {}
    return {
        value_words(column, value): _mark(Look(GREY, "o"), size)
        for value, size in sizes.items()
        if value in there
    }


def _mark(look: Look, size: float = MARK_SIZE) -> Line2D:
    return Line2D([], [], **mark_of(look, size, filled=True))
