"""Leases of devices: which job runs where, and which has a device or the machine alone.

All leases are flocks on files of this user on this machine: they die with their holder. What a
scheduler gave the job is respected: leases are taken among the devices that it can see.
"""

from __future__ import annotations

import fcntl
import os
import random
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from studygrid.execution.locks import NoFlockError, flock, machine_lock
from studygrid.execution.slurm import job_here

_EX, _SH = fcntl.LOCK_EX, fcntl.LOCK_SH
_ASK_SEC = 30
_DEVICE_FILES = Path("/dev")
_LOOK_AGAIN_SEC = (0.05, 0.25)
_LISTED = re.compile(r"^(?P<below>\s*)\S.*\(UUID: (?P<uuid>(?:GPU|MIG)-[^)]+)\)\s*$", re.MULTILINE)


class Gpu(NamedTuple):
    """A device that this process can see.

    Attributes
    ----------
    entry
        What ``CUDA_VISIBLE_DEVICES`` calls it.
    uuid
        What it is called everywhere on this machine.
    """

    entry: str
    uuid: str


def visible_gpus(environment: Mapping[str, str] = os.environ) -> list[Gpu]:
    """Return the GPUs that this process can see, in CUDA's order.

    They are those of ``CUDA_VISIBLE_DEVICES`` where it is set, else all that the driver's
    ``nvidia-smi`` lists: of a card in MIG mode its first instance, as CUDA sees no other.
    """
    listed = _listed_gpus()
    named = environment.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return [_as_listed(number, uuid) for number, uuid in enumerate(listed)]
    found: list[Gpu] = []
    for entry in filter(None, (part.strip() for part in named.split(","))):
        gpu = _named_gpu(entry, listed)
        if gpu is None:  # as CUDA does: what stands behind a wrong entry is not seen
            break
        found.append(gpu)
    return found if listed else []


def _as_listed(number: int, uuid: str) -> Gpu:
    # By its number only where its name is not known: CUDA may count in another order.
    return Gpu(uuid if uuid.startswith(("GPU-", "MIG-")) else str(number), uuid)


def _named_gpu(entry: str, listed: Sequence[str]) -> Gpu | None:
    if entry.isdecimal():
        return Gpu(entry, listed[int(entry)]) if int(entry) < len(listed) else None
    if entry.startswith("MIG-"):
        return Gpu(entry, entry)
    uuid = next((uuid for uuid in listed if uuid.startswith(entry)), None)
    return None if uuid is None else Gpu(entry, uuid)


def _listed_gpus() -> list[str]:
    try:
        done = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_ASK_SEC, check=True
        )
    except (OSError, subprocess.SubprocessError):
        # A container may lack the tool; the devices themselves it must have.
        return sorted((path.name for path in _DEVICE_FILES.glob("nvidia[0-9]*")), key=_number)
    found: list[str] = []
    in_parts = False
    for line in _LISTED.finditer(done.stdout):
        if not line["below"]:
            found.append(line["uuid"])
            in_parts = False
        elif not in_parts:
            found[-1], in_parts = line["uuid"], True
    return found


def _number(name: str) -> int:
    return int(name.removeprefix("nvidia"))


@contextmanager
def machine_share(*, alone: bool) -> Iterator[None]:
    """Share this machine with the user's other jobs, of any study, or wait to have it alone.

    In a job of a scheduler, it is that job's part of the machine.

    Parameters
    ----------
    alone
        Whether to wait until no other job runs here, and to keep them out meanwhile.
    """
    kind = _EX if alone else _SH
    job = job_here()
    name = f"slurm{job}" if job and job.isdecimal() else "machine"
    with ExitStack() as held, ExitStack() as queue:
        # Who waits to be alone holds the gate: those who come later queue behind it.
        _hold(queue, f"{name}.gate", kind)
        _hold(held, name, kind)
        queue.close()
        yield


@contextmanager
def gpu_lease(
    gpus: Sequence[Gpu], *, alone: bool, jobs_per_gpu: int, on_wait: Callable[[], None]
) -> Iterator[Gpu]:
    """Lease one of some GPUs, or wait until one is free.

    Parameters
    ----------
    gpus
        The devices to choose from; at least one.
    alone
        Whether to have the device without any other job.
    jobs_per_gpu
        How many jobs share a device at most; the emptiest is taken.
    on_wait
        Called once if there is none at once.
    """
    with ExitStack() as held, ExitStack() as queue:
        found = _free(gpus, alone, jobs_per_gpu, held)
        if found is None:
            on_wait()
        waits_for: Gpu | None = None
        while found is None:
            if alone and waits_for is None:
                waits_for = next((gpu for gpu in gpus if _try_hold(queue, _gate(gpu), _EX)), None)
            # Many may wait: they don't look all at the same time.
            time.sleep(random.uniform(*_LOOK_AGAIN_SEC))
            if waits_for is not None and _try_hold(held, waits_for.uuid, _EX):
                found = waits_for
            else:
                found = _free(gpus, alone, jobs_per_gpu, held)
        queue.close()
        yield found


def _free(gpus: Sequence[Gpu], alone: bool, jobs_per_gpu: int, held: ExitStack) -> Gpu | None:
    """Hold a GPU that is free now; of shared ones, the emptiest."""
    kind = _EX if alone else _SH
    for slot in range(1 if alone else jobs_per_gpu):
        for gpu in gpus:
            with ExitStack() as gate, ExitStack() as tried:
                if (
                    _try_hold(gate, _gate(gpu), kind)
                    and (alone or _try_hold(tried, f"{gpu.uuid}.slot{slot}", _EX))
                    and _try_hold(tried, gpu.uuid, kind)
                ):
                    held.push(tried.pop_all())
                    return gpu
    return None


def _gate(gpu: Gpu) -> str:
    return f"{gpu.uuid}.gate"


def _hold(stack: ExitStack, name: str, kind: int) -> bool:
    descriptor = os.open(machine_lock(name), os.O_RDWR | os.O_CREAT, 0o600)
    stack.callback(os.close, descriptor)
    try:
        return flock(descriptor, kind)
    except NoFlockError:
        return True  # nothing can be kept apart here; the disk of a machine has flocks


def _try_hold(stack: ExitStack, name: str, kind: int) -> bool:
    with ExitStack() as tried:
        if not _hold(tried, name, kind | fcntl.LOCK_NB):
            return False
        stack.push(tried.pop_all())
        return True
