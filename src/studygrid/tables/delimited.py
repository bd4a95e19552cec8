"""Tables as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from studygrid.records import write_atomically
from studygrid.results.rows import Row

# OWASP, CSV injection: what a spreadsheet may take for the start of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_csv(path: Path, rows: Sequence[Row], columns: Sequence[str] | None = None) -> None:
    """Write rows of equal keys as CSV, atomically: see `csv_bytes`."""
    write_atomically(path, csv_bytes(rows, columns))


def csv_bytes(rows: Sequence[Row], columns: Sequence[str] | None = None) -> bytes:
    """Return rows of equal keys as CSV in UTF-8.

    A float is written with the fewest digits that read back to the same bits; what is not there
    is an empty cell.

    Parameters
    ----------
    rows
        The rows.
    columns
        Their keys, which make the header of a table that may have no row.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    header = columns if columns is not None else list(rows[0]) if rows else []
    if header:
        writer.writerow(map(_cell, header))
    # Numbers need no look; of 10,000 runs there are half a million.
    writer.writerows(
        [_cell(value) if isinstance(value, str) else value for value in row.values()]
        for row in rows
    )
    return buffer.getvalue().encode()


def _cell(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
