"""Progress with a rate and a time left: on a terminal only, of one job at a time."""

from __future__ import annotations

import os
import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from studygrid.execution.locks import machine_lock, try_hold


class ProgressBar:
    """A progress bar on standard error.

    It is silent where that is no terminal, and while another job on this machine shows its own:
    bars of parallel jobs would overwrite each other.
    """

    def __init__(self, title: str, total: int, done: int, unit: str) -> None:
        self._bar: Progress | None = None
        self._lock: int | None = None
        if not sys.stderr.isatty():
            return
        self._lock = try_hold(machine_lock("progress"))
        if self._lock is None:
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(title, total=total, completed=done, rate="")

    def __enter__(self) -> ProgressBar:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._lock is not None:
            os.close(self._lock)

    def advance(self) -> None:
        """Count one unit."""
        if self._bar is None:
            return
        speed = self._bar.tasks[self._task].speed
        rate = "" if speed is None else f"{speed:.1f}/s"
        self._bar.update(self._task, advance=1, rate=rate)
