"""The map of models and resolutions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from studygrid.figures.metric_heatmap import metric_heatmap
from studygrid.grid import Run
from tests.unit.figure_studies import Outcome, made_study, score, without_layout, words  # noqa: F401

pytestmark = [
    pytest.mark.filterwarnings("error"),
    pytest.mark.usefixtures("without_layout"),
]


def panels(axes: list[Axes]) -> list[Axes]:
    """Return the panels, without the colour bar and places that stay empty."""
    return [found for found in axes if found.get_title(loc="left")]


def fields(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_fill()]


def contrast(one: Any, other: Any) -> float:
    """Return the contrast of two colours, by the definition of WCAG 2.2 written out anew."""

    def luminance(colour: Any) -> float:
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in to_rgb(colour)
        )
        return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def by_cell(change: Callable[[str, int, Any], Outcome]) -> Callable[[Run], Outcome]:
    """Let runs end as `change` says for their cell; ``run`` stands for their own score."""

    def outcome(run: Run) -> Outcome:
        ending = change(run.model, run.resolution, run.n_train)
        return score(run) if ending == "run" else ending

    return outcome


def test_every_cell_is_a_field_with_its_mean(tmp_path: Path) -> None:
    study = made_study(tmp_path)
    drawing = metric_heatmap(study)
    maps = panels(drawing.figure.axes)
    assert [axes.get_title(loc="left") for axes in maps] == [
        "Trained on 128 samples",
        "Trained on 512 samples",
        "Trained on all 1599 samples",
    ]
    assert [label.get_text() for label in maps[0].get_yticklabels()] == ["tiny", "wide", "deep"]
    assert [label.get_text() for label in maps[0].get_xticklabels()] == ["32", "64"]
    means = study.frame.groupby(["model", "resolution", "n_train"])["test_accuracy"].mean()
    table = drawing.table.set_index(["model", "resolution", "n_train"])
    assert len(table) == 18
    for cell, mean in means.items():
        row = table.loc[cell]
        assert row["mean"] == pytest.approx(mean)
        assert float(row["shows"]) == pytest.approx(mean, abs=0.0006)
    shown = [text.get_text() for axes in maps for text in axes.texts]
    assert sorted(shown) == sorted(table["shows"])
    assert "54 ok" in drawing.caption


@pytest.mark.parametrize(("metric", "best"), [("accuracy", "idxmax"), ("loss", "idxmin")])
def test_the_best_field_is_framed_and_lightest_whichever_way_is_better(
    metric: str, best: str, tmp_path: Path
) -> None:
    study = made_study(tmp_path, metric=metric, sizes=["all"])
    drawing = metric_heatmap(study)
    assert drawing.table.index[drawing.table["best"]].tolist() == [
        getattr(drawing.table["mean"], best)()
    ]
    frames = [
        patch
        for axes in panels(drawing.figure.axes)
        for patch in axes.patches
        if not patch.get_fill()
    ]
    assert len(frames) == 2  # black around white
    all_fields = [field for axes in panels(drawing.figure.axes) for field in fields(axes)]
    lightest = max(all_fields, key=lambda field: contrast(field.get_facecolor()[:3], "black"))
    assert lightest.get_x() < frames[0].get_x() < lightest.get_x() + 1
    assert lightest.get_y() < frames[0].get_y() < lightest.get_y() + 1
    assert lightest.axes is frames[0].axes
    direction = "higher" if metric == "accuracy" else "lower"
    assert f"{direction} is better" in " ".join(drawing.figure.axes[-1].get_ylabel().split())
    assert f"{direction.capitalize()} is better" in drawing.caption


def test_numbers_can_be_read_on_every_colour(tmp_path: Path) -> None:
    models = [f"m{number}" for number in range(20)]
    study = made_study(tmp_path, models=models, resolutions=[32, 64], sizes=["all"], seeds=1)
    (axes,) = panels(metric_heatmap(study).figure.axes)
    colours = {
        (round(field.get_x() + 0.5), round(field.get_y() + 0.5)): field.get_facecolor()[:3]
        for field in fields(axes)
    }
    for text in axes.texts:
        x, y = (round(float(place)) for place in text.get_position())
        assert contrast(text.get_color(), colours[x, y]) > 4.5
        assert text.get_fontsize() >= 8


def test_fields_without_a_result_are_hatched_and_say_why(tmp_path: Path) -> None:
    endings = {"tiny": "oom", "wide": "missing", "deep": None}

    def change(model: str, resolution: int, n_train: Any) -> Outcome:
        return endings[model] if (resolution, n_train) == (64, "all") else "run"

    drawing = metric_heatmap(made_study(tmp_path, outcome=by_cell(change)))
    empty = drawing.table[drawing.table["mean"].isna()]
    assert dict(zip(empty["model"], empty["shows"], strict=True)) == {
        "tiny": "failed",
        "wide": "missing",
        "deep": "no value",
    }
    hatched = [
        field for axes in panels(drawing.figure.axes) for field in fields(axes) if field.get_hatch()
    ]
    assert len(hatched) == 3
    assert "Hatched: 3 cells without a result" in drawing.caption
    assert (
        "Of the 54 runs planned in these cells: 48 ok, 3 ran out of memory, 3 missing, "
        "3 of the ok ones without a value." in drawing.caption
    )


def test_a_cell_without_some_of_its_runs_has_an_asterisk(tmp_path: Path) -> None:
    def outcome(run: Run) -> Outcome:
        return "diverged" if (run.model, run.seed) == ("tiny", 0) else score(run)

    drawing = metric_heatmap(made_study(tmp_path, outcome=outcome, sizes=["all"]))
    starred = drawing.table[drawing.table["shows"].str.endswith("*")]
    assert set(starred["model"]) == {"tiny"}
    assert len(starred) == 2
    assert "* fewer runs have a value than were planned." in drawing.caption
    assert "n = 2 to 3 seeds" in drawing.caption


def test_cells_that_fail_for_several_reasons_are_mixed(tmp_path: Path) -> None:
    endings: list[Outcome] = ["oom", "missing", None]

    def outcome(run: Run) -> Outcome:
        return endings[run.seed] if run.model == "tiny" else score(run)

    table = metric_heatmap(made_study(tmp_path, outcome=outcome, sizes=["all"])).table
    assert set(table.loc[table["model"] == "tiny", "shows"]) == {"mixed"}


def test_cells_that_were_not_planned_are_blank_and_said(tmp_path: Path) -> None:
    grid = {
        "resolution": [32, 64],
        "n_train": ["all"],
        "seed": 2,
        "exclude": [{"model": "deep", "resolution": 64}],
    }
    drawing = metric_heatmap(made_study(tmp_path, grid=grid))
    (axes,) = panels(drawing.figure.axes)
    assert len(fields(axes)) == len(drawing.table) == 5
    assert "Blank: 1 not planned." in drawing.caption


@pytest.mark.parametrize(
    ("low", "high", "written"),
    [
        (0.70, 0.82, "0.700"),
        (0.7001, 0.7013, "0.70010"),
        (10.0, 80.0, "10"),
        (-300.0, 20.0, "-300"),
        (1e-7, 2e-7, "1.0e-07"),
        (5e8, 6e8, "5.00e+08"),
        (0.5, 0.5, "0.500"),
        (0.0, 0.0, "0.000"),
    ],
)
def test_numbers_have_the_digits_that_tell_cells_apart(
    low: float, high: float, written: str, tmp_path: Path
) -> None:
    def outcome(run: Run) -> float:
        return low if run.model == "a" else high

    study = made_study(tmp_path, models=["a", "b"], resolutions=[32], sizes=[64], outcome=outcome)
    table = metric_heatmap(study).table
    assert table.loc[table["model"] == "a", "shows"].item() == written


def test_one_run_a_cell_is_not_called_a_mean(tmp_path: Path) -> None:
    drawing = metric_heatmap(made_study(tmp_path, models=["a"], seeds=1))
    assert "Numbers are single runs: 1 seed a cell." in drawing.caption


def test_what_there_is_no_room_for_is_counted_and_the_best_models_stay(tmp_path: Path) -> None:
    models = [f"m{number:02d}" for number in range(24)]
    sides = list(range(16, 16 * 15, 16))
    study = made_study(
        tmp_path, models=models, resolutions=sides, sizes=[16, 32], seeds=1, epochs=lambda run: []
    )
    drawing = metric_heatmap(study)
    drawn = drawing.table
    assert drawn["model"].nunique() == 20
    assert drawn["resolution"].nunique() == 12
    assert {16, 224} <= set(drawn["resolution"])
    assert f"Drawn are {len(drawn)} of {24 * 14 * 2} cells" in drawing.caption
    assert "summary_statistics.csv has all" in drawing.caption
    best = study.summary[study.summary.metric == "test_accuracy"].groupby("model")["mean"].max()
    assert set(drawn["model"]) == set(best.sort_values().index[-20:])
    assert drawing.figure.get_figheight() < 10


def test_names_too_long_are_cut_in_the_middle(tmp_path: Path) -> None:
    name = "resnet_with_everything_that_one_can_add_to_it_and_then_more"
    study = made_study(tmp_path, models=[name], sizes=["all"])
    text = words(metric_heatmap(study))
    assert name not in text
    assert f"{name[:12]}…{name[-11:]}" in text


def test_the_same_score_everywhere_has_a_colour(tmp_path: Path) -> None:
    study = made_study(tmp_path, models=["a"], sizes=["all"], outcome=lambda run: 0.0)
    low, high = metric_heatmap(study).figure.axes[-1].get_ylim()
    assert low < 0 < high
    assert np.isfinite([low, high]).all()
