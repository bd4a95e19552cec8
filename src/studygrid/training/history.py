"""What a run writes while it trains: epochs.jsonl and events.jsonl, a line at a time."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from studygrid.execution.provenance import utc_now
from studygrid.records import SCHEMA_VERSION, write_atomically


class Events:
    """events.jsonl: append-only over all attempts of a run."""

    def __init__(self, path: Path, axes: dict[str, Any]) -> None:
        self._path, self._axes = path, axes

    def add(self, moment: str, **facts: Any) -> None:
        """Append a row; `moment` is ``on_start``, ``on_epoch_end``, ``on_train_end`` and so on."""
        row = {
            "schema_version": SCHEMA_VERSION,
            "moment": moment,
            "time_utc": utc_now(),
            "process": os.getpid(),
            "host": socket.gethostname(),
            **self._axes,
            **facts,
        }
        append_line(self._path, row)


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
        write_atomically(path, "".join(map(_line, rows)).encode())

    def add(self, row: dict[str, Any]) -> None:
        """Append an epoch."""
        self.rows.append(row)
        append_line(self._path, row)


def append_line(path: Path, row: dict[str, Any]) -> None:
    """Append one line of strict JSON in one write, so that a reader never sees half a line."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, _line(row).encode())
    finally:
        os.close(descriptor)


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, allow_nan=False, ensure_ascii=False) + "\n"
