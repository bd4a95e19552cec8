"""The metric along an axis: what the two figures show, and what they say."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from studygrid.figures.drawing import Drawing
from studygrid.figures.metric_by_n_train import metric_by_n_train
from studygrid.figures.metric_by_resolution import metric_by_resolution
from studygrid.figures.panels import evenly
from studygrid.figures.style import looks
from studygrid.figures.tested_axis import set_ticks
from studygrid.grid import Run
from studygrid.results.study_results import StudyResults
from studygrid.statistics import summarise
from tests.unit.figure_studies import ALL, Outcome, made_study, score, without_layout  # noqa: F401

pytestmark = [
    pytest.mark.filterwarnings("error"),
    pytest.mark.usefixtures("without_layout"),
]
Draw = Callable[[StudyResults], Drawing]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    return made_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def by_resolution(study: StudyResults) -> Drawing:
    return metric_by_resolution(study)


@pytest.fixture(scope="module")
def by_size(study: StudyResults) -> Drawing:
    return metric_by_n_train(study)


def titles(drawing: Drawing) -> list[str]:
    return [axes.get_title(loc="left") for axes in drawing.figure.axes]


def tick_labels(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels()]


def bars(axes: Axes) -> list[tuple[float, float]]:
    """Return the ends of all vertical bars and bands."""
    lines = (found for found in axes.collections if isinstance(found, LineCollection))
    return [(float(bar[0, 1]), float(bar[1, 1])) for line in lines for bar in line.get_segments()]


def heights(axes: Axes) -> list[float]:
    """Return the y of everything that is drawn with a marker."""
    marked = [line for line in axes.lines if line.get_marker() != "None"]
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in marked])
    return sorted(values[~np.isnan(values)])


def legend_names(drawing: Drawing) -> list[str]:
    return [text.get_text() for legend in drawing.figure.legends for text in legend.get_texts()]


def ends(changes: dict[tuple[Any, ...], Outcome]) -> Callable[[Run], Outcome]:
    """Let runs end otherwise whose (model, resolution, size, seed) begins so; None is any."""

    def outcome(run: Run) -> Outcome:
        for key, ending in changes.items():
            axes = (run.model, run.resolution, run.n_train, run.seed)
            if all(want is None or want == have for want, have in zip(key, axes, strict=False)):
                return ending
        return score(run)

    return outcome


def test_each_training_set_size_has_a_panel(by_resolution: Drawing) -> None:
    assert titles(by_resolution) == [
        "Trained on 128 samples",
        "Trained on 512 samples",
        "Trained on all 1599 samples",
    ]
    assert {axes.get_xlabel() for axes in by_resolution.figure.axes} == {"Image side (px)"}


def test_each_resolution_has_a_panel(by_size: Drawing) -> None:
    assert titles(by_size) == ["Image side 32 px", "Image side 64 px"]
    assert {axes.get_xlabel() for axes in by_size.figure.axes} == {"Training-set size (samples)"}


def test_panels_share_the_metrics_axis(by_resolution: Drawing) -> None:
    assert len({axes.get_ylim() for axes in by_resolution.figure.axes}) == 1


def test_titles_tell_the_two_figures_and_the_study(
    by_resolution: Drawing, by_size: Drawing
) -> None:
    assert by_resolution.title == "A study: Accuracy against image side"
    assert by_size.title == "A study: Accuracy against training-set size"


def test_only_tested_values_are_ticked_on_logarithmic_axes(
    by_resolution: Drawing, by_size: Drawing
) -> None:
    for drawing, labels in ((by_resolution, ["32", "64"]), (by_size, ["128", "512", "1599 (all)"])):
        for axes in drawing.figure.axes:
            assert axes.get_xscale() == "log"
            assert len(axes.get_xticks(minor=True)) == 0
        assert tick_labels(drawing.figure.axes[-1]) == labels
    assert by_size.figure.axes[0].get_xticks().tolist() == [128, 512, ALL]


@pytest.mark.parametrize("name", ["by_resolution", "by_size"])
def test_the_table_holds_every_run_and_every_mean(
    name: str, study: StudyResults, request: pytest.FixtureRequest
) -> None:
    table = request.getfixturevalue(name).table
    assert table["kind"].value_counts().to_dict() == {"seed": 54, "mean": 18}
    frame = study.frame
    cell = frame[(frame.model == "deep") & (frame.resolution == 64) & (frame.n_train == "all")]
    expected = summarise(cell["test_accuracy"].to_numpy())
    rows = table[(table.model == "deep") & (table.resolution == 64) & (table.n_train == "all")]
    assert set(rows.samples) == {ALL}
    dots = rows[rows.kind == "seed"]
    assert dict(zip(dots.seed, dots.value, strict=True)) == dict(
        zip(cell.seed, cell.test_accuracy, strict=True)
    )
    (mean,) = rows[rows.kind == "mean"].itertuples()
    assert (mean.value, mean.ci_low, mean.ci_high, mean.n) == (
        *(expected.mean, expected.ci_low, expected.ci_high, 3),
    )


def test_what_is_drawn_is_what_the_table_holds(by_size: Drawing) -> None:
    for axes, resolution in zip(by_size.figure.axes, (32, 64), strict=True):
        rows = by_size.table[by_size.table.resolution == resolution]
        assert heights(axes) == sorted(rows["value"])
        means = rows[rows.kind == "mean"]
        intervals = sorted(zip(means["ci_low"], means["ci_high"], strict=True))
        assert np.asarray(sorted(bars(axes))) == pytest.approx(np.asarray(intervals))


def test_from_ten_seeds_on_a_band_called_spread_stands_for_the_dots(tmp_path: Path) -> None:
    study = made_study(tmp_path, models=["a"], resolutions=[32], sizes=["all"], seeds=12)
    drawing = metric_by_resolution(study)
    (row,) = drawing.table.itertuples()
    values = study.frame["test_accuracy"].to_numpy()
    low, high = np.quantile(values, [0.1, 0.9])
    assert (row.kind, row.n) == ("mean", 12)
    assert (row.spread_low, row.spread_high) == pytest.approx((low, high))
    (axes,) = drawing.figure.axes
    expected = np.asarray(sorted([(low, high), (row.ci_low, row.ci_high)]))
    assert np.asarray(sorted(bars(axes))) == pytest.approx(expected)
    assert heights(axes) == [row.value]
    assert "spread of the runs" in drawing.caption
    assert "10th to the 90th percentile; they are no intervals" in drawing.caption
    assert "dots" not in drawing.caption


def test_nine_seeds_are_dots_and_no_band(tmp_path: Path) -> None:
    study = made_study(tmp_path, models=["a"], resolutions=[32], sizes=["all"], seeds=9)
    drawing = metric_by_resolution(study)
    assert drawing.table["kind"].tolist() == ["seed"] * 9 + ["mean"]
    assert drawing.table["spread_low"].isna().all()
    assert "n = 9 seeds, dots the runs" in drawing.caption
    assert "spread" not in drawing.caption


def test_a_cell_of_one_run_has_no_bar(tmp_path: Path) -> None:
    drawing = metric_by_n_train(made_study(tmp_path, seeds=1))
    assert [bars(axes) for axes in drawing.figure.axes] == [[], []]
    assert drawing.table["ci_low"].isna().all()
    assert "1 seed a cell, so there is no interval" in drawing.caption


@pytest.mark.parametrize("draw", [metric_by_resolution, metric_by_n_train])
def test_one_tested_value_is_one_tick(draw: Draw, tmp_path: Path) -> None:
    drawing = draw(made_study(tmp_path, resolutions=[64], sizes=["all"]))
    (axes,) = drawing.figure.axes
    assert tick_labels(axes) == (["64"] if draw is metric_by_resolution else ["1599 (all)"])
    low, high = axes.get_xlim()
    assert low < axes.get_xticks()[0] < high
    assert len(drawing.table) == 3 * (3 + 1)


def test_of_many_sizes_four_have_a_panel_and_the_others_are_named(tmp_path: Path) -> None:
    sizes = ["all", 16, 32, 64, 128, 256, 512]
    drawing = metric_by_resolution(made_study(tmp_path, models=["a"], sizes=sizes, seeds=2))
    assert titles(drawing) == [
        *(f"Trained on {words}" for words in ("16 samples", "64 samples", "256 samples")),
        "Trained on all 1599 samples",
    ]
    assert "no panel for training on 32, 128, 512 samples" in drawing.caption
    assert set(drawing.table["n_train"]) == {"16", "64", "256", "all"}


def test_of_many_resolutions_four_have_a_panel_and_the_others_are_named(tmp_path: Path) -> None:
    resolutions = [224, 32, 48, 64, 96]
    study = made_study(tmp_path, models=["a"], resolutions=resolutions, sizes=[64], seeds=2)
    drawing = metric_by_n_train(study)
    assert titles(drawing) == [f"Image side {side} px" for side in (32, 48, 96, 224)]
    assert "no panel for image side 64 px;" in drawing.caption


def test_of_many_models_the_15_with_the_best_cells_are_drawn(tmp_path: Path) -> None:
    models = [f"m{number:02d}" for number in range(17)]
    study = made_study(tmp_path, models=models, resolutions=[32], sizes=[64], seeds=1)
    drawing = metric_by_n_train(study)
    scores = study.frame.set_index("model")["test_accuracy"].sort_values()
    assert set(drawing.table["model"]) == set(scores.index[-15:])
    assert "Of 17 models with a result the 15 with the best cells are drawn;" in drawing.caption
    assert "No result" not in drawing.caption
    assert "Of the 15 runs planned in these panels: 15 ok." in drawing.caption


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(3, 4, [0, 1, 2]), (5, 4, [0, 1, 3, 4]), (7, 3, [0, 3, 6]), (9, 1, [8]), (0, 4, [])],
)
def test_the_first_the_last_and_evenly_between(count: int, most: int, expected: list[int]) -> None:
    assert evenly(range(count), most) == expected


def test_the_caption_counts_what_failed_and_names_models_without_a_result(tmp_path: Path) -> None:
    outcome = ends(
        {
            ("deep",): "oom",
            ("wide", 64, "all", 2): "missing",
            ("tiny", 64, "all", 0): "diverged",
            ("tiny", 64, "all", 1): None,
        }
    )
    drawing = metric_by_n_train(made_study(tmp_path, outcome=outcome))
    assert (
        "Of the 54 runs planned in these panels: 34 ok, 1 diverged, 18 ran out of memory, "
        "1 missing, 1 of the ok ones without a value." in drawing.caption
    )
    assert "No result in these panels: deep." in drawing.caption
    assert "means over n = 1 to 3 seeds" in drawing.caption
    assert legend_names(drawing) == ["tiny", "wide"]
    assert set(drawing.table["model"]) == {"tiny", "wide"}


def test_a_model_without_a_result_in_one_panel_is_named_there(tmp_path: Path) -> None:
    drawing = metric_by_n_train(made_study(tmp_path, outcome=ends({("wide", 32): "oom"})))
    assert "No result in the panel “Image side 32 px”: wide." in drawing.caption


def test_a_value_without_any_result_has_no_panel(tmp_path: Path) -> None:
    drawing = metric_by_n_train(made_study(tmp_path, outcome=ends({(None, 64): "missing"})))
    assert titles(drawing) == ["Image side 32 px"]


def test_a_line_breaks_at_a_cell_without_results(tmp_path: Path) -> None:
    drawing = metric_by_n_train(made_study(tmp_path, outcome=ends({("wide", 64, 512): "diverged"})))
    colour = looks(["tiny", "wide"])["wide"].colour.lower()
    (line,) = (
        line
        for line in drawing.figure.axes[1].lines
        if line.get_linestyle() == "-" and to_hex(line.get_color()) == colour
    )
    assert np.isnan(np.asarray(line.get_ydata(), float)).tolist() == [False, True, False]


def test_missing_runs_do_not_hide_how_large_all_is(tmp_path: Path) -> None:
    drawing = metric_by_n_train(made_study(tmp_path, outcome=ends({("tiny",): "missing"})))
    assert tick_labels(drawing.figure.axes[1])[-1] == "1599 (all)"


def test_a_model_keeps_its_look_when_another_has_no_result(
    tmp_path: Path, by_size: Drawing
) -> None:
    drawing = metric_by_n_train(made_study(tmp_path, outcome=ends({("tiny",): "oom"})))

    def colours(figure: Figure) -> list[Any]:
        return [handle.get_color() for handle in figure.legends[0].legend_handles]  # type: ignore[union-attr]

    assert legend_names(drawing) == ["wide", "deep"]
    assert colours(drawing.figure) == colours(by_size.figure)[1:]


def test_the_metric_is_named_with_its_unit_and_its_better_direction(
    by_size: Drawing, tmp_path: Path
) -> None:
    assert by_size.figure.axes[0].get_ylabel() == "Accuracy (test)"
    assert "Higher is better." in by_size.caption
    lower = metric_by_n_train(made_study(tmp_path, models=["a"], metric="loss"))
    assert lower.figure.axes[0].get_ylabel() == "Loss (test, nats)"
    assert "Lower is better." in lower.caption


def test_chance_nearby_is_a_labelled_line_in_every_panel(tmp_path: Path) -> None:
    drawing = metric_by_resolution(made_study(tmp_path, chance=0.68))
    for axes in drawing.figure.axes:
        assert any(list(line.get_ydata()) == [0.68, 0.68] for line in axes.lines)
        assert axes.get_ylim()[0] < 0.68
    assert [text.get_text() for text in drawing.figure.axes[-1].texts] == ["chance\n0.68"]


def test_chance_far_away_is_told_in_words_and_does_not_flatten_the_data(tmp_path: Path) -> None:
    drawing = metric_by_resolution(made_study(tmp_path, chance=0.1))
    assert "Chance (0.1) lies below what is shown." in drawing.caption
    assert drawing.figure.axes[0].get_ylim()[0] > 0.5


def test_long_bars_of_two_seeds_do_not_flatten_the_data(tmp_path: Path) -> None:
    def outcome(run: Run) -> float:
        wild = (run.model, run.resolution, run.n_train) == ("tiny", 64, "all")
        return (0.7 + 0.1 * run.seed) if wild else score(run)

    drawing = metric_by_resolution(made_study(tmp_path, seeds=2, outcome=outcome))
    low, high = drawing.figure.axes[0].get_ylim()
    values = drawing.table["value"]
    assert (values.max() - values.min()) / (high - low) > 0.25
    assert low < values.min() < values.max() < high
    assert "Bars that leave a panel are cut." in drawing.caption


@pytest.mark.parametrize("value", [0.0, -3.5, 1e-9, 4e7])
def test_runs_that_all_score_the_same_stand_within_the_panel(value: float, tmp_path: Path) -> None:
    study = made_study(tmp_path, models=["a"], resolutions=[32], outcome=lambda run: value)
    low, high = metric_by_n_train(study).figure.axes[0].get_ylim()
    assert low < value < high


def test_labels_too_close_stand_upright_and_never_overlap() -> None:
    axes = Figure(figsize=(3.5, 2.5)).subplots()
    values = [50, 100, 1000, 1400, 1500, ALL]
    set_ticks(axes, dict(zip(values, [*map(str, values[:-1]), "1599 (all)"], strict=True)), 3.0)
    assert axes.get_xticks().tolist() == values
    assert tick_labels(axes) == ["50", "100", "1000", "", "", "1599 (all)"]
    boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))


def test_every_model_has_a_look_of_its_own_also_in_grey() -> None:
    names = [f"model_{number}" for number in range(88)]
    assert len(set(looks(names).values())) == 88
    first = list(looks(names[:8]).values())
    assert len({look.colour for look in first}) == 8
    assert len({look.marker for look in first}) == 8
