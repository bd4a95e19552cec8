"""A CSV file of tags, read with every cell checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from studygrid.errors import DataError
from studygrid.families.tagvae.data.rows import TagRows, rows_of_indices
from studygrid.families.tagvae.data.table.cells import (
    NOT_BINARY,
    TEXTS,
    TRUE,
    RowIds,
    listed_tags,
    split_number,
)
from studygrid.families.tagvae.data.table.columns import Columns, columns_of, header_problems
from studygrid.families.tagvae.data.table.lines import open_table
from studygrid.families.tagvae.data.table.options import TagTableOptions
from studygrid.families.tagvae.data.table.violations import Violations, shown

HINT = "a column that is no tag goes into dataset.leave_out"
LIST_HINT = "repair the file"


def read_csv(path: Path, options: TagTableOptions) -> TagRows:
    """Read a CSV file.

    Raises
    ------
    DataError
        If the file cannot be read or its header cannot be used, or with all cells that cannot.
    """
    with open_table(path, options) as lines:
        problems = header_problems(lines.header, options)
        if problems:
            raise DataError("; ".join([str(path), *(message for _, message in problems)]))
        columns = columns_of(lines.header, options)
        found = _Table(path, lines.header, columns, options.separator)
        for line, cells in lines.rows:
            found.add(line, cells)
    return found.finish()


class _Table:
    """The rows of a file, as they are added one by one."""

    def __init__(self, path: Path, header: Sequence[str], columns: Columns, separator: str) -> None:
        self._path, self._header, self._columns = path, header, columns
        self._separator = separator
        self._violations, self._ids = Violations(path), RowIds()
        self._splits: list[int] = []
        self._rows: list[list[int]] = []
        names = [header[at] for at in columns.tags]
        self._numbers = {name: number for number, name in enumerate(names)}

    def add(self, line: int, cells: list[str]) -> None:
        """Add the cells of a line, or note what is wrong with them."""
        where = f"line {line}"
        if len(cells) != len(self._header):
            what = f"has {len(cells)} cell{'' if len(cells) == 1 else 's'}"
            self._violations.add(where, f"{what}, the first line {len(self._header)}")
            return
        columns = self._columns
        if columns.row_id is not None:
            where = self._ids.check(cells[columns.row_id], where, self._violations)
        if columns.split is not None:
            place = f"{where}, column {self._header[columns.split]!r}"
            self._splits.append(split_number(cells[columns.split], place, self._violations))
        read = self._binary if columns.listed is None else self._listed
        self._rows.append(read(cells, where))

    def _binary(self, cells: list[str], where: str) -> list[int]:
        tags = [cells[at] for at in self._columns.tags]
        if not TEXTS.issuperset(tags):
            tags = [tag.strip() for tag in tags]
            for number, tag in enumerate(tags):
                if tag not in TEXTS:
                    name = self._header[self._columns.tags[number]]
                    what = f"{shown(tag)} {NOT_BINARY}" if tag else f"is empty; {NOT_BINARY}"
                    self._violations.add(f"{where}, column {name!r}", what)
        return [number for number, tag in enumerate(tags) if tag in TRUE]

    def _listed(self, cells: list[str], where: str) -> list[int]:
        at = self._columns.listed
        assert at is not None
        tags = listed_tags(cells[at], self._separator)
        if isinstance(tags, str):
            self._violations.add(f"{where}, column {self._header[at]!r}", tags)
            return []
        return [self._numbers.setdefault(tag, len(self._numbers)) for tag in dict.fromkeys(tags)]

    def finish(self) -> TagRows:
        """Return the rows; raise what is wrong with them."""
        self._violations.raise_any(HINT if self._columns.listed is None else LIST_HINT)
        if not self._rows:
            raise DataError(f"{self._path}: has a first line and no rows")
        splits = None if self._columns.split is None else np.array(self._splits, np.int8)
        return rows_of_indices(self._rows, list(self._numbers), splits)
