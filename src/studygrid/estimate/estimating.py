"""The estimate of a study: from what was measured and what is to do, to hours and bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from studygrid.errors import StudygridError
from studygrid.estimate.disk import Disk, disk_of
from studygrid.estimate.evidence import Evidence
from studygrid.estimate.forecasts import Forecasts, Row
from studygrid.estimate.history import Held, how_it_held, read_earlier
from studygrid.estimate.measured import Measured, used_device
from studygrid.estimate.pilots import Pilot, Pilots
from studygrid.estimate.said import Said
from studygrid.estimate.sitting import Sitting, most_on_one_gpu, sitting
from studygrid.estimate.sums import Range, draw, wall_clock
from studygrid.estimate.todo import ToDo
from studygrid.estimate.totals import Totals, how_totals_held
from studygrid.execution.devices import visible_gpus
from studygrid.plan import Plan


@dataclass(frozen=True)
class Estimate:
    """What a study still costs.

    Attributes
    ----------
    device
        The device that times are of; None where nothing was measured.
    others
        Other devices that something was measured on, which was not used.
    measured_runs, pilots
        Finished runs and pilots on the device.
    gpus
        GPUs of this machine; None where the number of workers does not come from them.
    is_shared
        Whether jobs share a GPU, those measured or those to do: their times overlap, and their sum
        is more than the GPU's own time.
    computing
        Time that jobs occupy the device, of all jobs together.
    by_rule
        The same of each rule; of None nothing is known.
    wall
        From start to end with `workers` jobs at once.
    cells
        Time of one train job of each cell, by its path, before it was widened.
    said
        What is kept of the totals.
    unknown
        Runs to train of which nothing is known; no time counts them.
    early_stopping
        Whether it is known how early runs stop; None where no run may.
    problems
        Why records could not be read, of those that are there.
    failed_pilots
        Pilots that gave no times, of kinds of work that nothing else is known of.
    """

    plan: Plan
    folder: Path
    jobs: ToDo
    workers: int
    device: str | None
    on_gpu: bool
    host: str | None
    others: Sequence[str]
    measured_runs: int
    pilots: int
    sitting: Sitting
    rows: Sequence[Row]
    computing: Range
    by_rule: Mapping[str, Range | None]
    wall: Range
    disk: Disk
    held: Held | None
    widening: float
    cells: Mapping[str, Range]
    said: Said
    unknown: int
    totals: Totals | None = None
    gpus: int | None = None
    is_shared: bool = False
    early_stopping: bool | None = None
    problems: Sequence[str] = field(default_factory=list)
    failed_pilots: Sequence[Pilot] = ()


def estimate(
    plan: Plan,
    results: Path,
    jobs: ToDo,
    measured: Measured,
    pilots: Pilots,
    *,
    workers: int | None,
    cores: int,
    device: str | None = None,
) -> Estimate:
    """Return the estimate of what is to do.

    Parameters
    ----------
    workers
        Jobs at once. Where None, as many as this machine's GPUs take by the config's
        `runs_per_gpu` (as one GPU takes, where it has none), or as many as it has cores.
    cores
        CPU cores of this machine.
    device
        Part of the name of the device that counts; the one used last where None.

    Raises
    ------
    StudygridError
        If nothing was measured on a device of that name.
    """
    name = choose(device, measured, pilots)
    evidence = Evidence(plan, measured, pilots, name)
    last = max(evidence.jobs, key=lambda job: job.end, default=None)
    on_gpu = last.on_gpu if last else pilots.is_gpu(name)
    gpus = len(visible_gpus()) if on_gpu and workers is None else None
    sharing = plan.study.execution.runs_per_gpu
    count = workers or (cores if gpus is None else max(gpus, 1) * sharing)
    earlier = read_earlier(results)
    held = how_it_held(earlier, measured.trained)
    widening = held.widening if held else 1.0
    forecasts = Forecasts(plan, results, jobs, evidence)
    pace = sitting(evidence.jobs)
    between = pace.between_sec if pace.between_sec is not None else pilots.start_sec(name)
    times = draw(forecasts.jobs)
    columns = forecasts.columns
    wall = partial(
        wall_clock,
        times,
        workers=count,
        between_sec=between or 0.0,
        profiles_alone=not on_gpu,
    )
    walls = wall(columns)
    others = [*columns.shard, *columns.prepare, *columns.infer]
    walls_of_runs = wall(replace(columns, prepare=[], shard=[], infer=[])) if others else walls
    return Estimate(
        plan=plan,
        folder=results,
        jobs=jobs,
        workers=count,
        device=name,
        on_gpu=on_gpu,
        host=last.host if last else None,
        others=sorted(_devices(measured, pilots) - {name}),
        measured_runs=len(evidence.trained),
        pilots=len(evidence.pilots),
        sitting=pace,
        rows=forecasts.rows(times, widening),
        computing=Range.of(times.sum(axis=1)).widened(widening),
        by_rule=forecasts.by_rule(times, widening),
        wall=Range.of(walls).widened(widening),
        disk=disk_of(plan, results, jobs, measured, count, pilots.parameters),
        held=held,
        widening=widening,
        cells=forecasts.cells(),
        said=forecasts.said(times, walls_of_runs, widening, count),
        totals=how_totals_held(earlier, measured),
        gpus=gpus,
        is_shared=on_gpu and (sharing > 1 or most_on_one_gpu(evidence.jobs) > 1),
        unknown=forecasts.unknown,
        early_stopping=forecasts.early_stopping(evidence),
        problems=measured.problems,
        failed_pilots=[
            pilot for pilot in pilots.problems_on(name) if not evidence.train.knows(pilot.kind)
        ],
    )


def choose(device: str | None, measured: Measured, pilots: Pilots) -> str | None:
    """Return the full name of the device that counts.

    Raises
    ------
    StudygridError
        If a part of a name is given that fits none, or several.
    """
    jobs = [run.job for run in measured.trained.values() if run.is_measure]
    if device is None:
        return used_device(jobs) or pilots.last_device()
    known = _devices(measured, pilots)
    if device in known:
        return device
    fitting = {name for name in known if device.lower() in name.lower()}
    if len(fitting) == 1:
        return fitting.pop()
    listed = ", ".join(sorted(fitting or known)) or "none at all"
    what = "fits several" if fitting else "nothing was measured on such a device"
    raise StudygridError(f"--device {device}: {what} (there are: {listed})")


def _devices(measured: Measured, pilots: Pilots) -> set[str]:
    runs = {run.job.device for run in measured.trained.values() if run.is_measure}
    return runs | pilots.devices
