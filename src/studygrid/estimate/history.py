"""Earlier estimates, and how well they held: estimates.jsonl in the results folder."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from studygrid.estimate.measured import Trained
from studygrid.estimate.said import Said, cell_path
from studygrid.estimate.spread import LEVEL
from studygrid.estimate.sums import Range
from studygrid.execution.events import append_line
from studygrid.grid import Run

FILE = "estimates.jsonl"
VERSION = 1
# Of fewer runs, one that was out of the range says nothing yet.
_LEAST_RUNS = 5


@dataclass(frozen=True, slots=True)
class Earlier:
    """An estimate that was kept.

    Attributes
    ----------
    cells
        The range of one train job of each cell, by the cell's path; before it was widened.
    widening
        By how much it was widened before it was printed.
    said
        What it said of all jobs; None of an estimate that was kept without.
    """

    at: float
    device: str
    cells: Mapping[str, Range]
    widening: float = 1.0
    said: Said | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """How well earlier estimates held, of the runs that began after one.

    Attributes
    ----------
    runs, inside
        Runs that can be compared, and those whose time was in the range that was printed.
    ratio
        The median of measured over estimated time.
    total_ratio
        The time of all of them over what was estimated.
    widening
        By how much ranges must be wider than before any widening, in ratio, for nine in ten to
        hold.
    """

    runs: int
    inside: int
    ratio: float
    total_ratio: float
    widening: float


def read_earlier(results: Path) -> list[Earlier]:
    """Read the estimates that were kept; lines that cannot be read are passed over."""
    try:
        lines = (results / FILE).read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(_earlier(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            continue
    return found


def _earlier(content: Any) -> Earlier:
    if content["schema_version"] != VERSION:
        raise ValueError
    cells = {path: Range(*map(float, sizes)) for path, sizes in content["train_sec"].items()}
    widening = float(content.get("widening", 1.0))
    if not all(one.is_time for one in cells.values()) or not 1 <= widening < math.inf:
        raise ValueError
    at = datetime.fromisoformat(content["time_utc"]).timestamp()
    said = Said.of(content["total"]) if "total" in content else None
    return Earlier(at, str(content["device"]), cells, widening, said)


def how_it_held(earlier: Sequence[Earlier], trained: Mapping[Run, Trained]) -> Held | None:
    """Compare each run with the last estimate before it began; None if there is nothing to.

    Only whole jobs on the device of the estimate count.
    """
    pairs, inside = [], 0
    for run, done in trained.items():
        if not done.is_measure or done.seconds is None:
            continue
        said = _last_before(earlier, done, cell_path(run))
        if said is not None:
            raw = said.cells[cell_path(run)]
            pairs.append((done.seconds, raw))
            inside += raw.widened(said.widening).contains(done.seconds)
    if not pairs:
        return None
    ratios = [seconds / said.mid for seconds, said in pairs]
    return Held(
        runs=len(pairs),
        inside=inside,
        ratio=median(ratios),
        total_ratio=sum(s for s, _ in pairs) / sum(said.mid for _, said in pairs),
        widening=_widening(pairs),
    )


def _last_before(earlier: Sequence[Earlier], done: Trained, cell: str) -> Earlier | None:
    said = [
        one
        for one in earlier
        if one.at <= done.job.start and one.device == done.job.device and cell in one.cells
    ]
    return max(said, key=lambda one: one.at, default=None)


def _widening(pairs: Sequence[tuple[float, Range]]) -> float:
    """Return the factor that brings nine in ten into their ranges; never one that narrows them."""
    if len(pairs) < _LEAST_RUNS:
        return 1.0
    reach = sorted(_reach(seconds, said) for seconds, said in pairs)
    place = min(math.ceil(LEVEL * (len(reach) + 1)), len(reach))
    return max(1.0, reach[place - 1])


def _reach(seconds: float, said: Range) -> float:
    """Return how far from the middle a time was, in ranges' halves."""
    end = said.high if seconds >= said.mid else said.low
    half = abs(math.log(end / said.mid))
    return abs(math.log(seconds / said.mid)) / max(half, 1e-9)


def keep(results: Path, content: Mapping[str, Any]) -> None:
    """Append an estimate.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    append_line(results / FILE, {"schema_version": VERSION, **content})
