"""A ranking puts the best first and says what the seeds can tell from it, and what they cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from studygrid.grid import Run
from studygrid.plan import Plan
from studygrid.records import Status
from studygrid.results.study_results import StudyResults, study_results
from studygrid.statistics import holm
from studygrid.tables.rankings import COLUMNS, ranking
from tests.unit.made_records import small_plan, write_run

Scores = dict[tuple[str, int, int | str], list[float | None]]
DIVERGED: dict[str, Any] = {
    "status": Status.DIVERGED, "reason": "the loss was NaN", "checkpoint": None,
    "stopped_by": "failure", "best_value": None,
}  # fmt: skip
A, B, C = ("simple_cnn", 48, "all"), ("tiny_cnn", 48, "all"), ("simple_cnn", 48, 64)
D = ("tiny_cnn", 48, 64)


def plan_of(seeds: int, **changes: Any) -> Plan:
    grid = {"resolution": 48, "n_train": ["all", 64], "seed": seeds}
    return small_plan(grid=grid, profiling={"enabled": False}, **changes)


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., StudyResults]:
    """Return a study with the scores given, by cell and seed; None diverged, the rest missing."""

    def make(scores: Scores, seeds: int = 3, **changes: Any) -> StudyResults:
        plan = plan_of(seeds, **changes)
        for cell, of_seeds in scores.items():
            for seed, score in enumerate(of_seeds):
                failed = DIVERGED if score is None else {}
                write_run(plan, tmp_path, Run(*cell, seed), score or 0.0, **failed)
        return study_results(plan, tmp_path)

    return make


def cells(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    return [
        (model, side, size if size == "all" else int(size))
        for model, side, size in zip(
            frame["model"], frame["resolution"], frame["n_train"], strict=True
        )
    ]


def row_of(frame: pd.DataFrame, cell: tuple[Any, ...]) -> pd.Series[Any]:
    return frame.iloc[cells(frame).index(cell)]


def test_the_best_comes_first_and_every_cell_is_there(made: Callable[..., StudyResults]) -> None:
    study = made({A: [0.7, 0.8, 0.9], B: [0.8, 0.9, 1.0], C: [0.1, 0.2, 0.3]})
    frame = ranking(study)
    assert list(frame) == COLUMNS
    assert cells(frame) == [B, A, C, D]
    assert frame["rank"].tolist() == [1, 2, 3, pd.NA]
    assert frame["n"].tolist() == [3, 3, 3, 0]
    assert frame["missing"].tolist() == [0, 0, 0, 3]
    assert frame["verdict"].iloc[0] == "best"


def test_where_less_is_better_the_least_is_the_best(made: Callable[..., StudyResults]) -> None:
    study = made({A: [0.7, 0.8, 0.9], B: [0.8, 0.9, 1.0]}, report={"metric": "loss"})
    frame = ranking(study)
    assert cells(frame)[:2] == [A, B]
    assert row_of(frame, B)["difference"] == pytest.approx(0.1)


def test_differences_and_p_values_are_scipys_over_the_shared_seeds(
    made: Callable[..., StudyResults],
) -> None:
    best, second, third = np.random.default_rng(1).normal([[0.9], [0.8], [0.5]], 0.03, (3, 5))
    study = made({A: [*best], B: [*second], C: [None, *third[1:]]}, seeds=5)
    frame = ranking(study)
    tests = [scipy.stats.ttest_rel(second, best), scipy.stats.ttest_rel(third[1:], best[1:])]
    corrected = holm([float(test.pvalue) for test in tests])
    for cell, pairs, test, p in zip([B, C], [5, 4], tests, corrected, strict=True):
        row, interval = row_of(frame, cell), test.confidence_interval(0.95)
        assert row["pairs"] == pairs
        assert row["p_value"] == pytest.approx(float(test.pvalue))
        assert row["p_holm"] == pytest.approx(p)
        assert row["difference_ci_low"] == pytest.approx(interval.low)
        assert row["difference_ci_high"] == pytest.approx(interval.high)
        assert row["smallest_exact_p"] == 2.0 ** (1 - pairs)
    assert row_of(frame, C)["difference"] == pytest.approx((third[1:] - best[1:]).mean())
    assert row_of(frame, C)["verdict"] == "told apart"
    assert frame.loc[0, ["pairs", "difference", "p_value", "p_holm"]].isna().all()


def test_a_cell_is_told_apart_only_after_the_correction_of_all_comparisons(
    made: Callable[..., StudyResults],
) -> None:
    scores: Scores = {A: [0.90, 0.91, 0.92], B: [0.79, 0.85, 0.85], C: [0.85, 0.80, 0.90]}
    alone = row_of(ranking(made({key: scores[key] for key in (A, B)})), B)
    assert (alone["p_holm"], alone["verdict"]) == (alone["p_value"], "told apart")
    together = row_of(ranking(made(scores)), B)
    assert together["p_value"] == alone["p_value"]
    assert together["p_holm"] > 0.05
    assert together["verdict"] == "not told apart"


def test_differences_that_are_the_same_in_every_seed_are_not_tested(
    made: Callable[..., StudyResults],
) -> None:
    row = row_of(ranking(made({A: [0.5, 0.75], B: [0.25, 0.5]}, seeds=2)), B)
    assert (row["exact_p_value"], row["verdict"]) == (0.5, "no seed noise")
    assert pd.isna(row["p_value"])
    assert pd.isna(row["p_holm"])


def test_with_one_seed_there_is_a_ranking_and_no_verdict(made: Callable[..., StudyResults]) -> None:
    frame = ranking(made({A: [0.5], B: [0.75]}, seeds=1))
    assert cells(frame)[:2] == [B, A]
    row = row_of(frame, A)
    assert (row["difference"], row["pairs"], row["verdict"]) == (-0.25, 1, "too few seeds")
    assert pd.isna(row["p_holm"])
    assert frame[["p_value", "p_holm", "ci_low"]].dtypes.eq("float64").all()


def test_without_a_shared_seed_there_are_too_few(made: Callable[..., StudyResults]) -> None:
    row = row_of(ranking(made({A: [0.5, 0.6, None, None], B: [None, None, 0.7, 0.8]}, seeds=4)), A)
    assert (row["pairs"], row["verdict"], row["failed"]) == (0, "too few seeds", 2)
    assert pd.isna(row["difference"])


def test_cells_of_one_mean_share_a_rank_and_the_next_is_counted_on(
    made: Callable[..., StudyResults],
) -> None:
    # Means of the same scores in another order differ in their last bits.
    frame = ranking(made({A: [0.1, 0.7, 0.4], B: [0.7, 0.4, 0.1], C: [0.0, 0.1, 0.2]}))
    assert set(cells(frame)[:2]) == {A, B}
    assert frame["rank"].tolist() == [1, 1, 3, pd.NA]
    assert frame["verdict"].tolist() == ["best", "best", "not told apart", ""]


def test_a_study_without_a_result_has_a_ranking_without_ranks(
    made: Callable[..., StudyResults],
) -> None:
    frame = ranking(made({A: [None, None, None]}))
    assert len(frame) == 4
    assert frame["rank"].isna().all()
    assert set(frame["verdict"]) == {""}
    assert row_of(frame, A)["failed"] == 3


def test_a_run_whose_metric_is_undefined_counts_and_has_no_score(
    made: Callable[..., StudyResults],
) -> None:
    study = made({A: [0.5, 0.6, 0.7], B: [0.6, 0.7, 0.8]})
    frame, column = study.frame.copy(), f"test_{study.metric.name}"
    frame.loc[(frame["model"] == "tiny_cnn") & (frame["seed"] == 0), column] = np.nan
    changed = StudyResults(study.plan, study.folder, frame, study.summary, study.facts)
    assert row_of(ranking(changed), A)["pairs"] == 2
