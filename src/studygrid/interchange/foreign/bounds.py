"""Scores that a metric cannot have: they are left out, and named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf, isinf
from typing import TYPE_CHECKING, Any, Final

from studygrid.families.base import Family
from studygrid.interchange.foreign.runs import ForeignRun, Scores

if TYPE_CHECKING:
    from studygrid.results.loading import Problem

Bounds = Mapping[str, tuple[float, float]]
# Sums of floats miss a bound by their rounding.
_SLACK: Final = 1e-6
_SPLITS: Final = ("train", "validation")


def without_impossible(scores: Scores, bounds: Bounds) -> tuple[dict[str, float | None], list[str]]:
    """Return scores with those outside the bounds of their metric as null, and what they were.

    Parameters
    ----------
    bounds
        Lowest and highest value by name of metric; either may be infinite.
    """
    kept = dict(scores)
    reasons = []
    for name, (low, high) in bounds.items():
        value = kept.get(name)
        slack = _SLACK * max(abs(one) for one in (low, high, 1.0) if not isinf(one))
        if value is not None and not low - slack <= value <= high + slack:
            kept[name] = None
            reasons.append(f"{name} is {value:.6g}, {_range(low, high)}")
    return kept, reasons


def _range(low: float, high: float) -> str:
    if high == inf:
        return f"below {low:g}, which it cannot be: left out"
    if low == -inf:
        return f"above {high:g}, which it cannot be: left out"
    return f"outside its bounds, {low:g} to {high:g}: left out"


def bounded_runs(
    runs: Sequence[ForeignRun], family: Family
) -> tuple[list[ForeignRun], list[Problem]]:
    """Return runs without scores outside the bounds of the family's metrics, and these."""
    from studygrid.results.loading import Problem

    bounds = {metric.name: metric.bounds for metric in family.metrics if metric.bounds}
    found, problems = [], []
    for run in runs:
        bounded, reasons = _bounded(run, bounds)
        found.append(bounded)
        problems += [Problem(run.paths[0], reason) for reason in reasons]
    return found, problems


def _bounded(run: ForeignRun, bounds: Bounds) -> tuple[ForeignRun, list[str]]:
    metrics, reasons = without_impossible(run.metrics, bounds)
    validation, more = without_impossible(run.validation, bounds)
    of_splits = {f"{split}_{name}": own for name, own in bounds.items() for split in _SPLITS}
    columns, of_columns = _numbers(run.columns, of_splits)
    epochs = []
    of_epochs: list[str] = []
    for row in run.epochs:
        bounded, faults = _numbers(row, of_splits)
        epochs.append(bounded)
        of_epochs += [f"epoch {row.get('epoch')}: {fault}" for fault in faults]
    if len(of_epochs) > 1:
        of_epochs = [f"{of_epochs[0]} (and {len(of_epochs) - 1:,} more of such in its epochs)"]
    every = [*reasons, *(f"validation_{reason}" for reason in more), *of_columns, *of_epochs]
    if not every:
        return run, []
    undefined = {reason.partition(" is ")[0]: f"the file's {reason}" for reason in reasons}
    changed = replace(
        run,
        metrics=metrics,
        validation=validation,
        columns=columns,
        epochs=epochs,
        undefined={**run.undefined, **undefined},
    )
    return changed, every


def _numbers(row: Mapping[str, Any], bounds: Bounds) -> tuple[dict[str, Any], list[str]]:
    """Return a row of scores and other values without impossible scores, and these."""
    scores = {name: row[name] for name in bounds if isinstance(row.get(name), int | float)}
    kept, reasons = without_impossible(scores, bounds)
    return {**row, **kept}, reasons
