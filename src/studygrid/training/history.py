"""The curve of a run while it trains: epochs.jsonl, a line at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studygrid.execution.events import append_line, json_line
from studygrid.records import write_atomically


class EpochLines:
    """epochs.jsonl: the epochs of the run as it stands, one line each.

    Attributes
    ----------
    rows
        The lines; they go into a resume point, so that no lost or torn line is carried on.
    """

    def __init__(self, path: Path, rows: list[dict[str, Any]]) -> None:
        """Start the file anew, with the epochs before the one that is resumed."""
        self._path, self.rows = path, list(rows)
        write_atomically(path, "".join(map(json_line, rows)).encode())

    def add(self, row: dict[str, Any]) -> None:
        """Append an epoch."""
        self.rows.append(row)
        append_line(self._path, row)
