"""The look that all figures share, and how a figure is written."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Any

import matplotlib.style
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from studygrid.records import write_atomically

WIDTH_IN = 7.0
PNG_DPI = 200
GREY = "#6b6b6b"

# Okabe and Ito, Color universal design (2008), in another order. Their yellow is too
# pale for a thin line on white; the grey that R's palette adds stands in for it.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#000000",
    "#999999",
)
# 8 colours and 11 markers make 88 pairs before one comes again.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "<", ">", "h")

_SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same on every machine
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "savefig.facecolor": "white",
    # Letters as outlines: a page looks the same where DejaVu Sans is not installed. The words
    # stay in the file as comments, and the numbers in the CSV beside it.
    "svg.fonttype": "path",
    "svg.hashsalt": "studygrid",
}

_TEXT_LINE_IN = 0.155
_LEGEND_ROW_IN = 0.165
_CHARACTER_IN = 0.068
_HANDLE_IN = 0.5
_CAPTION_CHARACTERS = 122
_TITLE_CHARACTERS = 85
_EDGE_IN = 0.08


@dataclass(frozen=True)
class Look:
    """How a series is told from the others: by colour, and in grey by its marker."""

    colour: str
    marker: str


def looks(names: Sequence[str]) -> dict[str, Look]:
    """Return a look for each name, in order; no two are the same up to 88 names."""
    pairs = islice(zip(cycle(COLOURS), cycle(MARKERS), strict=False), len(names))
    return {name: Look(*pair) for name, pair in zip(names, pairs, strict=True)}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw and write in the house style, whatever the user's own matplotlib settings are."""
    with matplotlib.style.context(["default", _SETTINGS]):
        yield


def frame_figure(
    figure: Figure, title: str, entries: Mapping[str, Artist], caption: str, panel_height_in: float
) -> None:
    """Put title and legend above the panels and the caption below, and fix the layout.

    The figure becomes as high as its words need, so that the panels keep their height.
    """
    title = textwrap.fill(title, _TITLE_CHARACTERS)
    caption = textwrap.fill(caption, _CAPTION_CHARACTERS)
    columns = _legend_columns(list(entries))
    title_in = _lines(title) * _TEXT_LINE_IN * 1.2 + _EDGE_IN
    top_in = title_in + -(-len(entries) // columns) * _LEGEND_ROW_IN + 0.03
    bottom_in = _lines(caption) * _TEXT_LINE_IN + 2 * _EDGE_IN
    height_in = top_in + panel_height_in + bottom_in
    figure.set_size_inches(WIDTH_IN, height_in)
    left = _EDGE_IN / WIDTH_IN
    figure.text(
        left, 1 - _EDGE_IN / height_in, title, va="top", size=10, weight="bold", parse_math=False
    )
    figure.text(left, _EDGE_IN / height_in, caption, va="bottom", color="#333333", parse_math=False)
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


def save(figure: Figure, table: pd.DataFrame, stem: Path) -> None:
    """Write ``stem.svg``, ``stem.png`` and ``stem.csv``: the same bytes for the same figure.

    Each file is written whole or not at all.
    """
    with house_style():
        svg = _rendered(figure, "svg", {"Date": None})
        png = _rendered(figure, "png", {"Software": None})
    csv = table.to_csv(index=False, lineterminator="\n").encode()
    for suffix, content in (("svg", svg), ("png", png), ("csv", csv)):
        write_atomically(stem.with_name(f"{stem.name}.{suffix}"), content)


def _rendered(figure: Figure, kind: str, metadata: dict[str, None]) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=PNG_DPI, metadata=metadata)
    return buffer.getvalue()


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
