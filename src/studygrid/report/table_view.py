"""A table as the page shows it: rounded for reading, with every digit beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from studygrid.results.frames import frame_rows
from studygrid.results.not_said import NOT_SAID
from studygrid.tables.contents import Table
from studygrid.tables.page import page_of, significant

MOST_ROWS = 500
_MOST_CELLS = 15_000
_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_HASH_LETTERS = 12
_LONG = 40  # characters, hashes aside
_FEW_ROWS, _TALL_ROWS = 5, 30
_CSV = {
    "runs": "aggregated_metrics.csv",
    "checkpoints": "aggregated_metrics.csv",
    "summary": "summary_statistics.csv",
    "rankings": "tables/rankings.csv",
    "failures": "tables/failures.csv",
}


@dataclass(frozen=True)
class Cell:
    """What a cell shows, and the value behind it where that is longer."""

    text: str
    value: str | None = None


@dataclass(frozen=True)
class Column:
    """A column; an `extra` one is shown on demand, and `name` heads it in a copied CSV."""

    name: str
    heading: str
    numeric: bool
    extra: bool
    long: bool = False

    @property
    def classes(self) -> str:
        """The column's classes in the page."""
        return " ".join(
            name
            for name, has in (("n", self.numeric), ("extra", self.extra), ("long", self.long))
            if has
        )


@dataclass(frozen=True)
class TableView:
    """A table of a page; `rest` says what is not in it, and where it is."""

    name: str
    title: str
    note: str
    columns: tuple[Column, ...]
    rows: list[list[Cell]]
    total: int
    rest: str

    @property
    def has_extra(self) -> bool:
        """Whether some columns are shown on demand only."""
        return any(column.extra for column in self.columns)

    @property
    def is_tall(self) -> bool:
        """Whether it scrolls in a box of its own."""
        return len(self.rows) > _TALL_ROWS

    @property
    def has_controls(self) -> bool:
        """Whether it can be sorted, filtered and copied; a few lines of a section cannot."""
        return bool(self.rows) and (self.name in _CSV or len(self.rows) > _FEW_ROWS)


def table_view(table: Table, *, for_paper: bool = False) -> TableView:
    """Return a table for a page: its first rows, the main columns as on paper, then the others."""
    total = len(table.frame)
    shown = Table(**{**vars(table), "frame": table.frame.head(MOST_ROWS)})
    page = page_of(shown)
    # An interval's ends stand with their mean, as `page_of` has them.
    main = [name for name in table.main if not name.endswith(("ci_low", "ci_high"))]
    others = [name for name in map(str, table.frame) if name not in main]
    fits = total <= MOST_ROWS and total * table.frame.shape[1] <= _MOST_CELLS
    extra = others if fits and not for_paper else []
    raw = frame_rows(shown.frame)
    columns = [
        Column(name, heading, numeric, False, not numeric and _is_long(texts))
        for name, heading, numeric, texts in zip(
            main,
            page.headings,
            page.numeric,
            zip(*page.rows, strict=True) if page.rows else [()] * len(main),
            strict=True,
        )
    ]
    columns += [
        Column(name, table.headings.get(name, name), _is_numeric(raw, name), True) for name in extra
    ]
    rows = [
        [_cell(text, row[name]) for name, text in zip(main, texts, strict=True)]
        + [_cell(_text(row[name]), row[name]) for name in extra]
        for texts, row in zip(page.rows, raw, strict=True)
    ]
    left_out = [name for name in others if name not in (*extra, *table.main)]
    rest = _rest(table, total, bool(left_out)) if left_out or total > MOST_ROWS else ""
    return TableView(table.name, table.title, table.note, tuple(columns), rows, total, rest)


def _is_long(texts: Sequence[str]) -> bool:
    return any(len(text) > _LONG and not _HASH.fullmatch(text) for text in texts)


def _rest(table: Table, total: int, main_only: bool) -> str:
    rows = f"the first {MOST_ROWS:,} of {total:,} rows" if total > MOST_ROWS else "every row"
    columns = " and the main columns" if main_only else ""
    file = _CSV.get(table.name)
    return f"This shows {rows}{columns}; {f'all are in {file}' if file else 'the rest is cut'}."


def _is_numeric(rows: list[dict[str, Any]], name: str) -> bool:
    values = [row[name] for row in rows if row[name] is not None]
    return bool(values) and all(type(value) in (int, float) for value in values)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return significant(value) if isinstance(value, float) else str(value)


def _cell(text: str, value: Any) -> Cell:
    raw = "" if value is None else str(value)
    if _HASH.fullmatch(text):
        return Cell(f"{text[:_HASH_LETTERS]}…", raw)
    return Cell(text, None if raw == text or text == NOT_SAID else raw)
