"""Lines of a CSV file, cell by cell. Cheap to import."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.tagvae.data.table.options import TagTableOptions

_OTHER_DELIMITERS = (";", "\t", "|", ",")


@dataclass(frozen=True)
class Lines:
    """A CSV file that is open.

    Attributes
    ----------
    header
        Names of the columns, without blanks about them.
    rows
        Number of a line (the last, of a row that goes over several) and its cells. Empty lines
        are passed over.
    """

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]


@contextmanager
def open_table(path: Path, options: TagTableOptions) -> Iterator[Lines]:
    """Open a CSV file; what cannot be read within the block is explained.

    Raises
    ------
    DataError
        If the file cannot be read, is no UTF-8 or no CSV, or has no line.
    """
    delimiter = options.delimiter or ("\t" if path.suffix.lower() == ".tsv" else ",")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            yield Lines(_header(path, reader, delimiter), _rows(path, reader))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 ({error}); save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def _header(path: Path, reader: Iterator[list[str]], delimiter: str) -> list[str]:
    first = next(_rows(path, reader), None)
    if first is None:
        raise DataError(f"{path}: is empty; its first line should name the columns")
    header = [name.strip() for name in first[1]]
    other = next((sign for sign in _OTHER_DELIMITERS if sign in header[0]), None)
    if len(header) == 1 and other:
        raise DataError(
            f"{path}: has one column, {header[0][:60]!r}; if {other!r} stands between its cells, "
            f"set `delimiter: {other!r}` (now {delimiter!r})"
        )
    return header


def _rows(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells  # type: ignore[attr-defined]
    except csv.Error as error:
        number = reader.line_num  # type: ignore[attr-defined]
        raise DataError(f"{path}, line {number}: is no CSV ({error})") from None
