"""A run at a moment: its log, and what is known beyond it of its process and its Slurm job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from studygrid.execution.failures import Failure
from studygrid.execution.slurm import SlurmJob
from studygrid.grid import Run
from studygrid.status.estimates import Estimates
from studygrid.status.run_state import Phase, RunState
from studygrid.status.states import State

SILENT_AFTER_SEC = 60.0
SILENT_AFTER_EPOCHS = 5
# In a first epoch of which nothing is known, on a machine that cannot be asked.
SILENT_AFTER_SEC_UNKNOWN = 600.0


@dataclass(frozen=True, slots=True)
class RunView:
    """A run at a moment.

    Attributes
    ----------
    log
        What its event log says.
    age_sec
        Time since its last event; None where it has none.
    left_sec
        Time left in training; None where it is not known or is none.
    reason
        Why it failed, seems silent, or waits again.
    failure
        What kind of failure it is, as `Failure` names them; None where that is not known, or
        it did not fail.
    """

    run: Run
    state: State
    log: RunState
    age_sec: float | None = None
    left_sec: float | None = None
    reason: str | None = None
    failure: str | None = None

    @property
    def is_result(self) -> bool:
        """Whether it failed with a record that says so: nothing tries it again by itself."""
        return self.state is State.FAILED and self.log.is_result

    @property
    def job_log(self) -> str:
        """The log of its last job, below the results folder."""
        name = "evaluate.log" if self.log.in_evaluation else "training.log"
        return f"runs/{self.run.path}/{name}"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is to come unless it is started again."""
        return self.state in (State.DONE, State.FAILED)


@dataclass(frozen=True)
class Look:
    """What is known at a moment beyond a run's log."""

    now: float
    estimates: Estimates
    is_alive: Callable[[RunState], bool | None]
    slurm_jobs: Mapping[str, SlurmJob]
    outdated: Mapping[Run, str]

    def view(self, run: Run, log: RunState) -> RunView:
        """Return a run as it stands."""
        age = None if log.last_at is None else max(self.now - log.last_at, 0.0)
        job = self.slurm_jobs.get(log.slurm_job or "")
        is_unfinished = log.phase is Phase.TRAINING or _is_machines(log)
        if job is not None and job.is_waiting and is_unfinished:
            return RunView(run, State.WAITING, log, age, None, f"{job}; it goes on then")
        if log.phase is Phase.TRAINING and age is not None:
            return self._training(run, log, age, job)
        state = {
            Phase.DONE: State.DONE,
            Phase.TRAINED: State.TO_EVALUATE,
            Phase.FAILED: State.FAILED,
        }.get(log.phase, State.WAITING)
        if state is State.FAILED:
            return RunView(run, state, log, age, None, _why_failed(log), log.failure)
        return RunView(run, state, log, age, None, self.outdated.get(run))

    def _training(self, run: Run, log: RunState, age: float, job: SlurmJob | None) -> RunView:
        alive = self.is_alive(log)
        if alive is not False and job is not None and job.failure is not None:
            return _gone(run, log, age, job.failure, f"{job}; it left no word")
        if alive is False:
            why = f"its process {log.process} on {log.host} is gone without a word"
            return _gone(run, log, age, Failure.KILLED, why)
        if alive is None and job is not None and not job.has_ended:
            alive = True
        silence = _silence(log, age, self.estimates.epoch_sec(run, log), alive)
        if silence is None:
            left = self.estimates.left_sec(run, log, self.now)
            return RunView(run, State.RUNNING, log, age, left)
        return RunView(run, State.SILENT, log, age, None, f"{silence}; {job}" if job else silence)


def _gone(run: Run, log: RunState, age: float, failure: Failure, why: str) -> RunView:
    return RunView(run, State.FAILED, log, age, None, f"{failure}: {why}", failure)


def _is_machines(log: RunState) -> bool:
    return log.phase is Phase.FAILED and not log.is_result


def _silence(log: RunState, age: float, epoch: float | None, alive: bool | None) -> str | None:
    """Return why a run in training seems to have stopped; None if it does not."""
    if epoch is None:
        # A long first epoch is no silence where the process is known to be alive.
        limit = None if alive else SILENT_AFTER_SEC_UNKNOWN
    else:
        limit = max(SILENT_AFTER_SEC, SILENT_AFTER_EPOCHS * epoch)
    if limit is None or age <= limit:
        return None
    return "its process is alive" if alive else "perhaps killed"


def _why_failed(log: RunState) -> str:
    """Return the kind and the reason of a failure, and where it was if it was not in training."""
    kind = log.failure
    reason = log.reason or ("" if kind else "the log does not say why")
    if log.in_evaluation and not reason.startswith("in evaluation"):
        reason = f"in evaluation: {reason}".rstrip(": ")
    if kind is None or reason.startswith(f"{kind}:"):
        return reason
    return f"{kind}: {reason}" if reason else kind
