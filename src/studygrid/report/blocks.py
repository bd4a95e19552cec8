"""What a report is made of: sections of plain data, which every format renders.

A block holds text as it is, never markup: each format escapes it for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from studygrid.tables.contents import Table


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `warning` sets it apart, for what a reader must not miss."""

    text: str
    warning: bool = False


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Definitions:
    """Terms and what they are, in order."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Figure:
    """The place of a drawn figure, by its name in the registry of figures.

    Attributes
    ----------
    of_inference
        Whether it is one of the inference phase.
    """

    name: str
    of_inference: bool = False


@dataclass(frozen=True)
class Explore:
    """A chart whose axes the reader picks; only pages with JavaScript show it.

    Attributes
    ----------
    label
        What it is a chart of.
    spec
        A Vega-Lite specification without encodings of x, y and colour.
    channels
        From a field to its encoding, in the order in which they are offered.
    start
        From ``x``, ``y`` and ``color`` to the field that each shows at first.
    panel
        A field of which one value is shown at a time, and its values; or None.
    """

    label: str
    spec: Mapping[str, Any]
    channels: Mapping[str, Mapping[str, Any]]
    start: Mapping[str, str]
    panel: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class Drawn:
    """A figure that is drawn, read from its files.

    Attributes
    ----------
    svg
        The panels, without title and caption.
    width_px
        Width at which its text is as large as it was drawn.
    table_file, rows
        Path of the plotted numbers as the report names it, and how many rows they have.
    """

    name: str
    title: str
    caption: str
    svg: bytes
    width_px: int
    table_file: str
    rows: int
    explore: Explore | None


Block = Heading | Paragraph | Points | Definitions | Figure | Drawn | Explore | Table


@dataclass(frozen=True)
class Section:
    """A section of a report; `id` is a word of lower-case letters, digits and hyphens."""

    id: str
    title: str
    blocks: tuple[Block, ...]
