"""results_summary.json: a study in numbers, by model, by resolution and by training-set size.

A mean over cells is comparable between two models only if it is over the same resolutions and
sizes. So each group (a model, say) is averaged over the settings that all groups have: those in
which each has a value. `averaged_over` lists them, and `comparable` is false for a group that
has none in common with the others, whose averages are then over what it has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from studygrid.axes import Axis
from studygrid.interchange.cells import CellResult, Cost, cells_of, latest, models_of, ranked
from studygrid.losses import why_not_comparable
from studygrid.records import write_atomically
from studygrid.results.not_said import NOT_SAID, value_in_file

if TYPE_CHECKING:
    from studygrid.families.base import Metric
    from studygrid.results.selection import Selection
    from studygrid.results.study_results import StudyResults

TOP = 5
CELL_AXES: tuple[Axis, ...] = ("model", "resolution", "n_train")
_LISTED: dict[Axis, str] = {"model": "models", "resolution": "resolutions", "n_train": "n_train"}
Setting = tuple[Any, ...]


def write_summary(
    study: StudyResults,
    path: Path,
    selection: Selection | None = None,
    cells: Sequence[CellResult] | None = None,
) -> None:
    """Write the summary as strict JSON: see `results_summary`."""
    content = results_summary(study, selection, cells)
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, f"{text}\n".encode())


def results_summary(
    study: StudyResults,
    selection: Selection | None = None,
    cells: Sequence[CellResult] | None = None,
) -> dict[str, Any]:
    """Return the summary of a study as far as it has come.

    Parameters
    ----------
    study
        The study.
    selection
        What it was restricted to, if it was; the summary says so.
    cells
        The cells of the study, if they are known already.
    """
    cells = cells_of(study) if cells is None else cells
    return {
        "generated_from": {
            "study": study.name,
            "family": study.family.name,
            "dataset": None if study.plan.dataset.name == NOT_SAID else study.plan.dataset.name,
            "latest_run": latest(cell.finished_at for cell in cells),
            "selection": {axis: list(map(str, values)) for axis, values in selection.items()}
            if selection
            else None,
        },
        "metric": {
            "name": study.metric.name,
            "label": study.metric.label,
            "higher_is_better": study.metric.higher_is_better,
            "unit": study.metric.unit,
            "why_not_ranked": why_not_comparable(study.plan, study.metric, models_of(cells)),
            "ranked_within": study.tasks_differ,
        },
        "total_experiments": sum(bool(cell.ok) for cell in cells),
        **{
            key: [value_in_file(axis, value) for value in study.plan.axis(axis)]
            for axis, key in _LISTED.items()
        },
        "totals": {
            "planned_cells": len(cells),
            "complete_cells": sum(cell.status == "ok" for cell in cells),
            **_counts(cells),
        },
        "statistics": {
            "overall": _statistics(study, cells, cells),
            **{f"by_{axis}": _by(study, cells, axis) for axis in CELL_AXES},
        },
        "without_results": _without_results(cells),
        "top_5_results": [
            {"rank": rank, **_entry(study, cell)}
            for rank, cell in enumerate(ranked(cells, study.metric, study.plan)[:TOP], start=1)
        ],
    }


def _counts(cells: Sequence[CellResult]) -> dict[str, Any]:
    planned = sum(len(cell.runs) for cell in cells)
    ok = sum(len(cell.ok) for cell in cells)
    return {
        "planned_runs": planned,
        "ok_runs": ok,
        "failed_runs": sum(len(cell.failed) for cell in cells),
        "missing_runs": sum(len(cell.missing) for cell in cells),
        "complete": ok == planned,
    }


def _by(study: StudyResults, cells: Sequence[CellResult], axis: Axis) -> dict[str, Any]:
    """Return the statistics of each value of an axis that has a scored run."""
    groups: dict[str, list[CellResult]] = {}
    for cell in cells:
        groups.setdefault(group_name(axis, getattr(cell.cell, axis)), []).append(cell)
    scored = {name: own for name, own in groups.items() if any(cell.ok for cell in own)}
    return {
        name: _statistics(study, own, balanced, comparable, _setting(axis))
        for name, own in scored.items()
        for balanced, comparable in [_balanced(own, list(scored.values()), axis, study)]
    }


def group_name(axis: str, value: Any) -> str:
    """Return the key of the statistics of a value of an axis."""
    known = value_in_file(axis, value)
    return NOT_SAID if known is None else str(known)


def _balanced(
    own: list[CellResult], groups: list[list[CellResult]], axis: Axis, study: StudyResults
) -> tuple[list[CellResult], bool]:
    """Return the cells of a group in the settings that all groups have, or all if there is none."""
    setting = _setting(axis)

    def settings(group: list[CellResult]) -> set[Setting]:
        return {setting(cell) for cell in group if cell.mean(study.metric.name) is not None}

    common = set.intersection(*map(settings, groups))
    balanced = [cell for cell in own if setting(cell) in common]
    return (balanced, True) if balanced else (own, False)


def _setting(axis: Axis) -> Callable[[CellResult], Setting]:
    others = [other for other in CELL_AXES if other != axis]
    return lambda cell: tuple(value_in_file(other, getattr(cell.cell, other)) for other in others)


def _statistics(
    study: StudyResults,
    cells: Sequence[CellResult],
    averaged: Sequence[CellResult],
    comparable: bool = True,
    setting: Callable[[CellResult], Setting] | None = None,
) -> dict[str, Any]:
    """Return the statistics of some cells, whose averages are over `averaged`."""
    metrics = {
        metric.name: _metric(study, cells, averaged, metric) for metric in study.family.metrics
    }
    none = dict.fromkeys(("avg", "best", "worst"))
    accuracy, f1 = metrics.get("accuracy", none), metrics.get("f1", none)
    used = [cell for cell in averaged if cell.mean(study.metric.name) is not None]
    return {
        "num_experiments": sum(bool(cell.ok) for cell in cells),
        "avg_test_accuracy": accuracy["avg"],
        "best_test_accuracy": accuracy["best"],
        "worst_test_accuracy": accuracy["worst"],
        "avg_test_f1": f1["avg"],
        **_costs(averaged),
        "planned_experiments": len(cells),
        **_counts(cells),
        "comparable": comparable,
        **({"averaged_over": [list(setting(cell)) for cell in used]} if setting else {}),
        "averaged_cells": len(used),
        "metrics": metrics,
        **_ends(study, cells),
    }


def _metric(
    study: StudyResults,
    cells: Sequence[CellResult],
    averaged: Sequence[CellResult],
    metric: Metric,
) -> dict[str, Any]:
    """Return the mean of some cells, and the ends; none where they are not comparable."""
    means = [mean for cell in cells if (mean := cell.mean(metric.name)) is not None]
    over = [mean for cell in averaged if (mean := cell.mean(metric.name)) is not None]
    tasks = {cell.cell.resolution for cell in cells} if study.tasks_differ else set()
    differ = why_not_comparable(study.plan, metric, models_of(cells)) is not None
    comparable = not differ and len(tasks) < 2
    first, last = (max, min) if metric.higher_is_better else (min, max)
    return {
        "avg": fmean(over) if over and comparable else None,
        "best": first(means, default=None) if comparable else None,
        "worst": last(means, default=None) if comparable else None,
        "averaged_cells": len(over) if comparable else 0,
        "cells": len(means),
        "comparable_between_models": comparable,
    }


def _ends(study: StudyResults, cells: Sequence[CellResult]) -> dict[str, Any]:
    order = ranked(cells, study.metric, study.plan)
    return {
        "best": _entry(study, order[0]) if order else None,
        "worst": _entry(study, order[-1]) if order else None,
    }


def _costs(cells: Sequence[CellResult]) -> dict[str, Any]:
    """Return the mean costs of models at resolutions; null where they are not of one device."""
    costs = {(cell.cell.model, cell.cell.resolution): cell.cost for cell in cells}
    measured = [cost for cost in costs.values() if cost.batch_sizes]
    return {
        "avg_inference_time_sec": _mean_cost(measured, "sec_per_sample", 0),
        "avg_throughput_samples_sec": _mean_cost(measured, "throughput", -1),
        "inference_measured": len(measured),
        "inference_devices": sorted({str(cost.device) for cost in measured}),
    }


def _mean_cost(costs: Sequence[Cost], name: str, size: int) -> float | None:
    """Return the mean of what was measured under equal conditions, else None."""
    conditions = {(cost.device, cost.threads, cost.batch_sizes[size]) for cost in costs}
    values = [value for cost in costs if (value := getattr(cost, name)) is not None]
    return fmean(values) if values and len(conditions) == 1 else None


def _entry(study: StudyResults, cell: CellResult) -> dict[str, Any]:
    found = cell.summaries[study.metric.name]
    return {
        "model": cell.cell.model,
        "resolution": value_in_file("resolution", cell.cell.resolution),
        "n_train": value_in_file("n_train", cell.cell.n_train),
        "test_accuracy": cell.mean("accuracy"),
        "test_f1_score": cell.mean("f1"),
        "metric": study.metric.name,
        "mean": found.mean,
        "sd": found.sd,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "num_runs": found.n,
        "planned_runs": len(cell.runs),
    }


def _without_results(cells: Sequence[CellResult]) -> list[dict[str, Any]]:
    """Return the runs that have no scores, and why: those of one cell and reason together."""
    return [
        {
            **{axis: value_in_file(axis, getattr(cell.cell, axis)) for axis in CELL_AXES},
            "seeds": list(found.seeds),
            "status": found.status,
            "reason": found.reason,
        }
        for cell in cells
        for found in cell.unscored
    ]
