"""Differences within pairs of models, seed by seed, along the training-set size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from studygrid.families.base import Family, Metric
from studygrid.figures import chosen_cells as chosen
from studygrid.results.not_said import NOT_SAID
from studygrid.results.pairing import NUMBERED, pairing_seeds
from studygrid.results.pairs import Pair
from studygrid.results.study_results import StudyResults
from studygrid.statistics.crossover import Crossover, find_crossover

# Of metrics that each part of the predictions has, beside that of the study.
_MEASURES = ("ssim", "mae", "frc50_frequency")
_MOST_METRICS = 6


@dataclass(frozen=True)
class PairDifference:
    """One metric of a pair at one resolution.

    Attributes
    ----------
    sizes, samples
        The training-set sizes at which both models have a planned run, as the config has them and
        in samples, ascending; those whose number no run tells are left out.
    seeds
        What pairs the runs.
    first, second
        The values of both models, shape (sizes, seeds), NaN where a run has none.
    planned
        How many pairs of each size were planned.
    """

    pair: Pair
    metric: Metric
    resolution: int
    sizes: tuple[str, ...]
    samples: tuple[float, ...]
    seeds: tuple[int, ...]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    planned: tuple[int, ...]

    @property
    def values(self) -> NDArray[np.float64]:
        """Shape (sizes, seeds): by how much the first is better, below zero where it is worse."""
        sign = 1.0 if self.metric.higher_is_better else -1.0
        # The order of addition alone changes the last bits.
        same = np.isclose(self.first, self.second, rtol=1e-12, atol=0)
        return np.where(same, 0.0, sign * (self.first - self.second))

    @property
    def has_values(self) -> bool:
        """Whether any pair has both values."""
        return bool((~np.isnan(self.values)).any())

    @property
    def has_dots(self) -> bool:
        """Whether each seed is drawn: there are several and few enough."""
        counts = (~np.isnan(self.values)).sum(axis=1)
        return bool(1 < counts.max(initial=0) < chosen.DOTS_BELOW)

    @property
    def crossover(self) -> Crossover:
        """Where the mean of `values` changes its sign; sizes without a pair are not in it."""
        return find_crossover(self.samples, self.values)


def compared_metrics(family: Family, primary: str) -> list[Metric]:
    """Return the metrics by which pairs are compared, at most six, that of the study among them.

    Where a family has one measure of several parts of its predictions, as of amplitude and phase,
    they are that of the study and some others, each of all parts. What is in units of a loss is
    left out: the losses of a pair differ.
    """
    metrics = [metric for metric in family.metrics if not metric.of_loss]
    study = family.metric(primary)
    parts = list(dict.fromkeys(metric.group for metric in metrics if metric.group))
    own = measure_of(study)
    measures = list(dict.fromkeys([own, *_MEASURES]))
    found = [
        metric
        for measure in measures
        for metric in metrics
        if metric.group in parts and measure_of(metric) == measure
    ]
    if len({metric.group for metric in found if measure_of(metric) == own}) < 2:
        found = [study, *(metric for metric in metrics if metric is not study)]
    return [metric for metric in found if not metric.of_loss][:_MOST_METRICS]


def measure_of(metric: Metric) -> str:
    """Return what a metric measures of its part: ``ssim`` of ``phase_ssim``."""
    return metric.name.removeprefix(f"{metric.group.lower()}_")


def pair_difference_of(
    study: StudyResults, pair: Pair, metric: Metric, resolution: int
) -> PairDifference:
    """Return a metric of a pair at a resolution."""
    here = study.frame.loc[
        (study.frame["resolution"] == resolution) & (study.frame["n_train"] != NOT_SAID)
    ]
    runs = here.assign(pair_seed=pairing_seeds(here))
    of = {model: runs.loc[runs["model"] == model] for model in (pair.first, pair.second)}
    samples = chosen.sample_counts(study.frame, resolution)
    shared = set(of[pair.first]["n_train"]) & set(of[pair.second]["n_train"])
    known = [size for size in shared if not pd.isna(samples[size])]
    sizes = _of_different_counts(sorted(known, key=lambda size: (samples[size], size)), samples)
    seeds = sorted(set(runs["pair_seed"]))
    planned = [_planned(of[pair.first], of[pair.second], size) for size in sizes]
    return PairDifference(
        pair,
        metric,
        resolution,
        tuple(sizes),
        tuple(samples[size] for size in sizes),
        tuple(seeds),
        _values(of[pair.first], metric, sizes, seeds),
        _values(of[pair.second], metric, sizes, seeds),
        tuple(planned),
    )


def _of_different_counts(sizes: Sequence[str], samples: dict[str, float]) -> list[str]:
    """Return the sizes, of equal ones the first: ``all`` may be as many as the largest number."""
    found: dict[float, str] = {}
    for size in sizes:
        found.setdefault(samples[size], size)
    return list(found.values())


def _planned(first: pd.DataFrame, second: pd.DataFrame, size: str) -> int:
    seeds = [set(runs.loc[runs["n_train"] == size, "seed"]) for runs in (first, second)]
    return len(seeds[0] & seeds[1])


def _values(
    runs: pd.DataFrame, metric: Metric, sizes: Sequence[str], seeds: Sequence[int]
) -> NDArray[np.float64]:
    column = f"test_{metric.name}"
    ok = runs.loc[runs["status"] == "ok"]
    values = np.full((len(sizes), len(seeds)), np.nan)
    for size, seed, value in zip(ok["n_train"], ok["pair_seed"], ok[column], strict=True):
        if size in sizes:
            values[sizes.index(size), seeds.index(seed)] = np.nan if value is None else value
    return values


def unpaired_words(study: StudyResults) -> str:
    """Return why no two runs of a pair can be compared."""
    if NUMBERED in study.frame and study.frame[NUMBERED].any():
        return (
            "Files name no seeds, so no two runs are known to share a training subset: nothing is "
            "compared pair by pair."
        )
    return "No two runs of a pair share a seed and have both a score: there is nothing to compare."


def pair_resolution(study: StudyResults, pair: Pair) -> int | None:
    """Return the largest resolution at which the pair shares a scored seed at most sizes."""
    counts: dict[int, int] = {}
    for resolution in study.order["resolution"]:
        found = pair_difference_of(study, pair, study.metric, resolution)
        counts[resolution] = int((~np.isnan(found.values)).any(axis=1).sum())
    best = max(counts.values(), default=0)
    if not best:
        return None
    return max(resolution for resolution, count in counts.items() if count == best)
