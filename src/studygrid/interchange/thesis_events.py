"""Reading events.jsonl of the facts layout: whoever wrote it, whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from studygrid.errors import RecordError
from studygrid.interchange.foreign.json_files import check_file, parse_json
from studygrid.interchange.thesis import SCHEMA_VERSION

# Every row of the original has all histories so far, so that its logs grow large.
_LARGEST_BYTES: Final = 2**30
_LONGEST_LINE: Final = 32 * 2**20
_SHOWN: Final = 120
_HISTORY: Final = "history_"
Row = dict[str, Any]


@dataclass
class Events:
    """The events of a run.

    Attributes
    ----------
    rows
        Those of its last training, in order, without histories.
    histories
        The last histories: values by epoch, by name.
    faults
        What is wrong with the file, each with its line.
    torn
        Whether the last line is cut off.
    """

    rows: list[Row] = field(default_factory=list)
    histories: dict[str, list[Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    torn: bool = False

    def last(self, moment: str) -> Row | None:
        """Return the last event of a moment."""
        return next((row for row in reversed(self.rows) if row.get("moment") == moment), None)

    def why_incomplete(self) -> str | None:
        """Return why the run has not ended, or None if it has."""
        if self.last("on_train_end") is not None:
            return None
        if not self.rows:
            return "events.jsonl has no event" + (f" ({self.faults[0]})" if self.faults else "")
        failed = self.last("on_exception")
        if failed is not None:
            return f"has no on_train_end: {_error(failed)}"
        epochs = [row["epoch"] for row in self.rows if isinstance(row.get("epoch"), int)]
        reached = f"; the last is {self.rows[-1].get('moment') or 'an event without a moment'}"
        reached += f" of epoch {max(epochs)}" if epochs else ""
        cut = "; its last line is cut off" if self.torn else ""
        return f"has no on_train_end among its {len(self.rows)} events{reached}{cut}"


def read_events(path: Path) -> Events:
    """Read an event log.

    Lines that are no JSON are left out and named. NaN and Infinity, which JSON has not, read as
    null. Where a run was started again in the same folder, the last training counts.

    Raises
    ------
    RecordError
        If it is no file that can be read, or of another version than 1; the message is the
        reason.
    """
    check_file(path, _LARGEST_BYTES)
    events = Events()
    for number, line in _lines(path):
        row = _row(line, number, events)
        if row is None:
            continue
        _check_version(row, number)
        _take_histories(row, events)
        if row.get("moment") == "on_start" and events.last("on_train_end") is not None:
            events.faults.append(f"line {number}: training starts again; this one counts")
            events.rows.clear()
        events.rows.append(row)
    return events


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_LONGEST_LINE):
                number += 1
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                yield number, line
    except OSError as error:
        raise RecordError(f"{path.name}: cannot be read ({error.strerror})") from None


def _row(line: bytes, number: int, events: Events) -> Row | None:
    events.torn = False
    if not line.strip():
        return None
    try:
        content = parse_json(line.decode())
    except RecursionError:
        events.faults.append(f"line {number}: is nested too deeply: left out")
        return None
    except ValueError as error:
        events.torn = not line.endswith(b"\n")
        why = "is cut off" if events.torn else f"is not JSON ({str(error)[:_SHOWN]})"
        events.faults.append(f"line {number}: {why}: left out")
        return None
    if not isinstance(content.value, dict):
        events.faults.append(f"line {number}: is no JSON object: left out")
        return None
    events.faults += [f"line {number}: {fault}" for fault in content.faults]
    return content.value


def _check_version(row: Row, number: int) -> None:
    version = row.get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise RecordError(
            f"events.jsonl, line {number}: schema_version is {str(version)[:_SHOWN]!r}; version "
            f"{SCHEMA_VERSION} alone can be read"
        )


def _take_histories(row: Row, events: Events) -> None:
    """Move the histories of a row out of it."""
    found = {
        key.removeprefix(_HISTORY): row.pop(key) for key in list(row) if key.startswith(_HISTORY)
    }
    named = row.pop("histories", None)
    found |= named if isinstance(named, dict) else {}
    lists = {name: values for name, values in found.items() if isinstance(values, list)}
    if lists:
        events.histories = lists


def _error(row: Mapping[str, Any]) -> str:
    said = row.get("error") or row.get("reason") or "an exception that says nothing"
    return " ".join(str(said).split())[:_SHOWN]
