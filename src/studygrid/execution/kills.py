"""What is said of a job that cannot speak for itself: it was killed, or did not even start."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from studygrid.execution.events import fail_of, utc_now
from studygrid.execution.failures import ADVICE, Failure, failure_of, first_line
from studygrid.execution.slurm import ending_of, job_here

_REQUESTS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def report_error(argv: Sequence[str], error: Exception) -> None:
    """Write why a job could not even start: its code could not be imported."""
    _report(argv, failure_of(error), f"{type(error).__name__}: {first_line(error)}")


def report_kill(argv: Sequence[str], number: int | None, memory_ran_out: bool) -> None:
    """Write why a job is gone into its log and its run's events, and print it.

    Parameters
    ----------
    argv
        The job's command line: it names the log and the output.
    number
        The signal that killed it; None where it is not known.
    memory_ran_out
        Whether the kernel killed any process for want of memory since the job started.
    """
    failure = _failure(number, memory_ran_out)
    ended = "stopped" if failure is Failure.STOPPED else "killed"
    message = f"the job was {ended}{f' by {_name(number)}' if number else ''}"
    if failure is Failure.HOST_MEMORY:
        message += ", probably by the kernel: memory ran out on this machine meanwhile"
    _report(argv, failure, message)


def _report(argv: Sequence[str], failure: Failure, message: str) -> None:
    print(f"error: {message}\n  {failure}: {ADVICE[failure]}", file=sys.stderr)
    log, output = _option(argv, "--log"), _option(argv, "--output")
    if log is not None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{utc_now()} ERROR {failure}: {message}; {ADVICE[failure]}\n")
    fail_of(output, failure, message)


def _failure(number: int | None, memory_ran_out: bool) -> Failure:
    job = job_here()
    known = ending_of(job) if job else None
    if known is not None:
        return known
    if number in _REQUESTS:
        return Failure.STOPPED
    if memory_ran_out and number in (None, signal.SIGKILL):
        return Failure.HOST_MEMORY
    return Failure.KILLED


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _option(argv: Sequence[str], name: str) -> Path | None:
    return Path(argv[argv.index(name) + 1]) if name in argv[:-1] else None
