"""Tables as one XLSX workbook, a sheet each."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
import xlsxwriter
from pandas.api.types import is_numeric_dtype
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from studygrid.axes import AXES
from studygrid.tables.contents import Table

MOST_ROWS = 1_048_576 - 1  # below the header
MOST_CHARACTERS = 32_767

_READ_ME = "read me"
_CREATED = datetime(2000, 1, 1)  # of every workbook, so that equal tables are equal bytes
_OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_WIDEST, _NARROWEST, _HEADER_LINES = 48, 7, 3
_CUT = " … (cut: the CSV has all of it)"
_P_VALUE = '[<0.001]"<0.001";0.000'


def workbook(tables: Sequence[Table], name: str) -> bytes:
    """Return a workbook of a study's tables: a sheet that explains, and a sheet each.

    Numbers have 16 digits, of which a format by kind shows some: whole, four significant digits,
    p values, scientific for FLOPs. Text is never a formula or a link. A table with more rows
    than a sheet can have is cut, which the first sheet says.
    """
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, _OPTIONS)
    book.set_properties({"title": name, "created": _CREATED})
    formats = _Formats(book)
    _explain(book.add_worksheet(_READ_ME), tables, name, formats)
    for table in tables:
        _fill(book.add_worksheet(table.name), table, formats)
    book.close()
    return buffer.getvalue()


@dataclass
class _Formats:
    """The formats of a workbook, each made once."""

    book: Workbook
    made: dict[str, Format] = field(default_factory=dict)

    def number(self, kind: str) -> Format:
        if kind not in self.made:
            self.made[kind] = self.book.add_format({"num_format": kind})
        return self.made[kind]

    def style(self, name: str, **properties: Any) -> Format:
        if name not in self.made:
            self.made[name] = self.book.add_format(properties)
        return self.made[name]


def _explain(sheet: Worksheet, tables: Sequence[Table], name: str, formats: _Formats) -> None:
    bold = formats.style("bold", bold=True)
    wrapped = formats.style("wrapped", text_wrap=True, valign="top")
    sheet.set_column(0, 0, 12)
    sheet.set_column(1, 2, 40)
    sheet.write_string(0, 0, fitting(name), bold)
    for row, table in enumerate(tables, 2):
        sheet.write_string(row, 0, table.name, formats.style("top", valign="top"))
        sheet.merge_range(row, 1, row, 2, fitting(_note(table)), wrapped)
        sheet.set_row(row, 15 * math.ceil(len(_note(table)) / 80))
    start = len(tables) + 3
    for column, words in enumerate(("sheet", "column", "name in the CSV")):
        sheet.write_string(start, column, words, bold)
    lines = [(table.name, column) for table in tables for column in map(str, table.frame)]
    words_of = {table.name: table.headings for table in tables}
    for row, (of, column_name) in enumerate(lines, start + 1):
        for place, text in enumerate((of, words_of[of].get(column_name, column_name), column_name)):
            sheet.write_string(row, place, fitting(text))


def _note(table: Table) -> str:
    if len(table.frame) <= MOST_ROWS:
        return table.note
    return f"{table.note} The sheet has the first {MOST_ROWS:,} of {len(table.frame):,} rows."


def _fill(sheet: Worksheet, table: Table, formats: _Formats) -> None:
    header = formats.style("header", bold=True, text_wrap=True, valign="top", bottom=1)
    frame = table.frame.iloc[:MOST_ROWS]
    for place, name in enumerate(map(str, frame)):
        words = table.headings.get(name, name)
        values = [_plain(value, name) for value in frame[name].tolist()]
        kind = number_format(name, frame[name])
        sheet.write_string(0, place, fitting(words), header)
        sheet.set_column(place, place, _width(words, values, kind))
        _write(sheet, place, values, formats.number(kind) if kind else None)
    sheet.set_row(0, 15 * _HEADER_LINES)
    sheet.freeze_panes(1, len([name for name in (*AXES, "rank") if name in frame]))
    if len(frame.columns):
        sheet.autofilter(0, 0, len(frame), len(frame.columns) - 1)


def _write(sheet: Worksheet, place: int, values: Sequence[Any], number: Format | None) -> None:
    for row, value in enumerate(values, 1):
        if isinstance(value, str):
            sheet.write_string(row, place, value)
        elif isinstance(value, bool):
            sheet.write_boolean(row, place, value)
        elif value is not None:
            sheet.write_number(row, place, value, number)


def _plain(value: Any, column: str) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if column == "n_train" and str(value).isdecimal():
        return int(value)
    return fitting(value) if isinstance(value, str) else value


def fitting(text: str) -> str:
    """Return text that a cell can hold; what is too long is cut and says so."""
    if len(text) <= MOST_CHARACTERS:
        return text
    return text[: MOST_CHARACTERS - len(_CUT)] + _CUT


def number_format(name: str, values: pd.Series[Any]) -> str | None:
    """Return the spreadsheet's format of a column; None where it holds no numbers."""
    if name == "n_train":
        return "0"
    if not is_numeric_dtype(values.dtype) or values.dtype == bool:
        return None
    if "flops" in name:
        return "0.00E+00"
    if name == "p_holm" or name.endswith(("p_value", "_exact_p")):
        return _P_VALUE
    known = values.dropna().astype(float)
    known = known[known.abs() < math.inf]
    if (known == known.round()).all() and not name.startswith(_MEASURED):
        return "#,##0" if name == "parameters" or name.endswith("_parameters") else "0"
    return _four_significant(float(known.abs().max()))


_MEASURED = ("test_", "mean", "sd", "ci_", "median", "min", "max", "difference")


def _four_significant(largest: float) -> str:
    """Return the format in which the largest number of a column has four significant digits."""
    if largest == 0 or math.isnan(largest):
        return "0"
    decimals = 3 - math.floor(math.log10(largest))
    if not -3 <= decimals <= 8:
        return "0.000E+00"
    return f"0.{'0' * decimals}" if decimals > 0 else "#,##0"


def _width(words: str, values: Sequence[Any], kind: str | None) -> int:
    header = next(w for w in range(1, _WIDEST) if len(textwrap.wrap(words, w)) <= _HEADER_LINES)
    header = max([header, *map(len, words.split())])
    if words.endswith("SHA-256"):
        return _NARROWEST + 5
    texts = [len(value) for value in values if isinstance(value, str)]
    numbers = len(kind or "") if len(texts) < len(values) else 0
    return min(max(_NARROWEST, header, max(texts, default=0), numbers) + 2, _WIDEST)
