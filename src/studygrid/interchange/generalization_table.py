"""Reading a comparison_metrics.csv: one that we wrote, or one of the guide's project."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from studygrid.errors import RecordError
from studygrid.interchange.foreign.json_files import checked_bytes, writable
from studygrid.interchange.foreign.runs import LARGEST_FLOAT
from studygrid.interchange.generalization import GUIDE_COLUMNS, OWN_COLUMNS, PARTS, VALUE

_DIGITS: Final = 16  # whole numbers below are the same in every table
_NEEDED: Final = ("model", "metric")
_NUMBERS: Final = (*PARTS, VALUE)
_OF_PARTS: Final = tuple(f"{part}: " for part in PARTS)
_BETWEEN_PARTS: Final = re.compile(r"; (?=(?:amplitude|phase): )")
_EMPTY: Final = ("", "nan")
# Metrics of amplitude and phase apart, also where a file has no number of them.
_PAIRED: Final = re.compile(r"(mae|mse|psnr|ssim|ms_ssim|frc)(_.*|\d.*)?")


@dataclass(frozen=True)
class Measured:
    """One number of one run, or that it has none.

    Attributes
    ----------
    metric, part
        As the file calls them; `part` is the column: ``amplitude``, ``phase`` or ``value``.
    value
        The number, None where the cell is empty or holds none.
    unit
        Its unit; None where the file has no such column, as in the guide's project.
    reason
        Why there is no value, where the file says so.
    line
        Where it stands.
    """

    model: str
    metric: str
    part: str
    value: float | None
    line: int
    unit: str | None = None
    seed: int | None = None
    status: str | None = None
    reason: str | None = None
    note: str | None = None
    n_train: int | str | None = None
    resolution: int | None = None


@dataclass(frozen=True)
class Comparison:
    """What one file holds.

    Attributes
    ----------
    is_ours
        Whether it has the columns that studygrid writes.
    faults
        What is wrong with some of its lines, each with the line's number.
    """

    path: Path
    rows: list[Measured]
    is_ours: bool
    faults: list[str] = field(default_factory=list)

    @property
    def models(self) -> list[str]:
        """The models, in the order of the file."""
        return list(dict.fromkeys(row.model for row in self.rows))


def read_comparison(path: Path) -> Comparison:
    """Read a file whose header has `model`, `metric` and one of the columns of numbers.

    A line that cannot be used is a fault with its number, and the others are read. A cell that
    should hold a number and does not counts as empty, and is a fault unless it is empty or nan.

    Raises
    ------
    RecordError
        If the file cannot be read, is no CSV in UTF-8, or lacks these columns.
    """
    return parse_comparison(checked_bytes(path), path)


def parse_comparison(encoded: bytes, path: Path) -> Comparison:
    """Return what the content of such a file says: see `read_comparison`."""
    lines = _lines(encoded, path)
    header = next(lines, (1, []))[1]
    names = [name.strip() for name in header]
    lacking = [name for name in _NEEDED if name not in names]
    if not lacking and not set(_NUMBERS) & set(names):
        lacking = [f"one of {', '.join(_NUMBERS)}"]
    if lacking:
        raise RecordError(
            f"{path}: line 1: the header should be {','.join(GUIDE_COLUMNS)}; it lacks "
            f"{', '.join(lacking)}"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RecordError(f"{path}: line 1: the header has {', '.join(twice)} more than once")
    found = Comparison(path, [], set(OWN_COLUMNS) <= set(names))
    rows = list(_rows(lines, names, found.faults))
    paired = {row.cells["metric"] for row in rows if any(row.cells.get(part) for part in PARTS)}
    seen: dict[tuple[str, int | None, str, str], Measured] = {}
    for row in rows:
        for one in _measured(row, row.cells["metric"] in paired, found.faults):
            key = (one.model, one.seed, one.metric, one.part)
            first = seen.setdefault(key, one)
            if first is one:
                found.rows.append(one)
            elif first.value != one.value:
                found.faults.append(
                    f"line {row.line}: {one.model}, {one.metric}, {one.part} stands in line "
                    f"{first.line} with another value already, which counts"
                )
    if not found.rows:
        found.faults.append("line 1: no line with numbers follows the header")
    return found


def _lines(encoded: bytes, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of CSV that are not empty, with their numbers.

    Raises
    ------
    RecordError
        If it is no text in UTF-8, or no CSV.
    """
    if not encoded.strip():
        raise RecordError(f"{path}: is empty")
    try:
        text = encoded.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = encoded[: error.start].count(b"\n") + 1
        raise RecordError(f"{path}: line {line}: is not UTF-8; convert the file") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise RecordError(f"{path}: line {line}: holds a zero byte; it is no CSV file")
    reader = csv.reader(io.StringIO(text, newline=""))
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise RecordError(f"{path}: line {reader.line_num}: is no CSV ({error})") from None
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield reader.line_num, cells


@dataclass(frozen=True)
class _Row:
    """A line by the names of its columns."""

    line: int
    cells: Mapping[str, str]


def _rows(
    lines: Iterable[tuple[int, list[str]]], names: Sequence[str], faults: list[str]
) -> Iterator[_Row]:
    """Yield the lines that have all cells, a model and a metric."""
    for line, cells in lines:
        if len(cells) != len(names):
            faults.append(f"line {line}: has {len(cells)} cells, the header {len(names)}: left out")
            continue
        row = {name: writable(cell.strip()) for name, cell in zip(names, cells, strict=True)}
        lacking = next((name for name in _NEEDED if not row[name]), None)
        if lacking is None:
            yield _Row(line, row)
        else:
            faults.append(f"line {line}: names no {lacking}: left out")


def _measured(row: _Row, is_paired: bool, faults: list[str]) -> Iterator[Measured]:
    """Yield the numbers of a line, also those that are not there: of both parts, or the one."""
    cells = row.cells
    is_paired = is_paired or _PAIRED.fullmatch(cells["metric"]) is not None
    own = PARTS if is_paired else (VALUE,)
    numbers = {part: _number(row, part, faults) for part in _NUMBERS if part in cells}
    seed, resolution = (_whole(row, name, faults) for name in ("seed", "resolution"))
    size = "all" if cells.get("n_train") == "all" else _whole(row, "n_train", faults)
    for part, value in numbers.items():
        if part in own or value is not None:
            yield Measured(
                model=cells["model"],
                metric=cells["metric"],
                part=part,
                value=value,
                line=row.line,
                unit=_of_part(cells.get("unit"), part),
                seed=seed,
                status=cells.get("status") or None,
                reason=_of_part(cells.get("reason"), part) or None,
                note=_of_part(cells.get("note"), part) or None,
                n_train=size,
                resolution=resolution,
            )


def _of_part(text: str | None, part: str) -> str | None:
    """Return what ``amplitude: …; phase: …`` says of a part; other text is of both."""
    if text is None or not text.startswith(_OF_PARTS):
        return text
    found = (
        said.removeprefix(f"{part}: ")
        for said in _BETWEEN_PARTS.split(text)
        if said.startswith(f"{part}: ")
    )
    return next(found, "")


def _number(row: _Row, part: str, faults: list[str]) -> float | None:
    text = row.cells[part]
    if text.lower() in _EMPTY:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if abs(value) <= LARGEST_FLOAT:
        return value
    what = "too large to be true" if math.isfinite(value) else "which is no number"
    faults.append(f"line {row.line}: {part} is {text[:40]!r}, {what}: counts as empty")
    return None


def _whole(row: _Row, name: str, faults: list[str]) -> int | None:
    text = row.cells.get(name, "")
    if not text:
        return None
    if text.isdecimal() and text.isascii() and len(text) < _DIGITS:
        return int(text)
    faults.append(f"line {row.line}: {name} is {text[:40]!r}, not a whole number: not used")
    return None
