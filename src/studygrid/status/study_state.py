"""The state of a study at a moment: the states of its runs, its rates, its expected end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from studygrid.grid import Run
from studygrid.status.activity import Activity, activity, ended_at, spans
from studygrid.status.estimates import Budget, Estimates
from studygrid.status.run_state import Phase, RunState

SILENT_AFTER_SEC = 60.0
SILENT_AFTER_EPOCHS = 5
# In a first epoch of which nothing is known, on a machine that cannot be asked.
SILENT_AFTER_SEC_UNKNOWN = 600.0


class State(StrEnum):
    """What a reader wants to know of a run."""

    DONE = "done"
    RUNNING = "running"
    TO_EVALUATE = "to evaluate"
    SILENT = "silent"
    FAILED = "failed"
    WAITING = "waiting"


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
        Why it failed or seems silent.
    """

    run: Run
    state: State
    log: RunState
    age_sec: float | None = None
    left_sec: float | None = None
    reason: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is to come unless it is started again."""
        return self.state in (State.DONE, State.FAILED)


@dataclass(frozen=True, slots=True)
class Notes:
    """What a reader should know of where the state comes from.

    Attributes
    ----------
    plan_problem
        Why the runs are not those of a plan but those that have a folder; None if they are.
    outside
        Runs that have a folder but are not in the plan.
    unreadable_lines
        Lines of each run's log that could not be read.
    unreadable_logs
        Why a run's log could not be read.
    """

    plan_problem: str | None = None
    outside: Sequence[RunView] = ()
    unreadable_lines: Mapping[Run, int] = field(default_factory=dict)
    unreadable_logs: Mapping[Run, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyState:
    """A study at a moment.

    Attributes
    ----------
    runs
        The runs, in axis order.
    activity
        What went on lately; None where nothing did.
    remaining_sec
        Training time that remains, of all runs of which it is known.
    without_estimate
        How many runs remain of which it is not.
    end_in_sec
        Time to the expected end; 0 if nothing remains, None where it cannot be known.
    """

    name: str
    folder: str
    now: float
    runs: Sequence[RunView]
    activity: Activity | None
    remaining_sec: float
    without_estimate: int
    end_in_sec: float | None
    notes: Notes

    @cached_property
    def by_state(self) -> dict[State, list[RunView]]:
        """The runs in each state, in axis order."""
        found: dict[State, list[RunView]] = {state: [] for state in State}
        for view in self.runs:
            found[view.state].append(view)
        return found

    @property
    def counts(self) -> dict[State, int]:
        """How many runs are in each state."""
        return {state: len(views) for state, views in self.by_state.items()}

    @property
    def steps_per_sec(self) -> float | None:
        """Steps a second of all running runs; None before one has ended an epoch."""
        return _sum(view.log.steps_per_sec for view in self.by_state[State.RUNNING])

    @property
    def samples_per_sec(self) -> float | None:
        """Samples a second of all running runs, in their last epochs; None before these."""
        return _sum(view.log.samples_per_sec for view in self.by_state[State.RUNNING])


def study_state(
    states: Mapping[Run, RunState],
    now: float,
    *,
    name: str = "",
    folder: str = "",
    planned_steps: Budget = lambda run: None,
    is_alive: Callable[[RunState], bool | None] = lambda state: None,
    outside: Mapping[Run, RunState] | None = None,
    notes: Notes | None = None,
) -> StudyState:
    """Return the state of a study.

    Parameters
    ----------
    states
        The state of each run, in axis order.
    now
        The time, in seconds since 1970.
    planned_steps
        The optimiser steps of a run by the plan; None where it cannot be known from it.
    is_alive
        Whether the process that trains a run is alive; None where it cannot be asked.
    outside
        The states of runs that have a folder but are not in the plan.
    """
    everything = {**states, **(outside or {})}
    estimates = Estimates(everything, planned_steps)
    views = {run: _view(run, state, estimates, now, is_alive) for run, state in everything.items()}
    recent = _activity(views.values(), now)
    inside = [views[run] for run in states]
    left = [
        estimates.rest_sec(view.run, view.log) if view.left_sec is None else view.left_sec
        for view in inside
        if view.state in (State.RUNNING, State.SILENT, State.WAITING)
    ]
    known = [seconds for seconds in left if seconds is not None]
    return StudyState(
        name=name,
        folder=folder,
        now=now,
        runs=inside,
        activity=recent,
        remaining_sec=sum(known),
        without_estimate=len(left) - len(known),
        end_in_sec=_end_in(inside, left, recent),
        notes=replace(notes or Notes(), outside=[views[run] for run in outside or {}]),
    )


def _view(
    run: Run,
    log: RunState,
    estimates: Estimates,
    now: float,
    is_alive: Callable[[RunState], bool | None],
) -> RunView:
    age = None if log.last_at is None else max(now - log.last_at, 0.0)
    if log.phase is Phase.TRAINING and age is not None:
        silence = _silence(log, age, estimates.epoch_sec(run, log), is_alive(log))
        left = estimates.left_sec(run, log, now)
        if silence is None:
            return RunView(run, State.RUNNING, log, age, left)
        return RunView(run, State.SILENT, log, age, None, silence)
    state = {
        Phase.DONE: State.DONE,
        Phase.TRAINED: State.TO_EVALUATE,
        Phase.FAILED: State.FAILED,
    }.get(log.phase, State.WAITING)
    reason = _why_failed(log) if state is State.FAILED else None
    return RunView(run, state, log, age, None, reason)


def _silence(log: RunState, age: float, epoch: float | None, alive: bool | None) -> str | None:
    """Return why a run in training seems to have stopped; None if it does not."""
    if alive is False:
        return f"its process {log.process} on {log.host} is gone"
    if epoch is None:
        # A long first epoch is no silence where the process is known to be alive.
        limit = None if alive else SILENT_AFTER_SEC_UNKNOWN
    else:
        limit = max(SILENT_AFTER_SEC, SILENT_AFTER_EPOCHS * epoch)
    if limit is None or age <= limit:
        return None
    return "its process is alive" if alive else "perhaps killed"


def _why_failed(log: RunState) -> str:
    status = log.status or "error"
    if status == "error":
        return log.reason or "the log does not say why"
    return f"{status}: {log.reason}" if log.reason else status


def _activity(views: Iterable[RunView], now: float) -> Activity | None:
    training, ends = [], []
    for view in views:
        training += spans(view.log, goes_on=view.state is State.RUNNING, now=now)
        end = ended_at(view.log)
        if end is not None:
            ends.append(end)
    return activity(training, ends, now)


def _end_in(
    views: Iterable[RunView], left: Sequence[float | None], recent: Activity | None
) -> float | None:
    """Return the work that remains over the runs at once; no less than the longest single run."""
    if not left:
        # How long an evaluation takes is not in the logs.
        return None if any(view.state is State.TO_EVALUATE for view in views) else 0.0
    known = [seconds for seconds in left if seconds is not None]
    if recent is None or recent.runs_in_training <= 0 or len(known) < len(left):
        return None
    return max(sum(known) / recent.runs_in_training, *known)


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
