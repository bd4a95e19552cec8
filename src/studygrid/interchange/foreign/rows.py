"""The rows of a collected study: those of its runs, and those of their epochs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from studygrid.axes import AXES
from studygrid.grid import Run
from studygrid.interchange.foreign.merging import Placed
from studygrid.interchange.foreign.runs import ForeignRun, Scores
from studygrid.results.collected import ScoredSplit
from studygrid.results.pairing import NUMBERED
from studygrid.results.reading import TRAINING_COLUMNS
from studygrid.results.rows import Row, profile_row

_LATENCY: Final = ("profile_b", "_median_sec_per_sample")
_THROUGHPUT: Final = ("profile_b", "_throughput_samples_per_sec")


def scored_split(runs: Iterable[ForeignRun]) -> ScoredSplit:
    """Return the split to show scores of: test, unless no run has such and some have others."""
    found = list(runs)
    has_test = any(_has_value(run.metrics) for run in found)
    has_other = any(_has_value(run.validation) for run in found)
    return "validation" if has_other and not has_test else "test"


def _has_value(scores: Scores) -> bool:
    return any(value is not None for value in scores.values())


def scores_on(run: ForeignRun, split: ScoredSplit) -> Scores:
    """Return the scores of a run on a split."""
    return run.metrics if split == "test" else run.validation


def run_rows(grid: Placed, metrics: Sequence[str], split: ScoredSplit) -> list[Row]:
    """Return one row a run: the columns of aggregated_metrics.csv, then what else files say.

    Parameters
    ----------
    metrics
        Names of the family's metrics, which all have a column.
    split
        The split whose scores stand in the columns ``test_<metric>``.
    """
    runs = list(grid.runs.values())
    columns: Row = {
        **dict.fromkeys(("status", "reason", "train_samples")),
        **dict.fromkeys(f"test_{name}" for name in metrics),
        "undefined": None,
        **dict.fromkeys(TRAINING_COLUMNS),
        **dict.fromkeys(("checkpoint_sha256", "data_sha256")),
    }
    sizes = profiled_sizes(runs)
    if sizes:
        columns |= dict.fromkeys(profile_row(None, None, sizes))
    columns |= dict.fromkeys(f"test_{name}" for run in runs for name in scores_on(run, split))
    if split == "test":
        columns |= dict.fromkeys(f"validation_{name}" for run in runs for name in run.validation)
    columns |= dict.fromkeys(
        name for run in runs for name, value in run.columns.items() if value is not None
    )
    return [
        {axis: getattr(run, axis) for axis in AXES}
        | columns
        | _said(foreign, metrics, split, columns)
        | {NUMBERED: run in grid.numbered}
        for run, foreign in grid.runs.items()
    ]


def _said(run: ForeignRun, metrics: Sequence[str], split: ScoredSplit, columns: Row) -> Row:
    known = [name for name in run.undefined if name in metrics]
    found = {
        "status": run.status,
        "reason": run.reason,
        "undefined": "; ".join(f"{name}: {run.undefined[name]}" for name in known) or None,
        **{f"test_{name}": value for name, value in scores_on(run, split).items()},
        **{name: _plain(value) for name, value in run.columns.items() if name in columns},
    }
    if split == "test":
        found |= {f"validation_{name}": value for name, value in run.validation.items()}
    return found


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | None) else str(value)


def profiled_sizes(runs: Iterable[ForeignRun]) -> list[int]:
    """Return the batch sizes with which inference was measured, on a device that is named."""
    found = set()
    for run in runs:
        for column in run.columns if run.columns.get("profile_device") else ():
            for start, end in (_LATENCY, _THROUGHPUT):
                size = column.removeprefix(start).removesuffix(end)
                if f"{start}{size}{end}" == column and size.isdecimal():
                    found.add(int(size))
    return sorted(found)


def epoch_rows(runs: Mapping[Run, ForeignRun]) -> tuple[pd.DataFrame, bool]:
    """Return the epochs of all runs as `StudyResults.epochs` has them.

    Returns
    -------
    frame, counts_epochs
        One row an epoch; and whether `step` is its number, as some files do not count steps.
    """
    rows = []
    for run, foreign in runs.items():
        axes = {axis: getattr(run, axis) for axis in AXES} | {"n_train": str(run.n_train)}
        rows += [axes | dict(row) for row in foreign.epochs]
    frame = pd.DataFrame(rows, columns=None if rows else [*AXES, "epoch"])
    if not rows or ("step" in frame and frame["step"].notna().all()):
        return frame, False
    return frame.assign(step=frame["epoch"]), True
