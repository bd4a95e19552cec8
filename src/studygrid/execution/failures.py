"""Why a job failed: one word a kind, told from the error or the scheduler, with what to do.

A run that diverges or runs out of its device's memory is a result and has a record. All other
failures are the machine's or the user's: they stand in the log and in events.jsonl, leave no
record, and Snakemake tries the job again as often as `retries` says.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from enum import StrEnum

from studygrid.errors import DataError, RecordError


class Failure(StrEnum):
    """A kind of failure; the first two are results."""

    DIVERGED = "diverged"
    OOM = "oom"
    BAD_DATA = "bad_data"
    DISK_FULL = "disk_full"
    HOST_MEMORY = "host_memory"
    MISSING_DEPENDENCY = "missing_dependency"
    DEVICE_FAULT = "device_fault"
    OUT_OF_TIME = "out_of_time"
    STOPPED = "stopped"
    KILLED = "killed"
    NODE_LOST = "node_lost"
    ERROR = "error"


RESULTS = (Failure.DIVERGED, Failure.OOM)

ADVICE: dict[Failure, str] = {
    Failure.DIVERGED: "a result; lower learning_rate, set gradient_clip, or use float32",
    Failure.OOM: "a result; lower batch_size, raise accumulation or set on_oom: halve; on a larger "
    "device, `studygrid retry --reason oom` re-opens it",
    Failure.BAD_DATA: "mend or delete the file that is named, then run again",
    Failure.DISK_FULL: "make room where the results are, then run again; what is done is kept",
    Failure.HOST_MEMORY: "give the job more memory (mem_mb of the profile), or run fewer at once "
    "(--cores)",
    Failure.MISSING_DEPENDENCY: "install what is named into the environment that runs Snakemake, "
    "then run again",
    Failure.DEVICE_FAULT: "look at the device (nvidia-smi, the kernel's log), then run again, on "
    "another one if it comes back",
    Failure.OUT_OF_TIME: "raise runtime in the profile; run again and it goes on from its last "
    "epoch",
    Failure.STOPPED: "run again and it goes on from where it was",
    Failure.KILLED: "run again and it goes on from its last epoch; if it comes back, look who "
    "killed it (the kernel's log, the scheduler's)",
    Failure.NODE_LOST: "run again and it goes on from its last epoch, on another node",
    Failure.ERROR: "the log has the whole traceback",
}

_DEVICE_MEMORY = ("CUDA out of memory", "CUDA error: out of memory", "_ALLOC_FAILED")
_HOST_MEMORY = ("can't allocate memory", "Cannot allocate memory", "Unable to allocate")
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def failure_of(error: BaseException) -> Failure:
    """Return what kind of failure an exception is; what caused it counts, too.

    PyTorch raises RuntimeError for much: that is told by its words.
    """
    return next(filter(None, map(_kind, _chain(error))), Failure.ERROR)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )


def _kind(error: BaseException) -> Failure | None:
    message = str(error)
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return Failure.DISK_FULL
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return Failure.HOST_MEMORY
    if isinstance(error, ImportError) or "cannot open shared object file" in message:
        return Failure.MISSING_DEPENDENCY
    if isinstance(error, DataError | RecordError):
        return Failure.BAD_DATA
    if type(error).__name__ == "OutOfMemoryError" or any(map(message.__contains__, _DEVICE_MEMORY)):
        return Failure.OOM
    if isinstance(error, RuntimeError) and any(map(message.__contains__, _HOST_MEMORY)):
        return Failure.HOST_MEMORY
    if type(error).__name__ == "AcceleratorError" or "CUDA error:" in message:
        return Failure.DEVICE_FAULT
    return None


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
