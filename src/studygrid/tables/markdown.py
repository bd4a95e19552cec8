"""Tables as Markdown: GitHub's tables with pipes."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from studygrid.tables.contents import Table
from studygrid.tables.page import ROUNDING, Page, page_of

# References in place of backslashes: they mean the same to every dialect, within a table too.
_REFERENCES = {
    "&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "\\": "&#92;", "`": "&#96;",
    "*": "&#42;", "[": "&#91;", "]": "&#93;", "~": "&#126;", "$": "&#36;", "#": "&#35;",
}  # fmt: skip
_SPECIAL = str.maketrans(_REFERENCES)
# An underscore within a word emphasises nothing, and names are full of them.
_EMPHASIS = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_LINK = re.compile(r"(?<=[A-Za-z]):(?=//)|(?<=www)\.", re.IGNORECASE)


def markdown(table: Table) -> str:
    """Return a table as Markdown: a heading, the note, and the main columns."""
    page = page_of(table)
    rules = ["---:" if numeric else ":---" for numeric in page.numeric]
    lines = [_line(map(escape, page.headings)), _line(rules)]
    lines += [_line(_cells(page, row)) for row in page.rows]
    note = escape(f"{table.note} {ROUNDING}")
    return "\n".join([f"# {escape(table.title)}", "", note, "", *lines, ""])


def escape(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    line = " ".join(text.split())
    line = _EMPHASIS.sub("&#95;", line.translate(_SPECIAL))
    return _LINK.sub(lambda found: f"&#{ord(found[0])};", line)


def _cells(page: Page, row: Iterable[str]) -> list[str]:
    # What stands in a column of numbers was made here; the brackets of an interval are no link.
    return [
        html.escape(cell) if numeric else escape(cell)
        for cell, numeric in zip(row, page.numeric, strict=True)
    ]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
