"""Memory that a process and its device used at most, and the company that it had."""

from __future__ import annotations

import re
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

BYTES_PER_MB = 1_000_000
_PEAK_KIB = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)


def peak_host_memory_mb() -> float:
    """Return the largest resident memory so far of this process or any child that it waited for.

    Children are not added up: the kernel keeps only the largest of them. A forked process
    starts from what its parent held at the fork.
    """
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _rusage_unit()
    return max(_own_peak_bytes(), children) / BYTES_PER_MB


def _own_peak_bytes() -> int:
    # On Linux ru_maxrss survives exec: a job started by a large process would show that one's
    # peak. VmHWM belongs to the program that runs now.
    with suppress(OSError):
        peak = _PEAK_KIB.search(Path("/proc/self/status").read_text())
        if peak is not None:
            return int(peak[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _rusage_unit()


def _rusage_unit() -> int:
    return 1 if sys.platform == "darwin" else 1024


class DeviceMemory:
    """Peak of a device's memory, counted from when this is made.

    What is allocated at that time, such as the model, counts; cached blocks of earlier work do
    not.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.synchronize(device)
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)

    def peak_mb(self) -> tuple[float, float] | tuple[None, None]:
        """Return the peaks of what tensors held and of what PyTorch's allocator reserved.

        The CUDA context and other libraries come on top of the second. Both are None off CUDA.
        """
        if self._device.type != "cuda":
            return None, None
        torch.cuda.synchronize(self._device)
        return (
            torch.cuda.max_memory_allocated(self._device) / BYTES_PER_MB,
            torch.cuda.max_memory_reserved(self._device) / BYTES_PER_MB,
        )


@dataclass
class OtherLoad:
    """How many cores other processes kept busy on average; filled in at the end."""

    cores: float = 0.0


@contextmanager
def other_load() -> Iterator[OtherLoad]:
    """Measure the load of other processes while the context is open.

    It is the busy time of all cores less that of this process and its descendants, over the
    time that passed, and never negative. System clocks tick every 10 ms or so: keep it open for
    a second or more.
    """
    load = OtherLoad()
    start, busy, own = time.monotonic(), _busy_sec(), _own_sec()
    try:
        yield load
    finally:
        passed = time.monotonic() - start
        others = (_busy_sec() - busy) - (_own_sec() - own)
        load.cores = max(0.0, others / passed) if passed > 0 else 0.0


def _busy_sec() -> float:
    """Return the time since boot in which a core ran a process or the kernel for it."""
    times = psutil.cpu_times()
    # Guests are part of user and nice already; stolen time belongs to other machines.
    fields = ("user", "nice", "system", "irq", "softirq")
    return float(sum(getattr(times, field, 0.0) for field in fields))


def _own_sec() -> float:
    """Return the CPU time of this process and its descendants, living and waited for."""
    process = psutil.Process()
    total = 0.0
    for member in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            times = member.cpu_times()
            total += times.user + times.system
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total
