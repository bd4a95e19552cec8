"""The seeds of every cell, the best cell first."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from studygrid.figures.drawing import Drawing
from studygrid.figures.seed_spread import seed_spread
from studygrid.grid import Run
from studygrid.statistics import summarise
from tests.unit.figure_studies import Outcome, made_study, score, without_layout  # noqa: F401

pytestmark = [
    pytest.mark.filterwarnings("error"),
    pytest.mark.usefixtures("without_layout"),
]


def rows(drawing: Drawing) -> list[str]:
    """Return the labels of the rows, from the top."""
    (axes,) = drawing.figure.axes
    low, high = axes.get_ylim()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    return labels if low > high else labels[::-1]


@pytest.mark.parametrize("metric", ["accuracy", "loss"])
def test_cells_stand_in_the_order_of_their_means_the_best_at_the_top(
    metric: str, tmp_path: Path
) -> None:
    study = made_study(tmp_path, metric=metric)
    drawing = seed_spread(study)
    means = study.frame.groupby(["model", "resolution", "n_train"])[f"test_{metric}"].mean()
    ranked = means.sort_values(ascending=metric == "loss")
    names = {"128": "128 samples", "512": "512 samples", "all": "all 1599 samples"}
    assert rows(drawing) == [f"{model}, {side} px, {names[n]}" for model, side, n in ranked.index]
    table = drawing.table[drawing.table.kind == "mean"]
    assert table["rank"].tolist() == list(range(1, 19))
    assert table["value"].tolist() == pytest.approx(ranked.tolist())


def test_every_run_is_a_dot_on_the_row_of_its_cell(tmp_path: Path) -> None:
    study = made_study(tmp_path)
    drawing = seed_spread(study)
    (axes,) = drawing.figure.axes
    drawn = sorted(
        (float(x), float(y))
        for line in axes.lines
        if line.get_marker() not in ("None", "|")
        for x, y in np.asarray(line.get_xydata())
    )
    dots = drawing.table[drawing.table.kind == "seed"]
    assert drawn == sorted(zip(dots["value"], dots["rank"], strict=True))
    assert sorted(dots["value"]) == sorted(study.frame["test_accuracy"])


def test_the_table_has_the_interval_of_each_mean(tmp_path: Path) -> None:
    study = made_study(tmp_path, models=["a"], resolutions=[32], sizes=["all"], seeds=5)
    table = seed_spread(study).table
    mean = table[table.kind == "mean"].iloc[0]
    expected = summarise(study.frame["test_accuracy"].to_numpy())
    assert (mean["value"], mean["sd"]) == (expected.mean, expected.sd)
    assert (mean["ci_low"], mean["ci_high"]) == (expected.ci_low, expected.ci_high)
    assert (mean["n"], mean["planned"]) == (5, 5)


def test_an_axis_with_one_value_is_not_repeated_on_every_row(tmp_path: Path) -> None:
    study = made_study(tmp_path, resolutions=[32], sizes=["all"])
    assert set(rows(seed_spread(study))) == {"tiny", "wide", "deep"}


def test_from_ten_seeds_on_a_band_called_spread_stands_for_the_dots(tmp_path: Path) -> None:
    study = made_study(tmp_path, models=["a"], resolutions=[32], sizes=["all"], seeds=10)
    drawing = seed_spread(study)
    (row,) = drawing.table.itertuples()
    expected = np.quantile(study.frame["test_accuracy"], [0.1, 0.9])
    assert [row.spread_low, row.spread_high] == pytest.approx(expected)
    assert "they are no intervals" in drawing.caption
    assert "dots" not in drawing.caption


def test_a_single_run_is_a_dot(tmp_path: Path) -> None:
    drawing = seed_spread(made_study(tmp_path, models=["a"], seeds=1))
    assert drawing.table["kind"].value_counts().to_dict() == {"mean": 6, "seed": 6}
    assert "1 seed a cell, so there is no interval" in drawing.caption


def test_the_caption_sets_the_noise_of_seeds_against_the_cells(tmp_path: Path) -> None:
    values = {"a": [0.0, 0.2], "b": [1.0, 1.4]}
    study = made_study(
        tmp_path,
        models=["a", "b"],
        resolutions=[32],
        sizes=["all"],
        seeds=2,
        outcome=lambda run: values[run.model][run.seed],
    )
    # Variances 0.02 and 0.08 of one degree of freedom each; means 0.1 and 1.2.
    within, between = math.sqrt((0.02 + 0.08) / 2), 1.1 / math.sqrt(2)
    assert (
        f"Standard deviation of the runs of one cell, pooled over the cells: {within:.2g}; of "
        f"the means of the 2 cells: {between:.2g}." in seed_spread(study).caption
    )


def test_the_caption_names_the_marks_that_are_drawn(tmp_path: Path) -> None:
    caption = seed_spread(made_study(tmp_path)).caption
    assert "Upright strokes are means over n = " in caption
    assert ", marks the runs, horizontal bars the 95 %" in caption


def test_rows_say_how_many_of_the_planned_runs_they_show(tmp_path: Path) -> None:
    def outcome(run: Run) -> Outcome:
        if run.model == "wide":
            return "missing"
        return "oom" if (run.model, run.seed) == ("tiny", 2) else score(run)

    drawing = seed_spread(made_study(tmp_path, sizes=["all"], outcome=outcome))
    (axes,) = drawing.figure.axes
    assert [text.get_text() for text in axes.texts] == ["2 of 3", "2 of 3"]
    assert "Grey numbers: runs with a value, of those planned." in drawing.caption
    assert "Of 6 cells 2 have no result." in drawing.caption
    assert "10 ok, 2 ran out of memory, 6 missing" in drawing.caption


def test_of_many_cells_the_best_40_are_drawn(tmp_path: Path) -> None:
    sides = list(range(16, 16 * 15, 16))
    study = made_study(tmp_path, resolutions=sides, sizes=["all"], seeds=2)
    drawing = seed_spread(study)
    assert len(rows(drawing)) == 40
    assert "Drawn are the best 40 of 42 cells; summary_statistics.csv has all." in drawing.caption
    means = study.frame.groupby(["model", "resolution"])["test_accuracy"].mean().sort_values()
    drawn = drawing.table[drawing.table.kind == "mean"]["value"]
    assert sorted(drawn) == pytest.approx(means.tolist()[2:])
