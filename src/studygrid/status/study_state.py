"""The state of a study at a moment: the states of its runs, its rates, its expected end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from studygrid.execution.holder import Holder
from studygrid.execution.slurm import SlurmJob
from studygrid.grid import Run
from studygrid.status.activity import Activity, activity, ended_at, spans
from studygrid.status.estimates import Budget, Estimates
from studygrid.status.failure_counts import FailureCount, failure_counts
from studygrid.status.other_jobs import JobView
from studygrid.status.run_state import RunState
from studygrid.status.run_view import Look, RunView
from studygrid.status.states import State


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
    slurm_problem
        Why Slurm could not be asked for jobs that the logs name.
    outdated
        Runs whose record is of other settings than the plan's, and what differs.
    """

    plan_problem: str | None = None
    outside: Sequence[RunView] = ()
    unreadable_lines: Mapping[Run, int] = field(default_factory=dict)
    unreadable_logs: Mapping[Run, str] = field(default_factory=dict)
    slurm_problem: str | None = None
    outdated: Mapping[Run, str] = field(default_factory=dict)


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
    jobs
        The jobs beside the runs: `shard`, `prepare`, `profile` and `infer`.
    snakemake
        The Snakemake that runs the study now; None if none does, as far as can be told.
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
    jobs: Sequence[JobView] = ()
    snakemake: Holder | None = None

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

    @cached_property
    def failures(self) -> list[FailureCount]:
        """The kinds of failures that there are, results first, the most frequent first."""
        return failure_counts(self.by_state[State.FAILED], self.jobs)

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
    slurm_jobs: Mapping[str, SlurmJob] | None = None,
    outside: Mapping[Run, RunState] | None = None,
    notes: Notes | None = None,
    jobs: Sequence[JobView] = (),
    snakemake: Holder | None = None,
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
    slurm_jobs
        What Slurm says of the jobs that it knows, by their numbers.
    outside
        The states of runs that have a folder but are not in the plan.
    """
    notes, everything = notes or Notes(), {**states, **(outside or {})}
    for run in notes.outdated:
        before = everything[run]
        everything[run] = RunState(attempts=before.attempts, last_at=before.last_at)
    estimates = Estimates(everything, planned_steps)
    look = Look(now, estimates, is_alive, slurm_jobs or {}, notes.outdated)
    views = {run: look.view(run, state) for run, state in everything.items()}
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
        notes=replace(notes, outside=[views[run] for run in outside or {}]),
        jobs=jobs,
        snakemake=snakemake,
    )


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
