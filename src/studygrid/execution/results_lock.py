"""The lock on a results folder: one Snakemake at a time writes a study."""

from __future__ import annotations

import shlex
import sys
from contextlib import suppress
from pathlib import Path

from studygrid.errors import StudygridError
from studygrid.execution.holder import GONE_AFTER_SEC, Holder, silent_for
from studygrid.execution.locks import HeldLock, take
from studygrid.execution.results_folder import cannot_write, make_folder

LOCK_FILE = ".session.lock"


class BusyError(StudygridError):
    """Another Snakemake runs the study."""


def hold_results(folder: Path) -> HeldLock:
    """Hold a results folder until the lock is released or this process ends.

    Raises
    ------
    BusyError
        If another Snakemake holds it, on this host or another.
    FolderError
        If the folder cannot be written.
    """
    make_folder(folder)
    path = folder / LOCK_FILE
    try:
        taken = take(path)
    except OSError as error:
        raise cannot_write(folder, error) from None
    if isinstance(taken, HeldLock):
        return taken
    raise BusyError(_refusal(folder, taken))


def _refusal(folder: Path, holder: Holder | None) -> str:
    watch = shlex.join(["studygrid", "status", str(folder), "--watch"])
    return "\n".join(
        [
            f"{folder}: another Snakemake runs this study: {holder or 'nobody knows which'}.",
            f"  to wait for it, follow it: {watch}",
            "  to have tables of what is there by now: snakemake --cores 1 partial",
            *(_how_to_stop(folder, holder) if holder else ()),
        ]
    )


def _how_to_stop(folder: Path, holder: Holder) -> list[str]:
    where = "" if holder.is_here else f", on {holder.host}"
    interrupt = f"kill -INT -{holder.group}{where}"
    lines = [
        f"  to stop it and its jobs: Ctrl-C in its terminal, or {interrupt}",
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
        print(f"an earlier Snakemake did not end by itself: {lock.before}", file=sys.stderr)
