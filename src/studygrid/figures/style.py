"""The look that all figures share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import matplotlib.style

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
