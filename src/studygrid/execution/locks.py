"""Locks that die with their holder (flock), so that a killed job leaves none behind."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold a folder for writing, or wait for the process that does.

    Two writers would mix their files. The other one may be the job of a Snakemake that was
    killed, still at work.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".writer").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            print(f"{folder}: {holder} is writing here; waiting for it to end", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        # The file stays: unlinking it would let a third process lock a new one meanwhile.
        yield


@contextmanager
def machine_share(*, alone: bool) -> Iterator[None]:
    """Share this machine with the user's other jobs, of any study, or wait to have it alone.

    Parameters
    ----------
    alone
        Whether to wait until no other job runs here, and to keep them out meanwhile.
    """
    with machine_lock("machine").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


def machine_lock(name: str) -> Path:
    """Return the path of a lock file of this user on this machine."""
    folder = Path(tempfile.gettempdir()) / f"studygrid-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{name}.lock"


def try_hold(path: Path) -> int | None:
    """Hold a lock file until this process ends; return None if another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
