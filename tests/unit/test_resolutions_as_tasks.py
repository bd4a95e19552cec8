"""Families whose resolutions are different tasks: cells are ranked at one resolution alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from studygrid.figures.best_against_throughput import best_against_throughput
from studygrid.figures.chosen_cells import best_cells
from studygrid.figures.cost import cost
from studygrid.figures.metric_heatmap import metric_heatmap
from studygrid.figures.seed_spread import seed_spread
from studygrid.figures.time_to_threshold import time_to_threshold
from studygrid.interchange.results_summary import results_summary
from studygrid.interchange.text_report import detailed_report
from studygrid.report.answers import answers
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import study_tables
from studygrid.tables.rankings import ranking
from tests.unit.tagvae_studies import BASELINES, MODELS, tag_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    models = {"small": MODELS["small"], **BASELINES}
    grid = {"resolution": [16, 26], "n_train": ["all"], "seed": 3}
    return tag_study(tmp_path_factory.mktemp("tags"), models=models, grid=grid)


def test_a_smaller_vocabulary_scores_better_and_is_not_ranked_first(study: StudyResults) -> None:
    means = study.summary.loc[study.summary["metric"] == "test_elbo"].groupby("resolution")["mean"]
    assert means.max()[16] > means.max()[26]
    table = ranking(study)
    assert table["resolution"].tolist() == [26] * 3 + [16] * 3
    assert table["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    assert (table["verdict"] == "best").sum() == 2
    assert set(best_cells(study)["resolution"]) == {26}


def test_figures_compare_at_the_largest_resolution(study: StudyResults) -> None:
    for drawing in (cost(study), best_against_throughput(study)):
        assert set(drawing.table["resolution"]) == {26}
        assert "Each vocabulary is ranked by itself" in drawing.caption
    spread = seed_spread(study).table.drop_duplicates(["model", "resolution"])
    assert spread.sort_values("rank")["resolution"].tolist() == [26] * 3 + [16] * 3
    best = metric_heatmap(study).table.query("best")
    assert sorted(best["resolution"]) == [16, 26]
    assert time_to_threshold(study).table.empty


def test_words_say_why(study: StudyResults) -> None:
    found = {answer.name: " ".join(answer.sentences) for answer in answers(study)}
    assert "Each vocabulary is ranked by itself" in found["best"]
    assert "26 tags" in found["best"]
    assert "16 tags" not in found["best"]
    assert not any("bought" in words and "16" in words for words in found.values())
    assert any("by itself" in table.note for table in study_tables(study))


def test_no_mean_is_over_several_tasks(study: StudyResults) -> None:
    summary = results_summary(study)
    assert summary["statistics"]["overall"]["metrics"]["elbo"]["avg"] is None
    assert summary["statistics"]["by_resolution"]["26"]["metrics"]["elbo"]["avg"] is not None
    assert [entry["resolution"] for entry in summary["top_5_results"]] == [26, 26, 26, 16, 16]
    assert "not comparable between these cells" in detailed_report(study)


def test_one_vocabulary_is_ranked_as_ever(tmp_path: Path) -> None:
    models = {"small": MODELS["small"], **BASELINES}
    grid = {"resolution": [16], "n_train": ["all"], "seed": 3}
    alone = tag_study(tmp_path, models=models, grid=grid)
    assert alone.tasks_differ is None
    assert ranking(alone)["rank"].tolist() == [1, 2, 3]
    assert not time_to_threshold(alone).table.empty
