"""The cells of a study in plain values: what became of their runs, and what inference costs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from studygrid.grid import Cell, Run
from studygrid.losses import why_not_comparable
from studygrid.records import Status
from studygrid.results.one_setting import models_without_learning
from studygrid.statistics.intervals import Summary, summarise

if TYPE_CHECKING:
    from studygrid.families.base import Metric
    from studygrid.plan import Plan
    from studygrid.results.reading import RunFacts
    from studygrid.results.study_results import StudyResults

MISSING = "missing"
VALIDATION_LOSS = "best_validation_loss"
_NAMED = 8
_LATENCY = re.compile(r"profile_b(\d+)_median_sec_per_sample")


@dataclass(frozen=True)
class RunResult:
    """A planned run, whatever became of it.

    Attributes
    ----------
    status
        ``ok``, how it failed, or ``missing``.
    reason
        Why it has no result; files are named as seen from the run's folder.
    finished_at
        When its evaluation ended, UTC; None if it has not.
    values
        Its test metrics and `VALIDATION_LOSS`; None where there is no value.
    undefined
        Which metrics of a scored run have no value, and why.
    """

    run: Run
    status: str
    reason: str | None
    finished_at: str | None
    train_samples: int | None
    values: Mapping[str, float | None]
    undefined: str | None = None


@dataclass(frozen=True)
class Cost:
    """What inference of one model at one resolution costs; None where it was not measured.

    Attributes
    ----------
    status
        ``ok``, ``oom``, or ``missing``; None where nothing is profiled.
    batch_sizes
        The batch sizes that were measured, ascending.
    sec_per_sample
        Median time of a batch divided by its size, at batch size 1 or else the smallest.
    throughput
        Samples a second at the largest batch size.
    peak_device_memory_mb
        The largest of all batch sizes, allocated; None on a CPU.
    """

    status: str | None = None
    reason: str | None = None
    device: str | None = None
    threads: int | None = None
    batch_sizes: tuple[int, ...] = ()
    sec_per_sample: float | None = None
    throughput: float | None = None
    peak_host_memory_mb: float | None = None
    peak_device_memory_mb: float | None = None


@dataclass(frozen=True)
class Unscored:
    """Runs of a cell that have no scores, for the same reason."""

    status: str
    reason: str | None
    seeds: tuple[int, ...]

    def __str__(self) -> str:
        named = [str(seed) for seed in self.seeds]
        if len(named) > _NAMED:
            named = [*named[: _NAMED - 2], "…", f"{named[-1]} ({len(named)} of them)"]
        seeds = ", ".join(named)
        file = (self.reason or "").removesuffix(": missing")
        why = self.reason if file == self.reason else f"there is no {file}"
        return f"seed{'s' if len(self.seeds) > 1 else ''} {seeds}: {self.status}: {why}"


@dataclass(frozen=True)
class CellResult:
    """A cell, with a result of every planned run."""

    cell: Cell
    runs: tuple[RunResult, ...]
    cost: Cost

    @property
    def ok(self) -> list[RunResult]:
        """The runs that were scored."""
        return [run for run in self.runs if run.status == Status.OK]

    @property
    def missing(self) -> list[RunResult]:
        """The runs whose records are not there, or cannot be used."""
        return [run for run in self.runs if run.status == MISSING]

    @property
    def failed(self) -> list[RunResult]:
        """The runs that ended without a result: diverged, or out of memory."""
        return [run for run in self.runs if run.status not in (Status.OK, MISSING)]

    @property
    def unscored(self) -> list[Unscored]:
        """The runs without scores, those that failed first, with those of equal reason together."""
        found: dict[tuple[str, str | None], list[int]] = {}
        for run in [*self.failed, *self.missing]:
            found.setdefault((run.status, run.reason), []).append(run.run.seed)
        return [Unscored(*why, tuple(seeds)) for why, seeds in found.items()]

    @property
    def status(self) -> str:
        """``ok`` if every run was scored, ``partial`` if some were, else ``failed`` or missing."""
        if self.ok:
            return "ok" if len(self.ok) == len(self.runs) else "partial"
        return "failed" if self.failed else MISSING

    @property
    def finished_at(self) -> str | None:
        """When the last evaluation ended, UTC."""
        return latest(run.finished_at for run in self.runs)

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        """Mean, spread and interval of each metric and of `VALIDATION_LOSS`, over scored runs."""
        names = dict.fromkeys(name for run in self.runs for name in run.values)
        found = {name: [run.values.get(name) for run in self.ok] for name in names}
        return {
            name: summarise([value for value in values if value is not None])
            for name, values in found.items()
        }

    def mean(self, name: str) -> float | None:
        """Return the mean of a metric, None if no run has a value."""
        return self.summaries[name].mean if name in self.summaries else None


def cells_of(study: StudyResults) -> list[CellResult]:
    """Return the planned cells of a study, in axis order."""
    runs = study.plan.runs
    folders = [str(study.folder / "runs" / run.path) for run in runs]
    rows = study.frame.to_dict("records")
    return gather(runs, folders, rows, study.facts, study.family.metric_names)


def gather(
    runs: Sequence[Run],
    folders: Sequence[str],
    rows: Sequence[Mapping[Any, Any]],
    facts: Mapping[Run, RunFacts],
    metrics: Sequence[str],
) -> list[CellResult]:
    """Return the cells of runs; `folders` and `rows` (as in the frame of a study) go with them."""
    results: dict[Cell, list[RunResult]] = {}
    costs: dict[Cell, Cost] = {}
    for run, folder, row in zip(runs, folders, rows, strict=True):
        results.setdefault(run.cell, []).append(_result(run, folder, row, facts.get(run), metrics))
        if run.cell not in costs:
            costs[run.cell] = _cost(row, folder.removesuffix(f"runs/{run.path}"))
    return [CellResult(cell, tuple(own), costs[cell]) for cell, own in results.items()]


def ranked(cells: Sequence[CellResult], metric: Metric, plan: Plan) -> list[CellResult]:
    """Return the cells that have a value, the best mean first; equal ones stay in axis order.

    There is none where the metric is not comparable between their models. Where resolutions are
    different tasks, the best of the largest one come first, then those of the next. Models that
    do not learn from the training split stand behind those that do.
    """
    if why_not_comparable(plan, metric, models_of(cells)):
        return []
    with_value = [cell for cell in cells if cell.mean(metric.name) is not None]
    sign = -1 if metric.higher_is_better else 1
    with_value.sort(key=lambda cell: sign * (cell.mean(metric.name) or 0.0))
    if plan.family.resolution_is_task:
        with_value.sort(key=lambda cell: -cell.cell.resolution)
    fixed = models_without_learning(plan)
    return sorted(with_value, key=lambda cell: cell.cell.model in fixed)


def models_of(cells: Iterable[CellResult]) -> list[str]:
    """Return the names of the models that have a cell."""
    return list(dict.fromkeys(cell.cell.model for cell in cells))


def latest(times: Iterable[str | None]) -> str | None:
    """Return the latest of the times of records (UTC, ISO 8601), which sort as text."""
    return max(filter(None, times), default=None)


def single_size(cells: Iterable[CellResult]) -> bool:
    """Tell whether all cells have the same training-set size."""
    return len({result.cell.n_train for result in cells}) <= 1


def one_line(text: str) -> str:
    """Return text without line breaks and what else could steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _result(
    run: Run, folder: str, row: Mapping[Any, Any], facts: RunFacts | None, metrics: Sequence[str]
) -> RunResult:
    reason = _text(row["reason"])
    samples = number(row["train_samples"])
    return RunResult(
        run=run,
        status=str(row["status"]),
        reason=reason and reason.replace(f"{folder}/", ""),
        finished_at=facts.finished_at if facts else None,
        train_samples=None if samples is None else int(samples),
        values={
            VALIDATION_LOSS: number(row.get(VALIDATION_LOSS)),
            **{name: number(row.get(f"test_{name}")) for name in metrics},
        },
        undefined=_text(row.get("undefined")),
    )


def _cost(row: Mapping[Any, Any], root: str) -> Cost:
    found = filter(None, (_LATENCY.fullmatch(str(column)) for column in row))
    sizes = sorted(int(match[1]) for match in found if number(row[match[0]]) is not None)
    memory = [number(row[f"profile_b{size}_peak_device_memory_allocated_mb"]) for size in sizes]
    reason = _text(row.get("profile_reason"))
    threads = number(row.get("profile_threads"))
    return Cost(
        status=_text(row.get("profile_status")),
        reason=reason and reason.replace(root, ""),
        device=_text(row.get("profile_device")),
        threads=None if threads is None else int(threads),
        batch_sizes=tuple(sizes),
        sec_per_sample=_of_size(row, sizes[:1], "median_sec_per_sample"),
        throughput=_of_size(row, sizes[-1:], "throughput_samples_per_sec"),
        peak_host_memory_mb=number(row.get("profile_peak_host_memory_mb")),
        peak_device_memory_mb=max((value for value in memory if value is not None), default=None),
    )


def _of_size(row: Mapping[Any, Any], sizes: Sequence[int], name: str) -> float | None:
    return number(row.get(f"profile_b{sizes[0]}_{name}")) if sizes else None


def number(value: Any) -> float | None:
    """Return a number of a frame, None for what is not there."""
    return None if value is None or not math.isfinite(value) else float(value)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
