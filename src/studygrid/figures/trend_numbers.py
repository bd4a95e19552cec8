"""Metrics against training-set size in numbers: each cell, its runs, and what does not learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.reference_lines import Reference, chance_at, median_reference
from studygrid.results.one_setting import models_without_learning
from studygrid.results.study_results import StudyResults

QUARTILES = (0.25, 0.75)
Cell = tuple[str, str]  # model, size


@dataclass(frozen=True)
class Trend:
    """One metric at one resolution.

    Attributes
    ----------
    runs
        The runs of models that learn: `model`, `n_train`, `samples`, `seed`, `status`, `value`.
    cells
        Their cells: `model`, `n_train`, `samples`, `n` runs with a value of `planned`, `median`,
        `spread_low` and `spread_high` (the quartiles, of two runs or more), `mean`, `ci_low`,
        `ci_high`; in the order of the samples.
    references
        The models that do not learn and have a value.
    chance
        What a guesser that ignores the input scores.
    """

    metric: str
    runs: pd.DataFrame
    cells: pd.DataFrame
    references: tuple[Reference, ...]
    chance: float | None

    @property
    def is_empty(self) -> bool:
        """Whether no run has a value."""
        return not (self.cells["n"] > 0).any() and not self.references

    @cached_property
    def dots(self) -> pd.DataFrame:
        """The runs to draw as dots: with a value, in cells of two to nine such runs."""
        few = self.cells.loc[self.cells["n"].between(2, chosen.DOTS_BELOW - 1)]
        axes = ["model", "n_train"]
        return self.runs.dropna(subset=["value"]).merge(few[axes], on=axes, how="inner")


def trend_of(study: StudyResults, resolution: int, metric: str) -> Trend:
    """Return a metric of the runs at a resolution, in numbers."""
    fixed = models_without_learning(study.plan)
    samples = chosen.sample_counts(study.frame, resolution)
    runs = _runs(study, resolution, metric, samples)
    learning = runs.loc[~runs["model"].isin(fixed)]
    references = [
        median_reference(model, _values(runs.loc[runs["model"] == model])) for model in fixed
    ]
    return Trend(
        metric,
        learning.reset_index(drop=True),
        _cells(study, resolution, metric, learning, samples),
        tuple(one for one in references if one is not None),
        chance_at(study, resolution).get(metric),
    )


def _runs(
    study: StudyResults, resolution: int, metric: str, samples: Mapping[str, float]
) -> pd.DataFrame:
    own = study.frame.loc[study.frame["resolution"] == resolution]
    runs = own[["model", "n_train", "seed", "status"]].copy()
    runs["samples"] = [samples[size] for size in runs["n_train"]]
    runs["value"] = own[f"test_{metric}"].astype(float)
    return runs


def _values(runs: pd.DataFrame) -> list[float]:
    return [float(value) for value in runs["value"].dropna()]


def _cells(
    study: StudyResults,
    resolution: int,
    metric: str,
    learning: pd.DataFrame,
    samples: Mapping[str, float],
) -> pd.DataFrame:
    summary = study.summary.loc[
        (study.summary["metric"] == f"test_{metric}")
        & (study.summary["resolution"] == resolution)
        & study.summary["model"].isin(set(learning["model"]))
    ]
    names = ["model", "n_train", "planned", "n", "median", "mean", "ci_low", "ci_high"]
    cells = summary[names].reset_index(drop=True)
    values = learning.groupby(["model", "n_train"], sort=False)["value"]
    for name, share in zip(("spread_low", "spread_high"), QUARTILES, strict=True):
        found = values.quantile(share).rename(name).reset_index()
        cells = cells.merge(found, on=["model", "n_train"], how="left")
        cells[name] = cells[name].where(cells["n"] > 1)
    cells["samples"] = [samples[size] for size in cells["n_train"]]
    return cells.sort_values("samples", kind="stable").reset_index(drop=True)


def lacking_words(trends: Sequence[Trend], labels: Mapping[str, str]) -> str:
    """Return which cells have fewer runs with a value than planned.

    A cell is named once for what all metrics lack, as of runs that failed; metrics that lack more
    than that are named with the cells in which they do.

    Parameters
    ----------
    trends
        Those of which some run has a value.
    labels
        What metrics are called, by name.
    """
    most: dict[Cell, int] = {}
    planned: dict[Cell, int] = {}
    for trend in trends:
        for cell, count, of in _counts(trend):
            most[cell] = max(most.get(cell, 0), count)
            planned[cell] = of
    failed = {cell: count for cell, count in most.items() if count < planned[cell]}
    words = f"Fewer seeds with a score than planned: {_cell_words(failed, planned)}."
    parts = [words] if failed else []
    lacking: dict[str, list[str]] = {}
    for trend in trends:
        fewer = {cell: count for cell, count, _ in _counts(trend) if count < most[cell]}
        if fewer:
            lacking.setdefault(_cell_words(fewer, planned), []).append(labels[trend.metric])
    parts += [f"Fewer have {', '.join(names)}: {cells}." for cells, names in lacking.items()]
    return " ".join(parts)


def _counts(trend: Trend) -> list[tuple[Cell, int, int]]:
    """Return each cell with how many of how many runs have a value."""
    cells = trend.cells
    names = zip(cells["model"], cells["n_train"].astype(str), strict=True)
    return list(zip(names, cells["n"].astype(int), cells["planned"].astype(int), strict=True))


def _cell_words(counts: Mapping[Cell, int], planned: Mapping[Cell, int]) -> str:
    found: dict[str, list[str]] = {}
    for (model, size), count in counts.items():
        own = found.setdefault(chosen.short(model), [])
        own.append(f"{size} ({count} of {planned[model, size]})")
    return "; ".join(f"{model} at {', '.join(cells)}" for model, cells in found.items())
