"""Tables as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from studygrid.records import write_atomically
from studygrid.results.rows import Row

# OWASP, CSV injection: what a spreadsheet may take for the start of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_csv(path: Path, rows: Sequence[Row], columns: Sequence[str] | None = None) -> None:
    """Write rows of equal keys as CSV, atomically.

    A float is written with the fewest digits that read back to the same bits; what is not there
    is an empty cell.

    Parameters
    ----------
    path
        The file.
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
    writer.writerows(map(_cell, row.values()) for row in rows)
    write_atomically(path, buffer.getvalue().encode())


def frame_rows(frame: pd.DataFrame) -> list[Row]:
    """Return the rows of a frame in plain values; what is not there is None."""
    columns = [[None if pd.isna(v) else v for v in frame[name].tolist()] for name in frame]
    return [dict(zip(map(str, frame), row, strict=True)) for row in zip(*columns, strict=True)]


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
