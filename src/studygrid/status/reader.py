"""Reading a study's state: the plan, the event logs, the processes, Slurm."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from studygrid.errors import ConfigError, NoRunsError
from studygrid.execution.slurm import SlurmJob
from studygrid.grid import Run
from studygrid.plan import Plan, read_plan
from studygrid.results.selection import Selection, check_axes, selected
from studygrid.status.logs import EventLogs
from studygrid.status.other_jobs import JobView, OtherJobs
from studygrid.status.outdated import Outdated
from studygrid.status.processes import is_alive_elsewhere, is_alive_here, running_snakemake
from studygrid.status.run_state import Phase, RunState
from studygrid.status.shard_records import shard_records
from studygrid.status.slurm import SlurmJobs
from studygrid.status.study_state import Notes, StudyState, study_state
from studygrid.training.budget import Budget

# Runs outside the plan are looked for every so often: listing all folders takes long.
_LOOK_AROUND_SEC = 30.0


class StudyReader:
    """Reads a results folder again and again; what has not changed is not read again.

    Parameters
    ----------
    folder
        The results folder.
    select
        Values of axes, as `load_runs` takes them.
    """

    def __init__(self, folder: Path, select: Selection | None = None) -> None:
        check_axes(select or ())
        self._folder, self._select = folder, select
        self._logs, self._outdated = EventLogs(folder), Outdated(folder)
        self._other_jobs, self._slurm = OtherJobs(folder), SlurmJobs()
        self._plan_signature: tuple[int, int, int] | None = None
        self._plan: Plan | None = None
        self._plan_problem: str | None = None
        self._runs: list[Run] = []
        self._outside: list[Run] = []
        self._looked_around_at: float | None = None

    def read(self, now: float | None = None) -> StudyState:
        """Return the state of the study as its files tell it.

        Parameters
        ----------
        now
            The time, in seconds since 1970; the clock's where None.

        Raises
        ------
        NoRunsError
            If there is no plan and no run folder.
        SelectionError
            If no run has a value that is asked for.
        """
        self._find_runs()
        self._logs.refresh([*self._runs, *self._outside])
        is_alive, slurm_jobs = self._ask_processes(), self._ask_slurm()
        return study_state(
            {run: self._logs.states[run] for run in self._runs},
            time.time() if now is None else now,
            name=self._plan.study.name if self._plan else "",
            folder=str(self._folder),
            planned_steps=partial(_planned_steps, self._plan),
            is_alive=is_alive,
            slurm_jobs=slurm_jobs,
            outside={run: self._logs.states[run] for run in self._outside},
            notes=Notes(
                plan_problem=self._plan_problem,
                unreadable_lines=dict(self._logs.unreadable_lines),
                unreadable_logs=dict(self._logs.problems),
                slurm_problem=self._slurm.problem,
                outdated=self._find_outdated(),
            ),
            jobs=self._jobs(),
            snakemake=running_snakemake(self._folder),
        )

    def _find_outdated(self) -> dict[Run, str]:
        states = self._logs.states
        ended = (
            run
            for run in self._runs
            if states[run].phase in (Phase.TRAINED, Phase.DONE) or states[run].is_result
        )
        return self._outdated.among(ended, self._plan) if self._plan else {}

    def _jobs(self) -> list[JobView]:
        """Return the jobs beside the selected runs, that they need or that need them."""
        if self._plan is None:
            return []
        pairs = {(run.model, run.resolution) for run in self._runs}
        resolutions = dict.fromkeys(run.resolution for run in self._runs)
        profiled = [pair for pair in self._plan.profiled if pair in pairs]
        shards = shard_records(self._plan, self._folder)
        return self._other_jobs.views(
            list(resolutions), profiled, shards, self._inferred(self._plan)
        )

    def _inferred(self, plan: Plan) -> list[Run]:
        """Return the runs to infer; what failed in training is told once, by the run."""
        if not plan.study.inference.enabled:
            return []
        states = self._logs.states
        return [run for run in self._runs if states[run].in_evaluation or not states[run].is_result]

    def _find_runs(self) -> None:
        is_new = self._read_plan()
        clock = time.monotonic()
        looked = self._looked_around_at
        if looked is not None and not is_new and self._plan and clock - looked < _LOOK_AROUND_SEC:
            return
        self._looked_around_at = clock
        found = self._logs.found()
        if self._plan is None and not found:
            raise NoRunsError(_nothing(self._folder))
        self._runs = selected(self._plan.runs if self._plan else found, self._select)
        planned = set(self._plan.runs if self._plan else found)
        self._outside = [run for run in found if run not in planned and self._is_wanted(run)]

    def _is_wanted(self, run: Run) -> bool:
        wanted = (self._select or {}).items()
        return all(str(getattr(run, axis)) in map(str, values) for axis, values in wanted)

    def _read_plan(self) -> bool:
        """Read study.yaml again if it has changed; tell whether it has."""
        path = self._folder / "study.yaml"
        try:
            stat = path.stat()
            signature = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        except OSError:
            is_new = self._plan is not None
            self._plan, self._plan_signature = None, None
            self._plan_problem = f"{path} is not there"
            return is_new
        if signature == self._plan_signature:
            return False
        self._plan_signature = signature
        try:
            self._plan, self._plan_problem = read_plan(path, check_files=False), None
        except ConfigError as error:
            self._plan, self._plan_problem = None, str(error)
        return True

    def _ask_processes(self) -> Callable[[RunState], bool | None]:
        """Ask for the processes of runs in training: this machine's, and others' lock files."""
        here = socket.gethostname()
        training = {
            run: state for run, state in self._logs.states.items() if state.phase is Phase.TRAINING
        }
        alive = {
            (state.host, state.process): is_alive_here(state)
            if state.host == here
            else is_alive_elsewhere(state, self._folder / "runs" / run.path)
            for run, state in training.items()
        }
        # What a process wrote last before it ended may have come after we read its log.
        self._logs.refresh(
            run for run, state in training.items() if alive[state.host, state.process] is False
        )
        return lambda state: alive.get((state.host, state.process))

    def _ask_slurm(self) -> Mapping[str, SlurmJob]:
        """Ask Slurm for the jobs of runs that are in training, or that a machine has failed."""
        jobs = {
            run: state.slurm_job
            for run, state in self._logs.states.items()
            if state.slurm_job is not None
            and (state.phase is Phase.TRAINING or state.phase is Phase.FAILED)
            and not state.is_result
        }
        known = self._slurm.refresh(jobs.values())
        self._logs.refresh(
            run for run, job in jobs.items() if job in known and known[job].has_ended
        )
        return known


def _planned_steps(plan: Plan | None, run: Run) -> int | None:
    if plan is None or run.model not in plan.models:
        return None
    training, fits = plan.models[run.model].training, plan.models[run.model].architecture.fits
    if training.steps is not None and not fits:
        return training.steps
    # How many samples `all` are, the data says.
    count = 1 if fits else run.n_train
    return None if count == "all" else Budget.of(training, int(count), fits=fits).steps


def _nothing(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} is no folder; name the results folder of a study: studygrid status FOLDER"
    return (
        f"{folder} has no study.yaml and no run in runs/: it is no results folder, or nothing has "
        "run in it yet; start the study with `snakemake --cores 2 all`"
    )
