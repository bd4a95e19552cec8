"""Whether what writes a study is alive: a run's process, and the Snakemake that started it."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from studygrid.execution.holder import GONE_AFTER_SEC, Holder, read_holder
from studygrid.execution.locks import WRITER_FILE
from studygrid.execution.results_lock import LOCK_FILE, RETRY
from studygrid.status.run_state import RunState

# A process that started later than the run that names it is another one of the same number.
_START_SLACK_SEC = 60.0


def is_alive_here(state: RunState) -> bool | None:
    """Tell whether the process of a run is alive on this host; None where that is not known."""
    if state.process is None or state.start is None:
        return None
    try:
        process = psutil.Process(state.process)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.create_time() < state.start.at + _START_SLACK_SEC
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, ValueError, OverflowError):
        return None


def is_alive_elsewhere(state: RunState, folder: Path) -> bool | None:
    """Tell whether the process of a run gave a sign of life lately; None if it did not.

    A job that trains keeps its run's lock file fresh, on whatever host it is.
    """
    path = folder / WRITER_FILE
    holder = read_holder(path)
    named = holder is not None and (holder.host, holder.process) == (state.host, state.process)
    return True if named and _is_fresh(path) else None


def running_snakemake(folder: Path) -> Holder | None:
    """Return the Snakemake that holds a results folder and is alive, as far as can be told."""
    path = folder / LOCK_FILE
    holder = read_holder(path)
    if holder is None or holder.executor == RETRY:
        return None
    is_alive = holder.is_alive if holder.is_here else _is_fresh(path)
    return holder if is_alive else None


def _is_fresh(path: Path) -> bool:
    try:
        return abs(time.time() - path.stat().st_mtime) <= GONE_AFTER_SEC
    except OSError:
        return False
