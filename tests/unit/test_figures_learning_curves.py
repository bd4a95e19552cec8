"""Learning curves: whose are drawn, what is marked, and that the table holds them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D

from studygrid.figures.curves import curves_of
from studygrid.figures.learning_curves import learning_curves
from studygrid.grid import Run
from studygrid.results.study_results import StudyResults
from tests.unit.figure_studies import Outcome, curve, made_study, score, without_layout  # noqa: F401

pytestmark = [
    pytest.mark.filterwarnings("error"),
    pytest.mark.usefixtures("without_layout"),
]
ONE = {"models": ["a"], "resolutions": [32], "sizes": ["all"]}


def second_diverges(run: Run) -> Outcome:
    return "diverged" if run.seed == 1 else score(run)


def two_epochs_of_the_second(run: Run) -> list[dict[str, Any]]:
    return curve(run, 2 if run.seed == 1 else 5)


def lines(axes: Axes, width: float) -> list[Line2D]:
    return [line for line in axes.lines if line.get_linewidth() == width and len(line.get_xdata())]  # type: ignore[arg-type]


def points(line: Line2D) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())]


def crosses(axes: Axes) -> list[tuple[float, float]]:
    return [point for line in axes.lines if line.get_marker() == "x" for point in points(line)]


def titles(study: StudyResults) -> list[str]:
    return [axes.get_title(loc="left") for axes in learning_curves(study).figure.axes]


def test_a_panel_a_resolution_and_size_with_all_models(tmp_path: Path) -> None:
    study = made_study(tmp_path)
    drawing = learning_curves(study)
    sizes = ("128 samples", "512 samples", "all 1599 samples")
    assert [axes.get_title(loc="left") for axes in drawing.figure.axes] == [
        f"{side} px, {size}" for side in (32, 64) for size in sizes
    ]
    table = drawing.table
    assert table["kind"].value_counts().to_dict() == {"seed": 54 * 5, "mean": 18 * 5}
    assert table["drawn"].all()
    assert drawing.title == "A study: learning curves"
    assert "n = 3 seeds" in drawing.caption
    assert "Of the 54 runs planned in these panels: 54 ok." in drawing.caption
    assert "Drawn are" not in drawing.caption


def test_lines_are_the_runs_and_their_means(tmp_path: Path) -> None:
    study = made_study(tmp_path, **ONE)
    drawing = learning_curves(study)
    (axes,) = drawing.figure.axes
    runs = drawing.table[drawing.table.kind == "seed"]
    mean = drawing.table[drawing.table.kind == "mean"]
    for name in ("train_loss", "validation_loss"):
        expected = study.epochs.groupby("step")[name].mean()
        assert mean[name].tolist() == pytest.approx(expected.tolist())
    thick = [line for line in lines(axes, 1.3) if line.get_marker() == "None"]
    assert [points(line) for line in thick] == [
        list(zip(mean["step"], mean[name], strict=True))
        for name in ("train_loss", "validation_loss")
    ]
    assert len(lines(axes, 0.6)) == 2 * 3
    drawn = {point for line in lines(axes, 0.6) for point in points(line)}
    assert drawn == {
        (row.step, value)
        for row in runs.itertuples()
        for value in (row.train_loss, row.validation_loss)
    }


def test_the_epoch_whose_weights_were_scored_is_marked_on_each_run(tmp_path: Path) -> None:
    drawing = learning_curves(made_study(tmp_path, **ONE))
    kept = drawing.table[drawing.table["kept"].fillna(False)]
    assert kept["epoch"].tolist() == [3, 3, 3]
    (axes,) = drawing.figure.axes
    (marks,) = (line for line in axes.lines if line.get_markerfacecolor() == "white")
    assert points(marks) == list(zip(kept["step"], kept["validation_loss"], strict=True))


def test_a_run_that_failed_ends_at_a_cross_and_is_not_in_the_mean(tmp_path: Path) -> None:
    study = made_study(tmp_path, **ONE, outcome=second_diverges, epochs=two_epochs_of_the_second)
    drawing = learning_curves(study)
    (axes,) = drawing.figure.axes
    table = drawing.table
    last = table[(table.seed == 1) & (table.epoch == 2)]
    assert crosses(axes) == [(20, last["validation_loss"].item())]
    means = table[table.kind == "mean"]
    assert means["n"].tolist() == [2] * 5
    ok = study.epochs[study.epochs.seed != 1]
    assert means["train_loss"].tolist() == pytest.approx(
        ok.groupby("step")["train_loss"].mean().tolist()
    )
    assert "2 ok, 1 diverged. 1 of those that failed ends at a cross." in drawing.caption
    assert not table.loc[table.seed == 1, "kept"].any()


def test_runs_that_failed_at_once_are_counted(tmp_path: Path) -> None:
    study = made_study(
        tmp_path,
        **ONE,
        outcome=second_diverges,
        epochs=lambda run: [] if run.seed == 1 else curve(run),
    )
    drawing = learning_curves(study)
    assert "1 failed before an epoch was over." in drawing.caption
    assert "cross" not in drawing.caption


def test_what_explodes_does_not_flatten_the_rest_and_its_cross_stays_in_sight(
    tmp_path: Path,
) -> None:
    def explode(run: Run) -> list[dict[str, Any]]:
        rows = two_epochs_of_the_second(run)
        if run.seed == 1:
            rows[-1] |= {"train_loss": 1e6, "validation_loss": 1e7}
        return rows

    drawing = learning_curves(made_study(tmp_path, **ONE, outcome=second_diverges, epochs=explode))
    (axes,) = drawing.figure.axes
    assert axes.get_ylim()[1] < 2
    assert crosses(axes) == [(20, axes.get_ylim()[1])]
    assert "Lines that leave a panel are cut." in drawing.caption
    assert drawing.table["validation_loss"].max() == 1e7


def test_a_mean_ends_where_the_first_ok_run_ends(tmp_path: Path) -> None:
    study = made_study(tmp_path, **ONE, epochs=lambda run: curve(run, 3 + run.seed))
    means = learning_curves(study).table.query("kind == 'mean'")
    assert means["epoch"].tolist() == [1, 2, 3]


def test_from_ten_seeds_on_bands_called_spread_stand_for_the_runs(tmp_path: Path) -> None:
    study = made_study(tmp_path, **ONE, seeds=10)
    drawing = learning_curves(study)
    (axes,) = drawing.figure.axes
    assert lines(axes, 0.6) == []
    assert sum(isinstance(found, PolyCollection) for found in axes.collections) == 2
    means = drawing.table[drawing.table.kind == "mean"]
    expected = study.epochs.groupby("step")["train_loss"].quantile([0.1, 0.9]).unstack()
    assert means["train_loss_low"].tolist() == pytest.approx(expected[0.1].tolist())
    assert means["train_loss_high"].tolist() == pytest.approx(expected[0.9].tolist())
    assert "the spread of the runs, from the 10th to the 90th percentile" in drawing.caption
    assert "(no interval)" in drawing.caption


def test_below_ten_seeds_there_is_no_percentile(tmp_path: Path) -> None:
    table = learning_curves(made_study(tmp_path, **ONE, seeds=9)).table
    assert table[[f"validation_loss_{end}" for end in ("low", "high")]].isna().all(axis=None)


def test_one_run_a_cell_is_said(tmp_path: Path) -> None:
    drawing = learning_curves(made_study(tmp_path, **ONE, seeds=1))
    assert "Lines are single runs: 1 seed a cell" in drawing.caption


def test_of_many_cells_some_are_drawn_and_the_table_has_all(tmp_path: Path) -> None:
    models = [f"model_{number}" for number in range(8)]
    study = made_study(
        tmp_path, models=models, resolutions=[32, 48, 64], sizes=[16, 32, 64, "all"], seeds=1
    )
    drawing = learning_curves(study)
    assert len(drawing.figure.axes) == 2 * 3
    assert "Drawn are 36 of the 96 cells with a curve" in drawing.caption
    assert "the 6 with the best cells" in drawing.caption
    assert "the figure's CSV holds the curves of all" in drawing.caption
    runs = drawing.table[drawing.table.kind == "seed"]
    assert len(runs) == 96 * 5
    shown = runs[runs.drawn]
    assert set(shown["resolution"]) == {32, 64}
    assert set(shown["n_train"]) == {"16", "64", "all"}
    best = study.summary[study.summary.metric == "test_accuracy"].groupby("model")["mean"].max()
    assert set(shown["model"]) == set(best.sort_values().index[-6:])


def test_one_size_puts_the_resolutions_side_by_side(tmp_path: Path) -> None:
    study = made_study(tmp_path, models=["a"], resolutions=[16, 32, 64], sizes=["all"], seeds=1)
    assert titles(study) == [f"{side} px, all 1599 samples" for side in (16, 32, 64)]


def test_a_grid_with_holes_has_panels_for_what_there_is(tmp_path: Path) -> None:
    grid = {"resolution": [32, 64, 96, 128, 160], "n_train": [8, 16, 32, 64, "all"], "seed": 1}
    zipped = {**grid, "zip": ["resolution", "n_train"]}
    drawing = learning_curves(made_study(tmp_path, models=["a"], grid=zipped))
    assert [axes.get_title(loc="left") for axes in drawing.figure.axes] == [
        *("32 px, 8 samples", "64 px, 16 samples", "128 px, 64 samples"),
        "160 px, all 1599 samples",
    ]
    assert "Drawn are 4 of the 5 cells with a curve;" in drawing.caption


def test_another_monitored_score_has_panels_of_its_own(tmp_path: Path) -> None:
    study = made_study(
        tmp_path,
        **ONE,
        training={"monitor": "auroc"},
        epochs=lambda run: [
            row | {"validation_auroc": 0.5 + row["step"] / 1e3} for row in curve(run)
        ],
    )
    drawing = learning_curves(study)
    assert [axes.get_ylabel() for axes in drawing.figure.axes] == [
        "Loss (nats)",
        "AUROC (validation)",
    ]
    assert "The lower panels have the score that is monitored." in drawing.caption
    seeds = drawing.table[drawing.table.kind == "seed"]
    assert seeds["validation_auroc"].tolist() == pytest.approx((0.5 + seeds["step"] / 1e3).tolist())


def test_runs_without_a_record_are_not_drawn(tmp_path: Path) -> None:
    study = made_study(tmp_path, **ONE)
    missing = study.frame["seed"] == 2
    study.frame.loc[missing, "status"] = "missing"
    assert set(curves_of(study).runs["seed"]) == {0, 1}


def test_lines_without_a_loss_are_gaps_and_no_error(tmp_path: Path) -> None:
    def gaps(run: Run) -> list[dict[str, Any]]:
        rows = curve(run)
        rows[1]["validation_loss"] = None
        del rows[2]["train_loss"]
        return rows

    means = learning_curves(made_study(tmp_path, **ONE, epochs=gaps)).table.query("kind == 'mean'")
    assert np.isnan(means["validation_loss"].tolist()).tolist() == [0, 1, 0, 0, 0]
    assert np.isnan(means["train_loss"].tolist()).tolist() == [0, 0, 1, 0, 0]


def test_without_a_curve_the_figure_says_so(tmp_path: Path) -> None:
    drawing = learning_curves(made_study(tmp_path, **ONE, epochs=lambda run: []))
    assert drawing.table.empty
    assert "No run that ended has left an epoch. Of the 3 runs planned in the study: 3 ok." in (
        drawing.caption
    )
    assert "train_loss" in drawing.table.columns
