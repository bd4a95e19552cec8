"""Event logs on disk: each read once, then only what was appended."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from studygrid.axes import AXES
from studygrid.execution.events import FILE
from studygrid.grid import Run, run_of_path
from studygrid.status.events import read_lines
from studygrid.status.run_state import RunState, run_state

_NOTHING_YET = RunState()
_RUN_FOLDERS = "*/res*/n*/seed*"


@dataclass(slots=True)
class _Read:
    """What was read of one log: of which file, how far, and what it said."""

    file: tuple[int, int]
    signature: tuple[int, int]
    offset: int = 0
    unreadable: int = 0
    state: RunState = _NOTHING_YET


class EventLogs:
    """The event logs of a results folder.

    Attributes
    ----------
    states
        The state of every run that was refreshed.
    unreadable_lines
        Whole lines that are no events, by run, where there are any.
    problems
        Why a log cannot be read now, by run; its state stays what it was.
    """

    def __init__(self, folder: Path) -> None:
        self._runs = folder / "runs"
        self._read: dict[Run, _Read] = {}
        self._paths: dict[Run, str] = {}
        self.states: dict[Run, RunState] = {}
        self.unreadable_lines: dict[Run, int] = {}
        self.problems: dict[Run, str] = {}

    def refresh(self, runs: Iterable[Run]) -> int:
        """Read what is new of the logs of runs; return how many had to be opened."""
        return sum(self._refresh(run) for run in runs)

    def found(self) -> list[Run]:
        """Return the runs that have a folder, in axis order as far as it can be told."""
        names = (f"{path.relative_to(self._runs)}" for path in self._runs.glob(_RUN_FOLDERS))
        return sorted(filter(None, map(_run_of, names)), key=_sorting_key)

    def _refresh(self, run: Run) -> bool:
        path = self._paths.get(run)
        if path is None:
            path = self._paths[run] = str(self._runs / run.path / FILE)
        try:
            # Of ten thousand logs most have not changed: this must cost no more than asking.
            stat = os.stat(path)  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            self._forget(run)
            return False
        except OSError as error:
            self._fail(run, error)
            return False
        read = self._read.get(run)
        signature = (stat.st_size, stat.st_mtime_ns)
        if read is not None and read.signature == signature and run not in self.problems:
            return False
        file = (stat.st_dev, stat.st_ino)
        if read is None or read.file != file or stat.st_size <= read.signature[0]:
            # Another file, or one that was rewritten: an appended one has grown.
            read = _Read(file, (0, 0))
        try:
            content = _content(path, read.offset)
        except OSError as error:
            self._fail(run, error)
            return True
        self._take(run, read, signature, content)
        return True

    def _take(self, run: Run, read: _Read, signature: tuple[int, int], content: bytes) -> None:
        lines = read_lines(content)
        read.signature = signature
        read.offset += lines.length
        read.unreadable += lines.unreadable
        read.state = run_state(lines.events, read.state)
        self._read[run], self.states[run] = read, read.state
        self.problems.pop(run, None)
        if read.unreadable:
            self.unreadable_lines[run] = read.unreadable
        else:
            self.unreadable_lines.pop(run, None)

    def _forget(self, run: Run) -> None:
        self.states[run] = _NOTHING_YET
        self._read.pop(run, None)
        self.unreadable_lines.pop(run, None)
        self.problems.pop(run, None)

    def _fail(self, run: Run, error: OSError) -> None:
        self.problems[run] = error.strerror or type(error).__name__
        self.states.setdefault(run, _NOTHING_YET)


def _content(path: str, offset: int) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123
        file.seek(offset)
        return file.read()


def _run_of(name: str) -> Run | None:
    try:
        return run_of_path(name)
    except ValueError:
        return None


def _sorting_key(run: Run) -> tuple[tuple[bool, int, str], ...]:
    """Sort numbers by size, and before words."""
    values = (getattr(run, axis) for axis in AXES)
    return tuple(
        (isinstance(v, str), v, "") if isinstance(v, int) else (True, 0, v) for v in values
    )
