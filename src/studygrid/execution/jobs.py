"""What all jobs share: their log, their errors, their device."""

from __future__ import annotations

import argparse
import faulthandler
import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from studygrid.errors import StudygridError
from studygrid.execution.devices import gpu_lease, machine_share, visible_gpus
from studygrid.execution.events import fail_of
from studygrid.execution.failures import ADVICE, Failure, failure_of, first_line

log = logging.getLogger("studygrid")
Result = TypeVar("Result")


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser of the options that every job has."""
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("--spec", required=True, help="the job's spec, as JSON")
    parser.add_argument("--code", default="unknown", help="fingerprint of the job's code")
    parser.add_argument("--log", type=Path, help="file to append the log to")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--runs-per-gpu", type=int, default=1, help="jobs that share a GPU")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    return parser


def run_job(job: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Run a job with its log; return the exit status.

    A failure is told by its kind with what to do, in the log and on standard error; one that is
    not the user's has its traceback in the log.
    """
    try:
        start_log(options.log)
        torch.set_num_threads(options.threads)
        job(options)
    except Exception as error:
        _explain(error, options)
        return 1
    return 0


def _explain(error: Exception, options: argparse.Namespace) -> None:
    failure = failure_of(error)
    expected = isinstance(error, StudygridError)
    message = str(error) if expected else f"{type(error).__name__}: {first_line(error)}"
    with suppress(OSError):  # on a full disk only standard error is left
        log.error("%s: %s", failure, message, exc_info=None if expected else error)
    fail_of(options.output, failure, message)
    if not expected:
        message += f" (details in {options.log})" if options.log else ""
        message += f"\n  {failure}: {ADVICE[failure]}"
    print(f"error: {message}", file=sys.stderr)


def start_log(path: Path | None) -> None:
    """Send the log to a file (appended, with times), or to standard error without one."""
    handler: logging.Handler = logging.StreamHandler()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
        handler = logging.StreamHandler(file)
        faulthandler.enable(file)  # a crash in a library leaves its traceback, too
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


@dataclass(frozen=True)
class Lease:
    """A device that a job may use, as long as it holds this.

    Attributes
    ----------
    shared
        Whether other jobs of this user's studies may use the device meanwhile.
    """

    device: torch.device
    shared: bool


@contextmanager
def leased_device(options: argparse.Namespace, *, alone: bool = False) -> Iterator[Lease]:
    """Lease the device that a job's options name; `auto` is a GPU where there is one.

    Of several GPUs only the leased one is visible afterwards. On a machine without one, the
    machine is what is shared, or is had alone; in a scheduler's job, that job's part of it.

    Raises
    ------
    StudygridError
        If CUDA is asked for and there is none.
    """
    # Nothing here may start CUDA before the lease: it reads what is visible only once.
    wanted = options.device != "cpu" and torch.version.cuda is not None
    gpus = visible_gpus() if wanted else []
    if gpus:
        exclusive = alone or options.runs_per_gpu == 1
        with (
            machine_share(alone=False),
            gpu_lease(
                gpus,
                alone=exclusive,
                jobs_per_gpu=options.runs_per_gpu,
                on_wait=lambda: log.info("waiting for one of %d GPUs", len(gpus)),
            ) as gpu,
        ):
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu.entry
            device = choose_device(options.device)
            if device.type == "cuda":
                log.info("has %s%s", gpu.uuid, " alone" if exclusive else "")
                try:
                    yield Lease(device, shared=not exclusive)
                finally:
                    _free_memory()
                return
    with machine_share(alone=alone):
        yield Lease(choose_device(options.device), shared=not alone)


def _free_memory() -> None:
    """Give back what PyTorch keeps for later: the next holder of the device may need it."""
    gc.collect()
    with suppress(RuntimeError):  # after a fault of the device it answers nothing more
        torch.cuda.empty_cache()


def on_device(options: argparse.Namespace, work: Callable[[Lease], Result | None]) -> Result:
    """Do work on a leased device; where memory runs out beside other jobs, again with it alone.

    Only then is it a result: it would depend on what the others did.

    Parameters
    ----------
    work
        It returns None where memory ran out on a shared device, and only there.
    """
    with leased_device(options) as lease:
        result = work(lease)
    if result is not None:
        return result
    log.warning("memory ran out beside other jobs; again, with the device alone")
    with leased_device(options, alone=True) as lease:
        result = work(lease)
    assert result is not None
    return result


def ran_out_of_memory(error: BaseException, device: torch.device) -> bool:
    """Tell whether a device's memory ran out; that of a CPU is the machine's."""
    failure = failure_of(error)
    on_cpu = device.type == "cpu" and failure is Failure.HOST_MEMORY
    return failure is Failure.OOM or on_cpu


def choose_device(name: str) -> torch.device:
    """Return the device of that name; `auto` is CUDA where there is one.

    Raises
    ------
    StudygridError
        If CUDA is asked for and there is none.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise StudygridError(
            "execution.device is cuda, but PyTorch finds no CUDA device here; "
            "write auto or cpu, or install a CUDA build of PyTorch and a driver"
        )
    return torch.device("cuda", torch.cuda.current_device())
