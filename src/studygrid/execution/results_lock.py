"""The lock on a results folder: one process at a time writes a study, mostly a Snakemake."""

from __future__ import annotations

import shlex
import sys
from contextlib import suppress
from pathlib import Path

from studygrid.errors import StudygridError
from studygrid.execution.holder import GONE_AFTER_SEC, Holder, read_holder, silent_for
from studygrid.execution.locks import HeldLock, take
from studygrid.execution.results_folder import cannot_write, make_folder

LOCK_FILE = ".session.lock"
# In the place of an executor, of a holder that is no Snakemake.
RETRY = "studygrid retry"


class BusyError(StudygridError):
    """Another process holds the study."""


def hold_results(folder: Path) -> HeldLock:
    """Hold a results folder until the lock is released or this process ends.

    Raises
    ------
    BusyError
        If another process holds it, on this host or another.
    FolderError
        If the folder cannot be written.
    """
    make_folder(folder)
    path = folder / LOCK_FILE
    try:
        taken = take(path, on_all_hosts=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    if isinstance(taken, HeldLock):
        return taken
    raise BusyError(_refusal(folder, taken))


def _refusal(folder: Path, holder: Holder | None) -> str:
    if holder is None or (holder.is_here and not holder.is_alive):
        return (
            f"{folder}: another process has just taken this study and has not written its name "
            "yet; try again in a moment"
        )
    if holder.executor == RETRY:
        return (
            f"{folder}: `{RETRY}` re-opens failures of this study: {holder}; it takes seconds, "
            "try again in a moment"
        )
    watch = shlex.join(["studygrid", "status", str(folder), "--watch"])
    return "\n".join(
        [
            f"{folder}: another Snakemake runs this study: {holder}.",
            f"  to wait for it, follow it: {watch}",
            "  to have tables of what is there by now: snakemake --cores 1 partial",
            *_how_to_stop(folder, holder),
        ]
    )


def _how_to_stop(folder: Path, holder: Holder) -> list[str]:
    where = "" if holder.is_here else f", on {holder.host}"
    if holder.ignores_interrupts:
        stop = f"kill -TERM -{holder.group}{where}"
    else:
        stop = f"Ctrl-C in its terminal, or kill -INT -{holder.group}{where}"
    lines = [
        f"  to stop it and its jobs: {stop}",
        f"  to stop it when its present jobs have ended: kill {holder.process}{where}",
    ]
    if holder.is_here:
        return lines
    with suppress(OSError):
        silent = max(silent_for(folder / LOCK_FILE), 0)
        lines.append(
            f"  if {holder.host} is gone: its last sign of life is {silent:.0f} s old; "
            f"{GONE_AFTER_SEC:.0f} s after it the same command goes on"
        )
    return lines


def say_taken_over(lock: HeldLock) -> None:
    """Tell of a holder that was killed."""
    if lock.before is not None:
        what = f"`{RETRY}`" if lock.before.executor == RETRY else "Snakemake"
        print(f"an earlier {what} did not end by itself: {lock.before}", file=sys.stderr)


def hand_back(lock: HeldLock) -> None:
    """Release a lock as it was found: a holder that was killed stays named, as if it held it.

    Its jobs are still asked for the next time.
    """
    if lock.before is not None and read_holder(lock.path) != lock.before:
        with suppress(OSError):
            lock.name(lock.before)
    lock.release(forget=lock.before is None)
