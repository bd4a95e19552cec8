"""Tables as LaTeX, with the packages booktabs and, for long ones, longtable."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

from studygrid.tables.contents import Table
from studygrid.tables.page import ROUNDING, Page, page_of

_MOST_ON_A_PAGE = 40
_END_OF_LINE = r" \\ "
_HEADING_WIDTH = 14  # characters
# Brackets and stars in braces: after the end of a row they would be its options.
_ESCAPES = str.maketrans({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"{\char34}",
    "`": r"\textasciigrave{}", "[": "{[}", "]": "{]}", "*": "{*}",
})  # fmt: skip
_SMALL = [r"\footnotesize", r"\setlength{\tabcolsep}{3pt}"]
# Two of these are set as one: a dash or a quotation mark.
_LIGATURES = re.compile(r"([-,'])(?=\1)")
_NUMBER = str.maketrans({"-": "$-$", "<": "$<$", "[": "{[}", "]": "{]}"})


def latex(table: Table) -> str:
    """Return a table as LaTeX with a caption and the label ``tab:<name>``.

    A table of more rows than fit on a page is a longtable. Text may hold any character that the
    document's engine and font have; pdfLaTeX has those of the western languages.
    """
    page = page_of(table)
    title, note = escape(table.title), escape(f"{table.note} {ROUNDING}")
    caption = rf"\caption[{title}]{{{title}. {note}}}"
    label = rf"\label{{tab:{table.name}}}"
    columns = "".join("r" if numeric else "l" for numeric in page.numeric)
    head = [r"\toprule", _row(map(_stacked, page.headings)), r"\midrule"]
    body = [_row(_cells(page, row)) for row in page.rows]
    if len(body) > _MOST_ON_A_PAGE:
        start = rf"\begin{{longtable}}{{{columns}}}"
        lines = [start, f"{caption}{label}" + r"\\", *head, r"\endfirsthead", *head]
        lines += [r"\endhead", r"\bottomrule", r"\endlastfoot", *body, r"\end{longtable}"]
        return _document("booktabs and longtable", ["{", *_SMALL, *lines, "}"])
    lines = [r"\begin{table}", r"\centering", *_SMALL, caption, label]
    lines += [rf"\begin{{tabular}}{{{columns}}}", *head, *body, r"\bottomrule"]
    return _document("booktabs", [*lines, r"\end{tabular}", r"\end{table}"])


def _document(packages: str, lines: Iterable[str]) -> str:
    return "\n".join([f"% Needs {packages}.", *lines, ""])


def escape(text: str) -> str:
    """Return text that LaTeX sets as it is, on one line."""
    escaped = " ".join(text.split()).translate(_ESCAPES)
    return _LIGATURES.sub(r"\1{}", escaped)


def _cells(page: Page, row: Iterable[str]) -> list[str]:
    # What stands in a column of numbers was made here, but for sizes, which are numbers or `all`.
    return [
        cell.translate(_NUMBER) if numeric else escape(cell)
        for cell, numeric in zip(row, page.numeric, strict=True)
    ]


def _stacked(heading: str) -> str:
    lines = [escape(line) for line in textwrap.wrap(heading, _HEADING_WIDTH)]
    return rf"\shortstack{{{_END_OF_LINE.join(lines)}}}" if len(lines) > 1 else "".join(lines)


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + _END_OF_LINE.rstrip()
