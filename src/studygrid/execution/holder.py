"""Who holds a lock, written into its file: a process, known for sure on its own host only."""

from __future__ import annotations

import json
import os
import signal
import socket
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

HEARTBEAT_SEC = 20.0
# Six heartbeats: file systems of a network show an other host's changes up to a minute late.
GONE_AFTER_SEC = 120.0
# Two readings of when a process started differ by a rounding.
_SAME_START_SEC = 1.0


@dataclass(frozen=True)
class Holder:
    """A process that holds a lock.

    Attributes
    ----------
    group
        Its process group: Ctrl-C in its terminal reaches all of it.
    started
        When the process started, in seconds since 1970: another of the same number is another.
    since
        When it took the lock.
    folder
        Where it works.
    executor
        What runs its jobs, as Snakemake calls it; empty of a job itself.
    call
        What a scheduler calls all its jobs; empty where that is not known, or not yet.
    ignores_interrupts
        Whether Ctrl-C does nothing: shells start so what a script puts into the background.
    """

    host: str
    process: int
    group: int
    started: float
    since: float
    folder: str
    executor: str
    call: str = ""
    ignores_interrupts: bool = False

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"process {self.process} on {self.host}, since {since}, in {self.folder}"

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this host."""
        return self.host == socket.gethostname()

    @property
    def is_alive(self) -> bool:
        """Whether the process is alive; to be asked on its own host."""
        started = _start_of(self.process)
        return started is not None and abs(started - self.started) <= _SAME_START_SEC


def this_process(executor: str = "") -> Holder:
    """Return this process as a holder from now on."""
    process = os.getpid()
    return Holder(
        host=socket.gethostname(),
        process=process,
        group=os.getpgrp(),
        started=_start_of(process) or 0.0,
        since=time.time(),
        folder=str(Path.cwd()),
        executor=executor,
        ignores_interrupts=signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
    )


def write_holder(descriptor: int, holder: Holder | None) -> None:
    """Write who holds a lock into its open file; None empties it."""
    content = b"" if holder is None else json.dumps(asdict(holder)).encode() + b"\n"
    # The new text over the old one, then its length: a full disk leaves the old one readable.
    written = os.pwrite(descriptor, content, 0)
    os.ftruncate(descriptor, written)
    os.fsync(descriptor)


def read_holder(path: Path) -> Holder | None:
    """Return who a lock's file names; None where it names nobody that can be understood."""
    try:
        content = json.loads(path.read_bytes())
        return Holder(
            host=str(content["host"]),
            process=int(content["process"]),
            group=int(content["group"]),
            started=float(content["started"]),
            since=float(content["since"]),
            folder=str(content["folder"]),
            executor=str(content["executor"]),
            call=str(content.get("call", "")),
            ignores_interrupts=bool(content.get("ignores_interrupts")),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def silent_for(path: Path) -> float:
    """Return how long ago a lock's file was kept fresh, by the clock of its file system.

    Hosts' clocks differ: the time of a file that is made now is what it is compared with.
    """
    with tempfile.NamedTemporaryFile(prefix=f"{path.name}.", dir=path.parent) as probe:
        os.utime(probe.name)
        now = Path(probe.name).stat().st_mtime
    return now - path.stat().st_mtime


def _start_of(process: int) -> float | None:
    import psutil

    try:
        return float(psutil.Process(process).create_time())
    except psutil.AccessDenied:
        return 0.0
    except psutil.Error:
        return None
