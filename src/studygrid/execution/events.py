"""events.jsonl: what happened to a run, append-only over all its attempts."""

from __future__ import annotations

import errno
import json
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from studygrid.execution.failures import Failure
from studygrid.execution.slurm import ending_of, job_here
from studygrid.grid import Run, run_of_path
from studygrid.records import SCHEMA_VERSION

FILE = "events.jsonl"
_TAIL_BYTES = 1 << 16


def utc_now() -> str:
    """Return the time as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Events:
    """The event log of a run.

    Parameters
    ----------
    folder
        The run's folder.
    run
        The run that each row names; where left out, the one that the folder's path names, if any.
    """

    def __init__(self, folder: Path, run: Run | None = None) -> None:
        self._path = folder / FILE
        self._axes = _axes_of(folder) if run is None else vars(run)

    def add(self, moment: str, **facts: Any) -> None:
        """Append a row; `moment` is ``on_start``, ``on_epoch_end``, ``on_train_end`` and so on."""
        row = {
            "schema_version": SCHEMA_VERSION,
            "moment": moment,
            "time_utc": utc_now(),
            "process": os.getpid(),
            "host": socket.gethostname(),
            "slurm_job": job_here(),
            **self._axes,
            **facts,
        }
        append_line(self._path, row)

    def fail(self, job: str, failure: Failure, error: str, **facts: Any) -> None:
        """Append the row of a failure of a job: ``train`` or ``evaluate``."""
        self.add("on_exception", job=job, failure=failure, error=error, **facts)

    def close_earlier_attempt(self) -> None:
        """Say how the attempt before this one ended, if it could not do so itself."""
        last = self._last_row()
        if last.get("moment") not in ("on_start", "on_epoch_end"):
            return
        job, host = last.get("slurm_job"), last.get("host")
        known = ending_of(job) if isinstance(job, str) and job != job_here() else None
        failure = known or Failure.KILLED
        by = f", job {job} of Slurm" if job else ""
        self.fail(
            "train",
            failure,
            f"process {last.get('process')} on {host}{by} ended without a word after "
            f"{last.get('time_utc')}",
        )

    def last_failure(self) -> str | None:
        """Return how the last attempt failed, if nothing came after it."""
        row = self._last_row()
        if row.get("moment") != "on_exception" or row.get("status") is not None:
            return None
        return f"{row.get('failure', Failure.ERROR)}: {row.get('error')}"

    def _last_row(self) -> dict[str, Any]:
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
                lines = file.read().splitlines()
        except OSError:
            return {}
        for line in reversed(lines):
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                return row
        return {}


def _axes_of(folder: Path) -> dict[str, Any]:
    try:
        return vars(run_of_path(str(folder.absolute())))
    except ValueError:
        return {}


def fail_of(output: Path | None, failure: Failure, error: str) -> None:
    """Append the failure of the job that should have written a record; only runs have a log.

    Nothing is said where it cannot be: the disk may be full.
    """
    if output is not None and output.name in ("train.json", "evaluate.json"):
        with suppress(OSError):
            Events(output.parent).fail(output.stem, failure, error)


def append_line(path: Path, row: dict[str, Any]) -> None:
    """Append one line of strict JSON in one write, so that a reader never sees half a line.

    Raises
    ------
    OSError
        If it cannot be written whole; a part that was written is taken back.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json_line(row).encode()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        _end_torn_line(descriptor)
        before = os.fstat(descriptor).st_size
        if os.write(descriptor, line) < len(line):
            os.ftruncate(descriptor, before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(descriptor)


def _end_torn_line(descriptor: int) -> None:
    """End a line that a killed writer or a full disk left half written."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        os.write(descriptor, b"\n")


def json_line(row: dict[str, Any]) -> str:
    """Return a row as one line of strict JSON."""
    return json.dumps(row, allow_nan=False, ensure_ascii=False) + "\n"
