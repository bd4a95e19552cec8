"""Locks that die with their holder, so that a killed process leaves none behind.

They are flocks. Some file systems of a network have none, or have them among the processes of one
host only; there the lock's file names its holder, who keeps it fresh.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from studygrid.execution.filesystems import locks_reach_all_hosts
from studygrid.execution.holder import (
    GONE_AFTER_SEC,
    HEARTBEAT_SEC,
    Holder,
    read_holder,
    silent_for,
    this_process,
    write_holder,
)

_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
WRITER_FILE = ".writer"
_LOOK_AGAIN_SEC = 0.5
# Without flock two may take a lock at the same moment; who wrote last has it.
_SETTLE_SEC = 2.0


class NoFlockError(OSError):
    """The file system has no flock."""


def flock(descriptor: int, kind: int) -> bool:
    """Lock an open file; return False where another process holds it and `kind` is not to wait.

    Raises
    ------
    NoFlockError
        If the file system has no such locks.
    """
    try:
        fcntl.flock(descriptor, kind)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            raise NoFlockError(error.errno, error.strerror) from None
        raise
    return True


class HeldLock:
    """A lock file that this process holds, until it is released or the process ends."""

    def __init__(self, path: Path, descriptor: int, before: Holder | None) -> None:
        self.path, self._descriptor = path, descriptor
        self.before = before
        self._released = threading.Event()
        self._keeper: threading.Thread | None = None

    def name(self, holder: Holder) -> None:
        """Write who holds it, and keep the file fresh from now on; again where more is known."""
        write_holder(self._descriptor, holder)
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._keep_fresh, daemon=True)
            self._keeper.start()

    def _keep_fresh(self) -> None:
        while not self._released.wait(HEARTBEAT_SEC):
            with suppress(OSError):
                os.utime(self.path)

    def release(self, *, forget: bool = True) -> None:
        """Let the next one have it; the file stays, since unlinking it would let two hold one.

        Parameters
        ----------
        forget
            Whether to remove the holder's name.
        """
        self._released.set()
        if forget:
            with suppress(OSError):
                write_holder(self._descriptor, None)
        os.close(self._descriptor)


def take(path: Path, *, on_all_hosts: bool = False) -> HeldLock | Holder | None:
    """Take a lock if it is free.

    Parameters
    ----------
    on_all_hosts
        Whether to make sure, with some patience, where flocks may be those of one host only.

    Returns
    -------
    The lock; or who holds it; or None if somebody does who cannot be named.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            is_free, has_flock = flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB), True
        except NoFlockError:
            is_free, has_flock = True, False
        named = read_holder(path)
        if not is_free or (named is not None and _still_holds(named, path, has_flock)):
            os.close(descriptor)
            return named
        is_sure = has_flock and not (on_all_hosts and not locks_reach_all_hosts(path))
        if not is_sure and not _settled(path, descriptor):
            os.close(descriptor)
            return read_holder(path)
    except BaseException:
        with suppress(OSError):
            os.close(descriptor)
        raise
    return HeldLock(path, descriptor, named)


def _still_holds(named: Holder, path: Path, has_flock: bool) -> bool:
    """Tell whether the one that a file names holds it, though no flock says so."""
    if has_flock and (named.is_here or locks_reach_all_hosts(path)):
        return False
    return named.is_alive if named.is_here else abs(silent_for(path)) <= GONE_AFTER_SEC


def _settled(path: Path, descriptor: int) -> bool:
    """Write this process's name; tell whether it stands there still a moment later."""
    mine = this_process()
    write_holder(descriptor, mine)
    time.sleep(_SETTLE_SEC)
    return read_holder(path) == mine


@contextmanager
def sole_writer(folder: Path, name: str = "") -> Iterator[None]:
    """Hold a folder for writing, or what of it has a name; or wait for the process that does.

    Two writers would mix their files. The other one may be the job of a Snakemake that was
    killed, still at work.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{WRITER_FILE}"
    told = False
    while not isinstance(taken := take(path), HeldLock):
        if not told:
            told = True
            holder = taken or "another process"
            print(f"{folder}: waiting for {holder}: it is writing here", file=sys.stderr)
        time.sleep(_LOOK_AGAIN_SEC)
    try:
        taken.name(this_process())
        yield
    finally:
        taken.release()


def machine_lock(name: str) -> Path:
    """Return the path of a lock file of this user on this machine."""
    folder = Path(tempfile.gettempdir()) / f"studygrid-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{name}.lock"


def try_hold(path: Path) -> int | None:
    """Hold a lock file until this process ends; return None if that cannot be had."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        held = flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except NoFlockError:
        held = False
    if held:
        return descriptor
    os.close(descriptor)
    return None
