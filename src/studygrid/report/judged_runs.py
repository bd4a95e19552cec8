"""Tukey's rule for the runs of a study, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from studygrid.axes import AXES
from studygrid.statistics.outliers import judge


@dataclass(frozen=True)
class JudgedRuns:
    """Runs with a value, and what the rule says of each.

    Attributes
    ----------
    runs
        One row a run that ended well with a value: its axes, `value`, `median` of its cell, `by`
        (``own`` fences, ``pooled`` ones, or None), `low` and `high`, the fences, and `outside`.
    cells
        How many cells were judged by each, None among them.
    """

    runs: pd.DataFrame
    cells: dict[str | None, int]


def judged_runs(frame: pd.DataFrame, column: str) -> JudgedRuns:
    """Judge each run of a frame by a column, within its cell: see `statistics.outliers.judge`."""
    runs = frame.loc[(frame["status"] == "ok") & frame[column].notna(), [*AXES, column]]
    runs = runs.rename(columns={column: "value"}).astype({"value": float}).reset_index(drop=True)
    cells = runs.groupby(list(AXES[:-1]), sort=False)
    judged = judge([own.tolist() for _, own in cells["value"]])
    counts: dict[str | None, int] = {}
    parts = []
    for (_, rows), one in zip(cells.groups.items(), judged, strict=True):
        counts[one.by] = counts.get(one.by, 0) + 1
        columns = {"by": one.by, "low": one.low, "high": one.high, "outside": one.outside}
        parts.append(pd.DataFrame(columns, index=rows))
    verdicts = pd.concat(parts) if parts else pd.DataFrame(columns=["by", "low", "high", "outside"])
    return JudgedRuns(runs.assign(median=cells["value"].transform("median")).join(verdicts), counts)
