"""Which cells the seeds can tell from the best: the table that the built-in reports rest on."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from studygrid.named_reports.figures.cell_numbers import cell_numbers
from studygrid.named_reports.figures.cells import Cells, value_words
from studygrid.report.numbers import counted
from studygrid.tables.rankings import (
    BEST,
    NO_NOISE,
    NOT_TOLD_APART,
    TOLD_APART,
    TOO_FEW,
    ranked,
)

COLUMNS = [
    "rank",
    "cell",
    "mean",
    "ci_low",
    "ci_high",
    "n",
    "runs",
    "difference",
    "difference_ci_low",
    "difference_ci_high",
    "p_holm",
    "verdict",
]
HEADINGS = {
    "rank": "Rank",
    "cell": "Cell",
    "mean": "Mean",
    "ci_low": "95 % interval, low",
    "ci_high": "95 % interval, high",
    "n": "n",
    "runs": "Runs",
    "difference": "Difference to the best",
    "difference_ci_low": "Its 95 % interval, low",
    "difference_ci_high": "Its 95 % interval, high",
    "p_holm": "p (paired t, Holm)",
    "verdict": "Verdict",
    "task": "Of",
}
SINGLE_RUNS = "single run"


def ranking_of(cells: Cells, values: pd.Series[float], *, by: tuple[str, ...]) -> pd.DataFrame:
    """Rank cells by a measure of which less is better, among those that share some settings.

    Each is compared with the best over the seeds that they share: see
    `studygrid.tables.rankings.ranked`. Cells of a single run, or with a seed twice, stand behind
    without a rank: their verdict is ``single run``.

    Parameters
    ----------
    values
        One a run, in the order of ``cells.runs``.
    by
        Settings of which every combination is ranked by itself.

    Returns
    -------
    One row a cell: `task`, the settings that it is ranked within, and `COLUMNS`.
    """
    numbers = cell_numbers(cells, values)
    keys = [name for name in by if name in cells.told_by]
    groups = [((), numbers)] if not keys else list(numbers.groupby(keys, sort=False))
    parts = []
    for key, own in groups:
        words = ", ".join(value_words(*item) for item in zip(keys, map(str, key), strict=True))
        parts.append(_ranked(cells, own, values, keys).assign(task=words))
    return pd.concat(parts, ignore_index=True)[["task", *COLUMNS]]


def _ranked(
    cells: Cells, numbers: pd.DataFrame, values: pd.Series[float], said: Sequence[str]
) -> pd.DataFrame:
    """Rank cells as those of a study are, each a model of its own."""
    names = {cell: cells.words(cell, said) or "all runs" for cell in numbers["cell"]}
    is_many = (numbers["n"] > 1) & ~numbers["repeated"] & ("seed" in cells.runs)
    others = numbers.loc[~is_many].sort_values("n", ascending=False, kind="stable")
    others = others.assign(verdict=[SINGLE_RUNS if n else "" for n in others["n"]])
    others = others.assign(cell=others["cell"].map(names)).reindex(columns=COLUMNS)
    if not is_many.any():
        return others.reset_index(drop=True)
    numbers = numbers.loc[is_many]
    rows = numbers.rename(columns={"cell": "model", "runs": "planned"}).assign(
        resolution=0, n_train="", metric="", failed=0, missing=0
    )
    own = cells.runs.assign(value=values).loc[cells.runs["cell"].isin(numbers["cell"])]
    runs = own[["cell", "seed", "value"]].rename(columns={"cell": "model"})
    runs = runs.assign(resolution=0, n_train="", status="ok")
    found = ranked(rows, runs, "value", higher_is_better=False)
    found = found.rename(columns={"model": "cell", "planned": "runs"})
    found = found.assign(cell=found["cell"].map(names)).reindex(columns=COLUMNS)
    return pd.concat([found, others], ignore_index=True) if len(others) else found


def answer_words(ranking: pd.DataFrame, what: str) -> list[str]:
    """Return what a ranking says in sentences, one for each group; never of single runs."""
    return [_answer(str(task), own, what) for task, own in ranking.groupby("task", sort=False)]


def _answer(task: str, ranking: pd.DataFrame, what: str) -> str:
    where = f"At {task}: " if task else ""
    there = ranking.loc[ranking["n"] > 0]
    if there.empty:
        return f"{where}{'no' if where else 'No'} run has {what}."
    single = int((there["verdict"] == SINGLE_RUNS).sum())
    if single == len(there):
        return (
            f"{where}{'every' if where else 'Every'} cell is a single run, or has one seed twice: "
            f"nothing tells the noise of a seed from a difference in {what}, so none is called the "
            "best."
        )
    there = there.loc[there["verdict"] != SINGLE_RUNS]
    note = (
        f" {counted(single, 'cell')} of a single run, or with one seed twice, "
        f"{'is' if single == 1 else 'are'} not ranked."
        if single
        else ""
    )
    the = "the" if where else "The"
    best = there.loc[there["verdict"] == BEST]
    first = best.iloc[0]
    others = len(there) - len(best)
    mean = (
        f"{first['mean']:.4g} (95 % interval {first['ci_low']:.4g} to {first['ci_high']:.4g}, "
        f"n = {first['n']})"
    )
    if not others:
        only = "is the only cell; its" if len(best) == 1 else "shares the lowest"
        return f"{where}{first['cell']} {only} mean of {what}: {mean}.{note}"
    words = f"{where}{the} lowest mean of {what} is that of {first['cell']}: {mean}."
    counts = there["verdict"].value_counts()
    told = [
        (TOLD_APART, "are told apart from it"),
        (NOT_TOLD_APART, "are not told apart from it, which does not make them equal"),
        (TOO_FEW, "share too few seeds with it to tell"),
        (NO_NOISE, "differ from it by the same in every seed"),
    ]
    parts = [f"{counts[name]} {said}" for name, said in told if counts.get(name, 0)]
    return f"{words} Of the other {others} cells " + ", ".join(parts) + f".{note}"
