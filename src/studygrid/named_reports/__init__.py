"""Reports as plug-ins: each a Python file with a function, its figures and its sections.

What the file of a report imports, it imports from here.
"""

from __future__ import annotations

from studygrid.figures.drawing import Drawing
from studygrid.named_reports.drawing import drawing
from studygrid.named_reports.inputs import NamedReport, ReportInputs
from studygrid.named_reports.table import table
from studygrid.report.blocks import (
    Block,
    Definitions,
    Figure,
    Heading,
    Paragraph,
    Points,
    Section,
)
from studygrid.tables.contents import Table

__all__ = [
    "Block",
    "Definitions",
    "Drawing",
    "Figure",
    "Heading",
    "NamedReport",
    "Paragraph",
    "Points",
    "ReportInputs",
    "Section",
    "Table",
    "drawing",
    "table",
]
