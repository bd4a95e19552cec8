"""One score of several metrics: their weighted mean, run by run."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from studygrid.families.base import Metric
from studygrid.results.study_results import StudyResults
from studygrid.statistics import summarise

SCORE = "score"
_CELL = ["model", "resolution", "n_train"]


def shares(study: StudyResults) -> dict[str, float]:
    """Return the weights of the config, divided by their sum; none where it names none."""
    weights = study.plan.study.report.ranking.weights
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def scaled(metric: Metric, values: pd.Series[float]) -> pd.Series[float]:
    """Return values of a metric on a scale from 0, its worst, to 1, its best."""
    assert metric.bounds is not None
    low, high = metric.bounds
    share = (values - low) / (high - low)
    return share if metric.higher_is_better else 1 - share


def weighted_runs(study: StudyResults, weights: Mapping[str, float]) -> pd.DataFrame:
    """Return every run with the weighted mean of its scaled test metrics.

    Returns
    -------
    One row a run: its axes, `status`, `score`, NaN where one of the metrics has no value, and
        the metrics as they are (``test_<name>``).
    """
    names = [f"test_{name}" for name in weights]
    runs = study.frame[[*_CELL, "seed", "status", *names]].copy()
    parts = [
        share * scaled(study.family.metric(name), runs[f"test_{name}"].astype(float))
        for name, share in weights.items()
    ]
    runs[SCORE] = pd.concat(parts, axis=1).sum(axis=1, skipna=False)
    return runs


def weighted_cells(study: StudyResults, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of `weighted_runs`, with the columns that `tables.rankings.ranked` needs.

    The mean and its Student-t interval are over the runs' scores: metrics of one run go up and
    down together, so intervals of the parts would not add up to that of the score.
    """
    counted = study.summary.drop_duplicates(_CELL)[[*_CELL, "planned", "failed", "missing"]]
    groups = {cell: own[SCORE].dropna() for cell, own in runs.groupby(_CELL, sort=False)}
    rows = []
    for row in counted.to_dict("records"):
        cell = tuple(row[axis] for axis in _CELL)
        if cell not in groups:
            continue
        found = summarise(groups[cell].to_numpy(float))
        numbers = {"n": found.n, "mean": found.mean, "ci_low": found.ci_low}
        rows.append(row | {"metric": SCORE} | numbers | {"ci_high": found.ci_high})
    return pd.DataFrame(rows)
