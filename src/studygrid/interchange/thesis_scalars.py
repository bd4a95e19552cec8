"""Reading scalars.csv of the facts layout, with a header that may not fit its rows.

The original program froze the header with the metrics of the first row, and wrote later rows with
theirs: their values then stand under other names. `read_scalars` puts them right with the events,
which have every metric by its name, and leaves out what they cannot tell.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from studygrid.errors import RecordError
from studygrid.interchange.foreign.json_files import checked_bytes
from studygrid.interchange.thesis import BASE_COLUMNS, METRIC

_NEEDED: Final = ("epoch", "split", "val_loss")
_SPLITS: Final = {"train": "train", "val": "val", "valid": "val", "validation": "val"}
# The original writes 8 digits.
_RELATIVE: Final = 1e-6
_LARGEST: Final = 1e100
Row = dict[str, Any]


@dataclass
class Scalars:
    """The epochs in a file.

    Attributes
    ----------
    rows
        One an epoch and split, as `epochs_frame` takes them.
    faults
        What is wrong with the file, each with its line.
    """

    rows: list[Row] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_scalars(path: Path, events: Sequence[Mapping[str, Any]] = ()) -> Scalars:
    """Read the epochs of a run.

    Parameters
    ----------
    path
        The file.
    events
        The run's events, which tell what metrics the rows have.

    Raises
    ------
    RecordError
        If it is no file that can be read, or lacks a column that it must have; the message is the
        reason.
    """
    header, lines = _table(path)
    found = Scalars()
    said = _metrics_of_events(events)
    names = [name for name in header if name.startswith(METRIC)]
    is_plain = tuple(header) == (*BASE_COLUMNS, *names)
    for number, cells in lines:
        base = dict(zip(header, cells, strict=False))
        epoch, split = _epoch(base), _SPLITS.get(base.get("split", "").lower())
        if base.get("split", "").lower() == "test":
            continue
        if epoch is None or split is None or len(cells) < len(_NEEDED):
            found.faults.append(f"line {number}: names no epoch and split: left out")
            continue
        if is_plain and len(cells) >= len(BASE_COLUMNS):
            event = said.get((epoch, split), said.get((epoch, None), {}))
            values = _metrics(names, cells[len(BASE_COLUMNS) :], event, number, found)
            row = {name: base[name] for name in BASE_COLUMNS} | values
        elif len(cells) == len(header):
            row = base
        else:
            found.faults.append(
                f"line {number}: has {len(cells)} cells, the header {len(header)}: left out"
            )
            continue
        numbers = _numbers(row, number, found)
        if numbers is not None:
            _add(found, {**numbers, "epoch": epoch, "split": split}, number)
    return found


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        encoded = checked_bytes(path)
    except RecordError as error:
        raise RecordError(str(error).replace(str(path), path.name, 1)) from None
    if b"\n" not in encoded.strip() and b"\\n" in encoded:
        encoded = encoded.replace(b"\\n", b"\n")  # so the guide's own test writes it
    try:
        text = encoded.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecordError(f"{path.name}: is no CSV in UTF-8 ({error})") from None
    lines = [(number, row) for number, row in enumerate(rows, 1) if any(row)]
    if not lines:
        raise RecordError(f"{path.name}: is empty")
    header = [name.strip() for name in lines[0][1]]
    lacking = [name for name in _NEEDED if name not in header]
    if lacking:
        raise RecordError(f"{path.name}: has no column {', '.join(lacking)}")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise RecordError(f"{path.name}: has the column {', '.join(twice)} twice")
    return header, lines[1:]


def _epoch(base: Mapping[str, str]) -> int | None:
    try:
        number = float(base.get("epoch", ""))
    except ValueError:
        return None
    return int(number) if number.is_integer() and 0 <= number < _LARGEST else None


def _metrics_of_events(
    events: Sequence[Mapping[str, Any]],
) -> dict[tuple[int, str | None], dict[str, Any]]:
    """Return the metrics of each epoch and split, as the events have them."""
    found = {}
    for event in events:
        metrics, epoch = event.get("metrics"), event.get("epoch")
        if event.get("moment") == "on_epoch_end" and isinstance(metrics, dict):
            split = _SPLITS.get(str(event.get("split")).lower())
            if isinstance(epoch, int):
                found[epoch, split] = metrics
    return found


def _metrics(
    names: Sequence[str],
    cells: Sequence[str],
    event: Mapping[str, Any],
    number: int,
    found: Scalars,
) -> dict[str, str]:
    """Return the cells of metrics by their columns: the header's, or those of the event."""
    true = [f"{METRIC}{name}" for name in sorted(event)]
    fits = len(cells) == len(names)
    if fits and (not true or true == list(names) or set(true) <= set(names)):
        return dict(zip(names, cells, strict=True))
    if len(true) == len(cells) and _agree(cells, [event[name] for name in sorted(event)]):
        found.faults.append(
            f"line {number}: its metrics are not those of the header, which the first row froze: "
            f"read as {', '.join(true)}, which the events say"
        )
        return dict(zip(true, cells, strict=True))
    if fits:
        return dict(zip(names, cells, strict=True))
    found.faults.append(
        f"line {number}: has {len(cells)} metrics, the header {len(names)}, and no event tells "
        "which they are: its metrics are left out"
    )
    return {}


def _agree(cells: Sequence[str], values: Sequence[Any]) -> bool:
    for cell, value in zip(cells, values, strict=True):
        try:
            number = float(cell or "nan")
        except ValueError:
            return False
        is_number = isinstance(value, int | float)
        if not is_number and math.isfinite(number):
            return False
        if is_number and not math.isclose(number, value, rel_tol=_RELATIVE):
            return False
    return True


def _numbers(row: Mapping[str, Any], line: int, found: Scalars) -> Row | None:
    """Return a row with its cells as numbers, None where they are empty or none."""
    numbers: Row = {}
    for name, cell in row.items():
        if name in ("epoch", "split"):
            continue
        try:
            value = float(cell) if cell.strip() else None
        except ValueError:
            found.faults.append(f"line {line}: {name} is {cell[:40]!r}, no number: row left out")
            return None
        if value is not None and not abs(value) <= _LARGEST:
            found.faults.append(f"line {line}: {name} is {cell.strip()}: read as no value")
            value = None
        numbers[name] = value
    return numbers


def _add(found: Scalars, row: Row, line: int) -> None:
    """Add a row; one that goes back takes the place of what an earlier attempt left."""
    again = [
        at
        for at, own in enumerate(found.rows)
        if own["split"] == row["split"] and own["epoch"] >= row["epoch"]
    ]
    if again:
        found.faults.append(
            f"line {line}: is of epoch {row['epoch']} again: the {len(again)} earlier rows from "
            "there on are of an attempt that was given up, and are left out"
        )
        for at in reversed(again):
            del found.rows[at]
    found.rows.append(row)
