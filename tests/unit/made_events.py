"""Event logs made up: as jobs would leave them, at times that a test chooses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from studygrid.grid import Run
from studygrid.status.events import read_lines
from studygrid.status.run_state import RunState, run_state

# Every made log counts its seconds from here.
ZERO = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()
Row = dict[str, Any]


def row(moment: str, at: float, process: int = 1, host: str | None = None, **facts: Any) -> Row:
    """Return a line of a log, written `at` seconds after `ZERO`."""
    named = {} if host is None else {"host": host}
    return {
        "schema_version": 1,
        "moment": moment,
        "time_utc": datetime.fromtimestamp(ZERO + at, UTC).isoformat(timespec="milliseconds"),
        "process": process,
        **named,
        **facts,
    }


def training(
    start: float = 0.0,
    *,
    epochs: int = 5,
    done: int | None = None,
    epoch_sec: float = 10.0,
    steps: int = 100,
    step: int = 0,
    **who: Any,
) -> list[Row]:
    """Return the lines of a training from `step` on: its start and the `done` epochs after it."""
    rows = [row("on_start", start, step=step, steps=steps, epochs=epochs, **who)]
    first = step * epochs // steps
    for count in range(1, (epochs - first if done is None else done) + 1):
        epoch = first + count
        facts = {"epoch": epoch, "step": epoch * steps // epochs, "samples_per_sec": 64.0}
        rows.append(row("on_epoch_end", start + count * epoch_sec, **facts, **who))
    return rows


def trained(start: float = 0.0, *, status: str = "ok", **facts: Any) -> list[Row]:
    """Return the lines of a training that has come to its end."""
    rows = training(start, **facts)
    at = seconds_of(rows[-1])
    last = rows[-1] if "epoch" in rows[-1] else {"epoch": 0, "step": 0}
    reason = None if status == "ok" else "the loss is nan"
    end = {"epoch": last["epoch"], "step": last["step"], "status": status, "reason": reason}
    return [*rows, row("on_train_end", at, rows[-1]["process"], rows[-1].get("host"), **end)]


def finished(start: float = 0.0, *, status: str = "ok", **facts: Any) -> list[Row]:
    """Return the lines of a run that was trained and evaluated."""
    rows = trained(start, status=status, **facts)
    reason = rows[-1]["reason"]
    return [
        *rows,
        row("on_test_end", seconds_of(rows[-1]) + 1, process=2, status=status, reason=reason),
    ]


def seconds_of(line: Row) -> float:
    """Return when a line was written, in seconds after `ZERO`."""
    return datetime.fromisoformat(line["time_utc"]).timestamp() - ZERO


def log_text(rows: Iterable[Row]) -> str:
    return "".join(json.dumps(line) + "\n" for line in rows)


def write_log(results: Path, run: Run, rows: Iterable[Row], *, append: bool = False) -> Path:
    """Write or lengthen the event log of a run."""
    path = results / "runs" / run.path / "events.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a" if append else "w", encoding="utf-8") as file:
        file.write(log_text(rows))
    return path


def state_of(rows: Iterable[Row]) -> RunState:
    """Return what lines of a log say of their run."""
    return run_state(read_lines(log_text(rows).encode()).events)


# As they stand 100 s after `ZERO`.
STATES: dict[str, list[Row]] = {
    "done": finished(),
    "running": training(80, done=1),
    "to evaluate": trained(40),
    "silent": training(-900, done=1, epoch_sec=1),
    "diverged": trained(done=2, status="diverged"),
    "broken": [*training(done=1), row("on_exception", 9, error="OSError: disk\n\x1b[31mis full")],
    "waiting": [],
}
