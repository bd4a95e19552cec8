"""A Parquet file of tags, read with every cell checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from scipy.sparse import csc_array

from studygrid.errors import DataError
from studygrid.families.tagvae.data.rows import TagRows, rows_of_lists, rows_of_matrix
from studygrid.families.tagvae.data.table.cells import (
    NOT_BINARY,
    RowIds,
    listed_tags,
    split_number,
)
from studygrid.families.tagvae.data.table.columns import Columns, columns_of, header_problems
from studygrid.families.tagvae.data.table.csv_file import HINT, LIST_HINT
from studygrid.families.tagvae.data.table.options import TagTableOptions
from studygrid.families.tagvae.data.table.sources import NO_ENGINE
from studygrid.families.tagvae.data.table.violations import Violations, shown


def read_parquet(path: Path, options: TagTableOptions) -> TagRows:
    """Read a Parquet file; rows count from 0, as in pandas.

    Raises
    ------
    DataError
        If there is no package to read it with, the file cannot be read or its columns cannot be
        used, or with all cells that cannot.
    """
    return rows_of_frame(_load(path), path, options)


def _load(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError:
        raise DataError(f"{path}: {NO_ENGINE}") from None
    except Exception as error:  # pyarrow and fastparquet have many classes of errors
        raise DataError(f"{path}: cannot be read as Parquet ({error})") from None


def rows_of_frame(frame: pd.DataFrame, path: Path, options: TagTableOptions) -> TagRows:
    """Return the rows of a table that was read from `path`.

    Raises
    ------
    DataError
        If its columns cannot be used, or with all cells that cannot.
    """
    if frame.index.name is not None:
        frame = frame.reset_index()
    header = [str(name).strip() for name in frame.columns]
    problems = [message for _, message in header_problems(header, options)]
    if not problems and not len(frame):
        problems = ["has columns and no rows"]
    if problems:
        raise DataError("; ".join([str(path), *problems]))
    found = _Table(frame, header, columns_of(header, options), Violations(path))
    splits = found.splits()
    rows = found.binary() if options.tags_column is None else found.listed(options.separator)
    return TagRows(rows.tags, rows.names, splits)


class _Table:
    """The columns of a file, each read by itself; what is wrong with them is noted."""

    def __init__(
        self,
        frame: pd.DataFrame,
        header: Sequence[str],
        columns: Columns,
        violations: Violations,
    ) -> None:
        self._frame, self._header = frame, header
        self._columns, self._violations = columns, violations
        self._places = self._named_places()

    def _named_places(self) -> list[str]:
        places = [f"row {number}" for number in range(len(self._frame))]
        if self._columns.row_id is None:
            return places
        ids, names = RowIds(), self._values(self._columns.row_id)
        return [
            ids.check(name, place, self._violations)
            for name, place in zip(names, places, strict=True)
        ]

    def splits(self) -> NDArray[np.int8] | None:
        """Return the number of each row's split, where there is a column of it."""
        at = self._columns.split
        if at is None:
            return None
        numbers = [
            split_number(value, self._cell(row, at), self._violations)
            for row, value in enumerate(self._values(at))
        ]
        return np.array(numbers, np.int8)

    def binary(self) -> TagRows:
        """Return the rows of a table with a column a tag; raise what is wrong."""
        present = [self._rows_with(at) for at in self._columns.tags]
        self._violations.raise_any(HINT)
        ends = np.cumsum([0, *map(len, present)])
        rows = np.concatenate(present)
        shape = (len(self._frame), len(present))
        tags = csc_array((np.ones(len(rows), bool), rows, ends), shape=shape).tocsr()
        return rows_of_matrix(tags, [self._header[at] for at in self._columns.tags])

    def listed(self, separator: str) -> TagRows:
        """Return the rows of a table with a column of lists; raise what is wrong."""
        at = self._columns.listed
        assert at is not None
        lists = []
        for row, value in enumerate(self._values(at)):
            tags = listed_tags(value, separator)
            if isinstance(tags, str):
                self._violations.add(self._cell(row, at), tags)
            else:
                lists.append(tags)
        self._violations.raise_any(LIST_HINT)
        return rows_of_lists(lists)

    def _rows_with(self, at: int) -> NDArray[np.int64]:
        """Return the rows that have a tag; note the values that are neither 0 nor 1."""
        values = self._frame.iloc[:, at]
        if not types.is_numeric_dtype(values) or types.is_complex_dtype(values):
            what = f"holds {values.dtype}, as in {shown(values.iloc[0])}; {NOT_BINARY}"
            self._violations.add(f"column {self._header[at]!r}", what)
            return np.empty(0, np.int64)
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        for row in np.flatnonzero((numbers != 0) & (numbers != 1)).tolist():
            what = f"{shown(values.iloc[row])} {NOT_BINARY}"
            self._violations.add(self._cell(row, at), what)
        return np.flatnonzero(numbers == 1)

    def _values(self, at: int) -> list[object]:
        """Return the values of a column, None for those that are missing."""
        values = self._frame.iloc[:, at]
        pairs = zip(values, values.isna(), strict=True)
        return [None if is_missing else value for value, is_missing in pairs]

    def _cell(self, row: int, at: int) -> str:
        return f"{self._places[row]}, column {self._header[at]!r}"
