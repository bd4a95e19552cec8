"""What Slurm knows of jobs: this process's own, those of a call of Snakemake, those of a log."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studygrid.execution.failures import Failure
from studygrid.execution.holder import Holder

EXECUTOR = "slurm"
_ASK_SEC = 15.0
_FIELD = re.compile(r"(\w+)=(\S*)")
STATES = {
    "TIMEOUT": Failure.OUT_OF_TIME,
    "DEADLINE": Failure.OUT_OF_TIME,
    "OUT_OF_MEMORY": Failure.HOST_MEMORY,
    "NODE_FAIL": Failure.NODE_LOST,
    "BOOT_FAIL": Failure.NODE_LOST,
    "CANCELLED": Failure.STOPPED,
    "PREEMPTED": Failure.STOPPED,
    "REVOKED": Failure.STOPPED,
}
_WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "SUSPENDED")
_RUNNING = ("RUNNING", "CONFIGURING", "COMPLETING", "SIGNALING", "STAGE_OUT", "STOPPED", "RESIZING")
_QUEUE_FORMAT = "%i|%j|%T|%Z|%k"
# What Snakemake's plugin calls all jobs of one call, after a prefix that the user may set.
_CALL = re.compile(r"(?:[A-Za-z0-9_-]{1,50}_)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMED = 5
_JOBS_A_QUESTION = 500

Ask = Callable[[Sequence[str]], str]


class SlurmError(Exception):
    """Slurm gives no answer; the message says why.

    Attributes
    ----------
    kind
        Whether its program is ``missing`` here, was ``silent`` for too long, or ``failed``.
    """

    def __init__(
        self, message: str, kind: Literal["missing", "silent", "failed"] = "failed"
    ) -> None:
        super().__init__(message)
        self.kind = kind


def ask(command: Sequence[str], timeout_sec: float) -> str:
    """Return what a program of Slurm prints; nothing of a job that is not known any more.

    Raises
    ------
    SlurmError
        If it cannot be run, fails, or gives no answer in time.
    """
    program = command[0]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout_sec
        )
    except FileNotFoundError:
        raise SlurmError(f"there is no {program} here", "missing") from None
    except OSError as error:
        raise SlurmError(f"{program} cannot be run ({error.strerror})") from None
    except subprocess.TimeoutExpired:
        raise SlurmError(f"{program} gave no answer in {timeout_sec:g} s", "silent") from None
    if done.returncode and "Invalid job id" not in done.stderr:
        why = next(iter(done.stderr.strip().splitlines()), f"exit status {done.returncode}")
        raise SlurmError(f"{program} failed: {why}")
    return done.stdout


# This job, or one before it.


def job_here() -> str | None:
    """Return the number of Slurm's job that this process is part of, if any."""
    return os.environ.get("SLURM_JOB_ID") or None


def ending_of(job: str) -> Failure | None:
    """Return why Slurm ended or is ending a job; None where it does not say.

    While a job is stopped its state is only COMPLETING: then a time limit is told by the clock.
    Jobs that the controller has forgotten are asked of the accounting, where there is one.
    """
    if not job.isdecimal():
        return None
    fields = dict(_FIELD.findall(_told("scontrol", "show", "job", job, "--oneliner")))
    state = fields.get("JobState", "")
    if not state:
        answer = _told("sacct", "-X", "-n", "-P", "-j", job, "-o", "State").split()
        state = answer[0] if answer else ""
    known = STATES.get(state)
    if known is not None:
        return known
    ran, limit = (_seconds(fields.get(name, "")) for name in ("RunTime", "TimeLimit"))
    if state == "COMPLETING" and ran is not None and limit is not None and ran >= limit:
        return Failure.OUT_OF_TIME
    return None


def _told(*command: str) -> str:
    try:
        return ask(command, _ASK_SEC)
    except SlurmError:
        return ""


def _seconds(text: str) -> int | None:
    """Read Slurm's ``[days-]hours:minutes:seconds``."""
    match = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", text)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


# Jobs that a killed Snakemake left behind: they run on, and write what they were told to.


@dataclass(frozen=True)
class QueuedJob:
    """A job in Slurm's queue.

    Attributes
    ----------
    call
        The name that all jobs of one call of Snakemake have.
    folder
        Where it works.
    comment
        Its rule and wildcards, as the plugin writes them.
    """

    number: str
    call: str
    state: str
    folder: str
    comment: str


def jobs_of(holder: Holder) -> list[QueuedJob]:
    """Return the jobs in the queue that a call of Snakemake has submitted.

    Where the call was killed before it wrote down its name, they are those of any call that work
    in its folder.

    Raises
    ------
    SlurmError
        If Slurm gives no answer.
    """
    command = ["squeue", "--me", "--noheader", "--format", _QUEUE_FORMAT]
    jobs = [job for line in ask(command, _ASK_SEC).splitlines() if (job := _queued(line))]
    if holder.call:
        return [job for job in jobs if job.call == holder.call]
    place = Path(holder.folder).resolve()
    return [job for job in jobs if Path(job.folder).resolve() == place]


def _queued(line: str) -> QueuedJob | None:
    """Read a line of the queue; None of a job that is none of Snakemake's."""
    number, _, rest = line.strip().partition("|")
    call, _, rest = rest.partition("|")
    state, _, rest = rest.partition("|")
    folder, _, comment = rest.rpartition("|")
    if not _CALL.fullmatch(call):
        return None
    return QueuedJob(number, call, state, folder, "" if comment == "(null)" else comment)


def describe_jobs(jobs: Sequence[QueuedJob]) -> str:
    """Return what runs on, and how to end it or wait."""
    shown = [f"  {job.number} {job.state.lower()} {job.comment}".rstrip() for job in jobs[:_NAMED]]
    if len(jobs) > _NAMED:
        shown.append(f"  and {len(jobs) - _NAMED} more")
    cancel = "; ".join(f"scancel --name {call}" for call in dict.fromkeys(j.call for j in jobs))
    counted = "1 Slurm job" if len(jobs) == 1 else f"{len(jobs)} Slurm jobs"
    return "\n".join(
        [
            f"in the queue {'is' if len(jobs) == 1 else 'are'} {counted} of an earlier Snakemake:",
            *shown,
            "Two jobs must not write one run. Cancel what is there, then give the same command "
            "again; it goes on from the last epochs:",
            f"  {cancel}",
            "or wait until it has ended (squeue --me), then give the same command again.",
        ]
    )


# Jobs that event logs name.


@dataclass(frozen=True, slots=True)
class SlurmJob:
    """A job as Slurm knows it.

    Attributes
    ----------
    state
        Slurm's word.
    why
        Why it waits, if it does.
    """

    number: str
    state: str
    why: str = ""

    @property
    def is_waiting(self) -> bool:
        """Whether it is in the queue, for the first time or again."""
        return self.state in _WAITING

    @property
    def has_ended(self) -> bool:
        """Whether it will do nothing more."""
        return self.state not in (*_WAITING, *_RUNNING)

    @property
    def failure(self) -> Failure | None:
        """What ended it; None if it is not over or went well."""
        if not self.has_ended or self.state == "COMPLETED":
            return None
        return STATES.get(self.state, Failure.KILLED)

    def __str__(self) -> str:
        why = f" ({self.why})" if self.is_waiting and self.why not in ("", "None") else ""
        verb = "has ended:" if self.has_ended else "is"
        return f"job {self.number} of Slurm {verb} {self.state.lower().replace('_', ' ')}{why}"


def states_of(
    numbers: Sequence[str], ended: Collection[str], ask_slurm: Ask
) -> dict[str, SlurmJob]:
    """Return what Slurm knows of jobs, with one question for many.

    Parameters
    ----------
    numbers
        The jobs, the oldest first.
    ended
        Those that are known to have ended: the accounts are not asked for them again.
    ask_slurm
        Runs a command and returns what it prints.

    Raises
    ------
    SlurmError
        If Slurm gives no answer.
    """
    found: dict[str, SlurmJob] = {}
    for start in range(0, len(numbers), _JOBS_A_QUESTION):
        listed = ",".join(numbers[start : start + _JOBS_A_QUESTION])
        options = ["--noheader", "--states=all", "--format=%i|%T|%r", f"--jobs={listed}"]
        found |= _jobs(ask_slurm(["squeue", *options]), numbers)
    forgotten = [number for number in numbers if number not in found and number not in ended]
    return found | _accounts(forgotten, ask_slurm)


def _accounts(numbers: Sequence[str], ask_slurm: Ask) -> dict[str, SlurmJob]:
    """Ask the accounts for jobs that the controller has forgotten, where there are any."""
    if not numbers:
        return {}
    listed = ",".join(numbers[-_JOBS_A_QUESTION:])
    options = ["-X", "--noheader", "--parsable2", "--format=JobID,State", f"--jobs={listed}"]
    try:
        return _jobs(ask_slurm(["sacct", *options]), numbers)
    except SlurmError as error:
        if error.kind == "silent":
            raise
        return {}


def _jobs(answer: str, numbers: Collection[str]) -> dict[str, SlurmJob]:
    """Read lines of ``number|state|why``; of a requeued job the last one counts."""
    found = {}
    for line in answer.splitlines():
        number, _, rest = line.strip().partition("|")
        state, _, why = rest.partition("|")
        if number in numbers and state:
            found[number] = SlurmJob(number, state.split()[0], why)  # CANCELLED by 1000
    return found
