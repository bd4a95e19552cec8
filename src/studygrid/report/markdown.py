"""The report in Markdown: the same sections as the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from studygrid.report.blocks import (
    Block,
    Definitions,
    Drawn,
    Heading,
    Paragraph,
    Points,
    Section,
)
from studygrid.report.page import kind_of
from studygrid.report.table_view import MOST_ROWS, table_view
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import TABLES, Table
from studygrid.tables.markdown import escape, markdown
from studygrid.tables.page import ROUNDING


def markdown_page(study: StudyResults, sections: Sequence[Section]) -> str:
    """Return a report as Markdown; its figures are links to their SVG files."""
    parts = [f"# {escape(study.name)}", escape(f"{kind_of(study)}.")]
    for section in sections:
        parts.append(f"## {escape(section.title)}")
        parts += [text for block in section.blocks if (text := _text(block))]
    return "\n\n".join(parts) + "\n"


def _text(block: Block) -> str:
    match block:
        case Heading(text):
            return f"### {escape(text)}"
        case Paragraph(text, warning):
            return f"> **Note:** {escape(text)}" if warning else escape(text)
        case Points(items):
            return "\n".join(f"- {escape(item)}" for item in items)
        case Definitions(items):
            return "\n".join(f"- **{escape(term)}**: {escape(text)}" for term, text in items)
        case Drawn():
            file = PurePosixPath(block.table_file).with_suffix(".svg")
            caption = escape(block.caption)
            return f"### {escape(block.title)}\n\n![{caption}](<{file}>)\n\n{caption}"
        case Table():
            return _table(block)
        case _:
            return ""


def _table(table: Table) -> str:
    shown = replace(table, frame=table.frame.head(MOST_ROWS))
    rest = table_view(table).rest if len(table.frame) > MOST_ROWS else ""
    text = f"##{markdown(shown)}".rstrip()
    if table.name not in TABLES:  # these have no file with every digit
        text = text.replace(f" {escape(ROUNDING)}", "")
    return f"{text}\n\n{escape(rest)}" if rest else text
