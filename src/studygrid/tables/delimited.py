"""Tables as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studygrid.records import write_atomically
from studygrid.results.rows import Row

# OWASP, CSV injection: what a spreadsheet may take for the start of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows of equal keys as CSV, atomically.

    A float is written with the fewest digits that read back to the same bits; what is not there
    is an empty cell.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    if rows:
        writer.writerow(map(_cell, rows[0]))
    writer.writerows(map(_cell, row.values()) for row in rows)
    write_atomically(path, buffer.getvalue().encode())


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
