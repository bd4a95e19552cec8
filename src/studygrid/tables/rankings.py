"""The ranking of a study's cells, and which of them the seeds can tell from the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import pandas as pd

from studygrid.losses import why_not_comparable
from studygrid.results.frames import frame_rows
from studygrid.results.one_setting import models_without_learning
from studygrid.results.pairing import pairing_seeds
from studygrid.results.rows import Row
from studygrid.results.study_results import StudyResults
from studygrid.statistics.comparisons import compare_paired, holm

LEVEL = 0.05
BEST, TOLD_APART, NOT_TOLD_APART, TOO_FEW = "best", "told apart", "not told apart", "too few seeds"
NO_NOISE = "no seed noise"
NOT_COMPARABLE = "not comparable"
DOES_NOT_LEARN = "does not learn"

_CELL = ["model", "resolution", "n_train"]
_COUNTS = ["planned", "failed", "missing"]
_NUMBERS = ["mean", "ci_low", "ci_high"]
_COMPARED = {
    "pairs": "n",
    "difference": "difference",
    "difference_ci_low": "ci_low",
    "difference_ci_high": "ci_high",
    "p_value": "p_value",
    "exact_p_value": "exact_p_value",
    "smallest_exact_p": "smallest_exact_p",
}
COLUMNS = ["rank", *_CELL, "metric", "n", *_COUNTS, *_NUMBERS]
COLUMNS += [*list(_COMPARED)[:5], "p_holm", *list(_COMPARED)[5:], "verdict"]


def ranking(study: StudyResults) -> pd.DataFrame:
    """Rank the cells of a study by its metric: see `ranked`.

    Where the metric is not comparable between the study's models, no cell has a rank, they stand
    in axis order, and the verdict is ``not comparable``. Where resolutions are different tasks,
    each is ranked by itself, the largest first. Models that do not learn: see `ranked_models`.
    """
    column = f"test_{study.metric.name}"
    cells = study.summary.loc[study.summary["metric"] == column]
    if why_not_comparable(study.plan, study.metric):
        return _unranked(cells, NOT_COMPARABLE)
    tasks = [cells]
    if study.tasks_differ:
        resolutions = sorted(set(cells["resolution"]), reverse=True)
        tasks = [cells.loc[cells["resolution"] == resolution] for resolution in resolutions]
    better = study.metric.higher_is_better
    parts = [
        ranked_models(study, part, study.frame, column, higher_is_better=better) for part in tasks
    ]
    return pd.concat(parts, ignore_index=True)


def ranked_models(
    study: StudyResults,
    cells: pd.DataFrame,
    runs: pd.DataFrame,
    column: str,
    *,
    higher_is_better: bool,
) -> pd.DataFrame:
    """Rank the cells of models that learn: see `ranked`.

    Models that do not learn from the training split are no trained models: where others are
    there, theirs stand behind these without a rank, and their verdict is ``does not learn``.
    """
    fixed = set(models_without_learning(study.plan))
    is_fixed = cells["model"].isin(fixed)
    if not is_fixed.any() or fixed >= set(study.order["model"]):
        return ranked(cells, runs, column, higher_is_better=higher_is_better)
    found = ranked(cells.loc[~is_fixed], runs, column, higher_is_better=higher_is_better)
    scored = found["n"] > 0
    behind = _unranked(cells.loc[is_fixed], DOES_NOT_LEARN)
    parts = [found.loc[scored], behind, found.loc[~scored]]
    return _framed([row for part in parts for row in frame_rows(part)])


def ranked(
    cells: pd.DataFrame, runs: pd.DataFrame, column: str, *, higher_is_better: bool
) -> pd.DataFrame:
    """Rank cells by a score.

    Parameters
    ----------
    cells
        One row a cell, the columns of summary_statistics.csv.
    runs
        One row a run: its axes, `status`, and the score.
    column
        Name of the score in `runs`.

    Returns
    -------
    One row a cell, the best first, in the direction of the metric; cells whose means are equal
    share a rank, and cells without a value come last, without one. `pairs` is how many seeds a
    cell shares with the best, `difference` the mean of cell minus best over these with its
    Student-t interval, `p_value` of the paired t test, `p_holm` the same after Holm's correction
    over all comparisons of the table, `exact_p_value` of the sign-flip test and
    `smallest_exact_p` the least that it can give. `verdict` is ``best``, ``told apart``
    (`p_holm` below 0.05), ``not told apart``, ``no seed noise`` where the difference is the same
    for every seed, as between models that no seed changes, or ``too few seeds``; neither of the
    last two is tested. It is empty for cells without a value.
    """
    rows = _rows_of(cells)
    with_value = [row for row in rows if row["n"] > 0]
    with_value.sort(key=lambda row: row["mean"], reverse=higher_is_better)
    _number(with_value)
    _compare(with_value, _values_by_seed(runs, column))
    without = [row | {"rank": None, "verdict": ""} for row in rows if row["n"] == 0]
    return _framed([*with_value, *without])


def _unranked(cells: pd.DataFrame, verdict: str) -> pd.DataFrame:
    rows = _rows_of(cells)
    return _framed([row | {"verdict": verdict if row["n"] else ""} for row in rows])


def _rows_of(cells: pd.DataFrame) -> list[Row]:
    columns = [*_CELL, "metric", "n", *_COUNTS, *_NUMBERS]
    return [dict(zip(columns, row, strict=True)) for row in cells[columns].itertuples(index=False)]


def _framed(rows: Sequence[Row]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=COLUMNS)
    whole = dict.fromkeys(["rank", "n", *_COUNTS, "pairs"], "Int64")
    missing = [name for name in COLUMNS if name not in whole and frame[name].isna().all()]
    return frame.astype({**whole, **dict.fromkeys(missing, "float64")})


def _number(rows: Sequence[Row]) -> None:
    """Give rows in order their ranks; those of one mean share the first that they would take."""
    for position, row in enumerate(rows, 1):
        row["rank"] = position
    for before, row in pairwise(rows):
        if _equal(before["mean"], row["mean"]):
            row["rank"] = before["rank"]


def _equal(a: float, b: float) -> bool:
    # The order of addition alone changes the last bits of a mean.
    return math.isclose(a, b, rel_tol=1e-12)


def _values_by_seed(frame: pd.DataFrame, column: str) -> dict[tuple[Any, ...], dict[int, float]]:
    values: dict[tuple[Any, ...], dict[int, float]] = {}
    there = frame.loc[(frame["status"] == "ok") & frame[column].notna()]
    columns = [there[name].tolist() for name in (*_CELL, column)]
    for *cell, value, seed in zip(*columns, pairing_seeds(there), strict=True):
        values.setdefault(tuple(cell), {})[seed] = float(value)
    return values


def _compare(rows: Sequence[Row], values: Mapping[tuple[Any, ...], Mapping[int, float]]) -> None:
    """Fill in how each cell compares with the first, which is the best."""
    if not rows:
        return
    best, *others = rows
    best["verdict"] = BEST
    reference = values[_key(best)]
    for row in others:
        own = values[_key(row)]
        shared = sorted(own.keys() & reference.keys())
        found = asdict(compare_paired([own[s] for s in shared], [reference[s] for s in shared]))
        row |= {name: found[key] for name, key in _COMPARED.items()}
        if found["constant"]:
            row |= {"verdict": NO_NOISE, "p_value": None}
    tested = [row for row in others if row["p_value"] is not None]
    adjusted = holm([row["p_value"] for row in tested])
    for row, p in zip(tested, adjusted, strict=True):
        row["p_holm"] = p
    for row in others:
        row["verdict"] = BEST if row["rank"] == 1 else row.get("verdict") or _verdict(row)


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in _CELL)


def _verdict(row: Row) -> str:
    if row["p_value"] is None:
        return TOO_FEW
    return TOLD_APART if row["p_holm"] < LEVEL else NOT_TOLD_APART
