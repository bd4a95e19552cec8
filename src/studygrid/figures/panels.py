"""Small multiples: which there is room for, and what they share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import pandas as pd

from studygrid.figures import chosen_cells as chosen
from studygrid.results.study_results import StudyResults

T = TypeVar("T")

CELL_AXES = ["model", "resolution", "n_train"]
SPREAD_PERCENT = (10, 90)


def evenly(values: Sequence[T], most: int) -> list[T]:
    """Return at most `most` of some values in order: the first, the last and evenly between."""
    if len(values) <= most:
        return list(values)
    if most == 1:
        return [values[-1]]
    step = (len(values) - 1) / (most - 1)
    return [values[math.floor(position * step + 0.5)] for position in range(most)]


def spread_cells(study: StudyResults) -> pd.DataFrame:
    """Return the cells of the study's metric, with the spread of those with ten runs or more.

    Returns
    -------
    `metric_cells` and `spread_low`, `spread_high`, the percentiles of the runs; NaN below ten.
    """
    cells = chosen.metric_cells(study)
    values = chosen.metric_runs(study).groupby(CELL_AXES, sort=False)["value"]
    for name, percent in zip(("spread_low", "spread_high"), SPREAD_PERCENT, strict=True):
        found = values.quantile(percent / 100).rename(name).reset_index()
        cells = cells.merge(found, on=CELL_AXES, how="left")
        cells[name] = cells[name].where(cells["n"] >= chosen.DOTS_BELOW)
    return cells


def seed_dots(runs: pd.DataFrame, cells: pd.DataFrame, least: int = 2) -> pd.DataFrame:
    """Return the runs to draw as dots: with a value, in cells of `least` to nine such runs."""
    few = cells.loc[(cells["n"] >= least) & (cells["n"] < chosen.DOTS_BELOW)]
    return chosen.runs_of(runs, few).dropna(subset=["value"])


def mark_words(counts: pd.Series[int]) -> str:
    """Return what marks, bars, dots and bands are, from how many runs each cell has."""
    counts = counts[counts > 0]
    words = chosen.mean_words(counts, dots=bool(counts.between(2, chosen.DOTS_BELOW - 1).any()))
    if not (counts >= chosen.DOTS_BELOW).any():
        return words
    low, high = SPREAD_PERCENT
    return (
        f"{words} Pale bands are the spread of the runs of a cell with {chosen.DOTS_BELOW} seeds "
        f"or more, from the {low}th to the {high}th percentile; they are no intervals."
    )


def sizes_in_order(cells: pd.DataFrame) -> list[str]:
    """Return the training-set sizes of some cells, the smallest first, unknown ones last."""
    sizes = cells.drop_duplicates("n_train").sort_values("samples", kind="stable")
    return [str(size) for size in sizes["n_train"]]


def no_value_words(study: StudyResults) -> str:
    """Return why there is nothing of the study's metric to draw."""
    runs = chosen.run_words(chosen.metric_runs(study), "in the study")
    return f"No run has a value of the {study.split} {study.metric.label} yet. {runs}"
