"""The numbers of cells: means over their seeds, with Student's t interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from studygrid.figures import chosen_cells as chosen
from studygrid.named_reports.figures.cells import Cells
from studygrid.statistics.intervals import summarise


def cell_numbers(cells: Cells, values: pd.Series[float]) -> pd.DataFrame:
    """Summarise a measure of the runs, cell by cell.

    Parameters
    ----------
    values
        One a run, in the order and with the index of ``cells.runs``; NaN where a run has none.

    Returns
    -------
    One row a cell, in their order: the columns of ``cells.table``, `runs` (how many it has), `n`
        (how many have a value), `mean`, `ci_low` and `ci_high` (95 % Student t; NaN below two
        values, and where a seed stands twice), and `repeated`, whether one does.
    """
    runs = cells.runs.assign(value=values)
    rows = []
    for cell in cells.table["cell"]:
        own = runs.loc[runs["cell"] == cell]
        there = own.dropna(subset=["value"])
        found = summarise(there["value"].to_numpy(float))
        repeated = _repeats_a_seed(there)
        low, high = (None, None) if repeated else (found.ci_low, found.ci_high)
        rows.append(
            {
                "cell": cell,
                "runs": len(own),
                "n": found.n,
                "mean": _or_nan(found.mean),
                "ci_low": _or_nan(low),
                "ci_high": _or_nan(high),
                "repeated": repeated,
            }
        )
    return cells.table.merge(pd.DataFrame(rows), on="cell")


def _repeats_a_seed(runs: pd.DataFrame) -> bool:
    """Tell whether two runs of a cell have one seed: they are no two draws of it."""
    seeds = runs["seed"].dropna() if "seed" in runs else pd.Series(dtype=float)
    return bool(seeds.duplicated().any())


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def dots_of(cells: Cells, values: pd.Series[float], shown: pd.DataFrame) -> pd.DataFrame:
    """Return the runs to draw as dots: with a value, in cells of two to nine such runs."""
    few = shown.loc[(shown["n"] >= 2) & (shown["n"] < chosen.DOTS_BELOW), "cell"]
    runs = cells.runs.assign(value=values)
    return runs.loc[runs["cell"].isin(few)].dropna(subset=["value"])


def mean_words(shown: pd.DataFrame) -> list[str]:
    """Return what marks, bars and dots are, of the rows of `cell_numbers` that are drawn."""
    few = shown["n"].between(2, chosen.DOTS_BELOW - 1)
    parts = [chosen.mean_words(shown["n"], dots=bool(few.any()))]
    single = int((shown["n"] == 1).sum())
    if single and single < len(shown):
        parts.append(
            f"{single} of the {len(shown)} are single runs, without an interval: their place "
            "among the others is chance as much as merit."
        )
    repeated = int(shown["repeated"].sum())
    if repeated:
        cells = "cell has" if repeated == 1 else "cells have"
        parts.append(f"{repeated} {cells} a seed twice, and so no interval.")
    return parts


def without_value_words(every: pd.DataFrame, what: str) -> str:
    """Return how many runs have no value of a measure, of the rows of `cell_numbers`."""
    without = int((every["runs"] - every["n"]).sum())
    if not without:
        return ""
    runs = int(every["runs"].sum())
    has = "has" if without == 1 else "have"
    return f"{without} of the {runs} runs {has} no {what}."


def along_words(cells: Cells, parts: Sequence[str] = ()) -> str:
    """Return which settings change in step with what is compared, as a sentence."""
    if not cells.along:
        return ""
    names = ", ".join(chosen.short(name) for name in cells.along)
    return f"Set apart from these together with what is compared: {names}."
