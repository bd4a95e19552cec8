"""The table of cells: of each cell and metric how many runs, their mean, spread and interval."""

from __future__ import annotations

from collections.abc import Sequence

from studygrid.grid import Cell
from studygrid.plan import Plan
from studygrid.records import Status
from studygrid.results.rows import MISSING, Row, is_failed
from studygrid.statistics.intervals import summarise


def summary_rows(plan: Plan, rows: Sequence[Row]) -> list[Row]:
    """Return one row a cell and metric: how many runs, their mean, spread and interval.

    `n` counts the runs that have a value; the interval is Student's t at 95 %.
    """
    runs_of: dict[Cell, list[Row]] = {cell: [] for cell in plan.cells}
    for row in rows:
        runs_of[Cell(row["model"], row["resolution"], row["n_train"])].append(row)
    return [
        _summary_row(cell, own, f"test_{metric}")
        for cell, own in runs_of.items()
        for metric in plan.family.metric_names
    ]


def _summary_row(cell: Cell, rows: Sequence[Row], metric: str) -> Row:
    values = summarise([row[metric] for row in rows if row[metric] is not None])
    return {
        "model": cell.model,
        "resolution": cell.resolution,
        "n_train": cell.n_train,
        "metric": metric,
        "planned": len(rows),
        "ok": sum(row["status"] == Status.OK.value for row in rows),
        "failed": sum(map(is_failed, rows)),
        "missing": sum(row["status"] == MISSING for row in rows),
        "n": values.n,
        "mean": values.mean,
        "sd": values.sd,
        "ci_low": values.ci_low,
        "ci_high": values.ci_high,
        "median": values.median,
        "min": values.minimum,
        "max": values.maximum,
    }
