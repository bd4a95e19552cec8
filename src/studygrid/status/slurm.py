"""What Slurm knows of the jobs that event logs name: one question for all, now and then."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from studygrid.execution.failures import Failure
from studygrid.execution.scheduler import STATES

_ASK_SEC = 5.0
_ASK_AGAIN_SEC = 15.0
# After no answer: each question may take as long as `_ASK_SEC`.
_NO_ANSWER_SEC = 60.0
_JOBS_A_QUESTION = 500
_WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "SUSPENDED")
_RUNNING = ("RUNNING", "CONFIGURING", "COMPLETING", "SIGNALING", "STAGE_OUT", "STOPPED", "RESIZING")

Ask = Callable[[Sequence[str]], str]


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


def run_program(command: Sequence[str]) -> str:
    """Return what a program of Slurm prints; nothing of a job that is not known any more.

    Raises
    ------
    OSError, subprocess.TimeoutExpired
        If it cannot be run, fails, or gives no answer in time.
    """
    done = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_SEC)
    if done.returncode and "Invalid job id" not in done.stderr:
        why = next(iter(done.stderr.strip().splitlines()), f"exit status {done.returncode}")
        raise OSError(None, why, command[0])
    return done.stdout


class SlurmJobs:
    """The jobs of Slurm that were asked for, as they were when it was asked last.

    Parameters
    ----------
    ask
        Runs a command and returns what it prints.
    clock
        Tells the time in seconds.

    Attributes
    ----------
    problem
        Why Slurm gave no answer when it was asked last.
    """

    def __init__(self, ask: Ask = run_program, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._clock = ask, clock
        self._known: dict[str, SlurmJob] = {}
        self._asked: set[str] = set()
        self._asked_at: float | None = None
        self._is_there = True
        self.problem: str | None = None

    def refresh(self, numbers: Iterable[str]) -> Mapping[str, SlurmJob]:
        """Return what is known of jobs; what is older than some seconds is asked again."""
        wanted = sorted({number for number in numbers if number.isdecimal()}, key=int)
        if not wanted or not self._is_there:
            return {}
        pause = _NO_ANSWER_SEC if self.problem else _ASK_AGAIN_SEC
        since = None if self._asked_at is None else self._clock() - self._asked_at
        is_new = not self.problem and bool(set(wanted) - self._asked)
        if since is None or since >= pause or is_new:
            self._refresh(wanted)
        return {number: self._known[number] for number in wanted if number in self._known}

    def _refresh(self, wanted: Sequence[str]) -> None:
        self._asked_at = self._clock()
        self._asked.update(wanted)
        try:
            queued = self._queue(wanted)
            forgotten = [number for number in wanted if number not in queued]
            ended = self._accounts([n for n in forgotten if not self._is_over(n)])
        except FileNotFoundError:
            self._is_there = False  # the results of a cluster, read elsewhere
        except subprocess.TimeoutExpired as error:
            self.problem = f"{error.cmd[0]} gave no answer in {_ASK_SEC:.0f} s"
        except OSError as error:
            self.problem = f"{error.filename or 'squeue'}: {error.strerror}"
        else:
            self.problem = None
            # What the controller has forgotten and nobody keeps accounts of is not known any more.
            kept = {number: job for number, job in self._known.items() if job.has_ended}
            self._known = {**kept, **queued, **ended}

    def _is_over(self, number: str) -> bool:
        return number in self._known and self._known[number].has_ended

    def _queue(self, numbers: Sequence[str]) -> dict[str, SlurmJob]:
        found: dict[str, SlurmJob] = {}
        for start in range(0, len(numbers), _JOBS_A_QUESTION):
            listed = ",".join(numbers[start : start + _JOBS_A_QUESTION])
            options = ["--noheader", "--states=all", "--format=%i|%T|%r", f"--jobs={listed}"]
            found |= _jobs(self._ask(["squeue", *options]), numbers)
        return found

    def _accounts(self, numbers: Sequence[str]) -> dict[str, SlurmJob]:
        """Ask the accounts for jobs that the controller has forgotten, where there are any."""
        if not numbers:
            return {}
        listed = ",".join(numbers[-_JOBS_A_QUESTION:])
        options = ["-X", "--noheader", "--parsable2", "--format=JobID,State", f"--jobs={listed}"]
        try:
            return _jobs(self._ask(["sacct", *options]), numbers)
        except OSError:
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
