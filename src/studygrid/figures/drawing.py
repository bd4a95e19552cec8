"""A drawn figure, with its words and its numbers, and how it is written."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from studygrid.figures.style import PNG_DPI, house_style
from studygrid.records import write_atomically


@dataclass(frozen=True)
class Drawing:
    """A figure of a study.

    Attributes
    ----------
    title, caption
        What it shows; the caption says n, the kind of interval, and the failures.
    table
        Every number that is drawn, one row a mark; empty where there is nothing to draw, which
        the figure then says in words.
    words
        The title and the caption in the figure.
    panels
        The figure without them, in inches.
    """

    figure: Figure
    title: str
    caption: str
    table: pd.DataFrame
    words: tuple[Text, ...]
    panels: Bbox


def save(drawing: Drawing, stem: Path) -> None:
    """Write ``stem.png``, ``stem.svg`` and ``stem.csv``: the same bytes for the same figure.

    The PNG goes alone, so it carries title and caption. The SVG is for papers and pages, where
    these are text: it has them as its metadata. Each file is written whole or not at all.
    """
    png = png_of(drawing)
    with house_style():
        for words in drawing.words:
            words.set_visible(False)
        described = {"Date": None, "Title": drawing.title, "Description": drawing.caption}
        svg = _rendered(drawing.figure, "svg", described, drawing.panels)
        for words in drawing.words:
            words.set_visible(True)
    csv = drawing.table.to_csv(index=False, lineterminator="\n").encode()
    for suffix, content in (("svg", svg), ("png", png), ("csv", csv)):
        write_atomically(stem.with_name(f"{stem.name}.{suffix}"), content)


def png_of(drawing: Drawing) -> bytes:
    """Return the PNG that `save` writes."""
    with house_style():
        return _rendered(drawing.figure, "png", {"Software": None})


def _rendered(
    figure: Figure, kind: str, metadata: dict[str, Any], area: Bbox | None = None
) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=PNG_DPI, metadata=metadata, bbox_inches=area)
    return buffer.getvalue()
