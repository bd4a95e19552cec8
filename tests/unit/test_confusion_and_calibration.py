"""Confusion matrices and reliability diagrams: sums over seeds of each model's best cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studygrid.families.classification.metrics.calibration import error_of_bins
from studygrid.figures.calibration import calibration
from studygrid.figures.confusion_matrices import confusion_matrices, shares_of_rows
from studygrid.figures.drawing import Drawing
from studygrid.figures.pooled_tables import pooled_tables
from studygrid.grid import Run
from studygrid.records import EvaluateRecord, read_record, write_record
from studygrid.results.study_results import StudyResults, study_results
from tests.unit.made_records import data_record
from tests.unit.made_study import Table, bins_of, made_study, named_models

ONE: dict[str, Any] = {
    "models": {"tiny_cnn": None},
    "grid": {"resolution": [32], "n_train": ["all"], "seed": 3},
}


def matrices(classes: int) -> Callable[[Run], Mapping[str, Table]]:
    def tables(run: Run) -> Mapping[str, Table]:
        matrix = np.eye(classes, dtype=int) * 8 + 1 + run.seed
        return {"confusion_matrix": matrix.tolist()}

    return tables


def texts(drawing: Drawing) -> list[str]:
    return [text.get_text() for text in drawing.figure.axes[0].texts]


def ticks(drawing: Drawing) -> list[str]:
    return [label.get_text() for label in drawing.figure.axes[0].get_yticklabels()]


# --- Confusion matrices


def test_counts_are_added_up_over_the_seeds(tmp_path: Path) -> None:
    drawing = confusion_matrices(made_study(tmp_path, **ONE))
    table = drawing.table.set_index(["true", "predicted"])
    assert table["count"].to_dict() == {(0, 0): 15, (0, 1): 6, (1, 0): 3, (1, 1): 6 + 7 + 8}
    assert set(table["n"]) == {3}
    assert table.loc[(0, 0), "share_of_true"] == pytest.approx(15 / 21)
    assert texts(drawing) == ["71\n(15)", "29\n(6)", "12\n(3)", "88\n(21)"]
    assert "n = 3 seeds" in drawing.caption


def test_the_cell_is_the_best_of_each_model_and_the_best_model_is_first(tmp_path: Path) -> None:
    def score(run: Run) -> float:
        best = run.model == "tiny_cnn" and (run.resolution, run.n_train) == (32, 64)
        return 0.9 if best else run.resolution / 100

    table = confusion_matrices(made_study(tmp_path, score=score)).table
    cells = table[["model", "resolution", "n_train"]].drop_duplicates().to_numpy().tolist()
    assert cells == [["tiny_cnn", 32, "64"], ["simple_cnn", 48, "all"]]


@pytest.mark.parametrize(("classes", "numbers"), [(2, 4), (10, 100), (20, 400), (21, 0), (100, 0)])
def test_numbers_are_written_where_they_can_be_read(
    tmp_path: Path, classes: int, numbers: int
) -> None:
    drawing = confusion_matrices(made_study(tmp_path, tables=matrices(classes), **ONE))
    assert len(texts(drawing)) == numbers
    assert ("no numbers are written" in drawing.caption) == (numbers == 0)
    assert len(drawing.table) == classes**2


def test_at_most_six_models_are_drawn_and_it_is_said(tmp_path: Path) -> None:
    grid = {"resolution": [32], "n_train": ["all"], "seed": 1}
    drawing = confusion_matrices(made_study(tmp_path, models=named_models(8), grid=grid))
    assert drawing.table["model"].nunique() == 6
    assert "the best 6 of 8 models" in drawing.caption


def test_class_names_are_those_of_the_data_and_taken_literally(tmp_path: Path) -> None:
    study = made_study(tmp_path, **ONE)
    names = ["$x_1$ <b>", "a name\nthat is far too long to fit"]
    record = data_record(study.plan).model_copy(update={"facts": {"classes": names}})
    write_record(tmp_path / "data" / "res32" / "data.json", record)
    drawing = confusion_matrices(study)
    assert ticks(drawing) == ["$x_1$ <b>", "a name …to fit"]
    assert drawing.table["true_name"].unique().tolist() == names
    assert not any(label.get_parse_math() for label in drawing.figure.axes[0].get_yticklabels())


@pytest.mark.parametrize("content", [None, "no json", '{"schema_version": 1}'])
def test_without_class_names_there_are_numbers(tmp_path: Path, content: str | None) -> None:
    study = made_study(tmp_path, **ONE)
    if content is not None:
        path = tmp_path / "data" / "res32" / "data.json"
        path.parent.mkdir(parents=True)
        path.write_text(content)
    assert ticks(confusion_matrices(study)) == ["0", "1"]


def test_names_of_other_classes_are_not_used(tmp_path: Path) -> None:
    study = made_study(tmp_path, tables=matrices(3), **ONE)
    write_record(tmp_path / "data" / "res32" / "data.json", data_record(study.plan))
    assert ticks(confusion_matrices(study)) == ["0", "1", "2"]


def test_a_class_without_samples_has_no_shares(tmp_path: Path) -> None:
    shares = shares_of_rows(np.array([[3.0, 1.0], [0.0, 0.0]]))
    np.testing.assert_array_equal(shares, [[0.75, 0.25], [np.nan, np.nan]])
    tables: Table = [[3, 1], [0, 0]]
    study = made_study(tmp_path, tables=lambda run: {"confusion_matrix": tables}, **ONE)
    drawing = confusion_matrices(study)
    assert texts(drawing)[2:] == ["–\n(0)", "–\n(0)"]
    assert "Grey rows: no test samples." in drawing.caption
    assert drawing.table["share_of_true"].isna().tolist() == [False, False, True, True]


def test_seeds_of_another_test_split_are_not_added_up(tmp_path: Path) -> None:
    study = made_study(tmp_path, **ONE)
    path = tmp_path / "runs" / study.plan.runs[0].path / "evaluate.json"
    record = read_record(path, EvaluateRecord)
    write_record(path, record.model_copy(update={"data_sha256": "other"}))
    (pooled,) = pooled_tables(study_results(study.plan, tmp_path), "confusion_matrix")
    assert (sorted(pooled.tables), pooled.left_out) == ([1, 2], 1)
    drawing = confusion_matrices(study_results(study.plan, tmp_path))
    assert "Left out: 1 run of another test split or shape." in drawing.caption


def test_a_table_that_is_no_matrix_is_left_out(tmp_path: Path) -> None:
    def tables(run: Run) -> Mapping[str, Table]:
        return {"confusion_matrix": [[1, 2], [3]] if run.seed == 0 else [[1, 2], [3, 4]]}

    drawing = confusion_matrices(made_study(tmp_path, tables=tables, **ONE))
    assert set(drawing.table["n"]) == {2}
    assert "Left out: 1 run" in drawing.caption


@pytest.mark.parametrize(
    "change",
    [
        {"tables": lambda run: {}},
        {"fate": lambda run: "missing"},
        {"fate": lambda run: "diverged"},
        {"score": lambda run: None},
    ],
)
def test_without_matrices_the_reason_is_drawn(tmp_path: Path, change: dict[str, Any]) -> None:
    drawing = confusion_matrices(made_study(tmp_path, **change))
    assert drawing.table.empty
    assert "confusion matrix" in drawing.figure.axes[0].texts[0].get_text()


# --- Calibration


def test_bins_are_pooled_over_the_seeds(tmp_path: Path) -> None:
    drawing = calibration(made_study(tmp_path, **ONE))
    pooled = drawing.table.loc[drawing.table["kind"] == "pooled"]
    total = np.sum([bins_of(Run("tiny_cnn", 32, "all", seed)) for seed in range(3)], axis=0)
    filled = total[total[:, 0] > 0]
    assert pooled["count"].tolist() == filled[:, 0].tolist()
    np.testing.assert_allclose(pooled["confidence"], filled[:, 1] / filled[:, 0])
    np.testing.assert_allclose(pooled["accuracy"], filled[:, 2] / filled[:, 0])
    np.testing.assert_allclose(pooled["bin_low"].iloc[0], 7 / 15)
    assert pooled["confidence"].between(pooled["bin_low"], pooled["bin_high"]).all()


def test_the_error_shown_is_the_mean_over_the_seeds(tmp_path: Path) -> None:
    drawing = calibration(made_study(tmp_path, **ONE))
    errors = [error_of_bins(bins_of(Run("tiny_cnn", 32, "all", seed))) for seed in range(3)]
    table = drawing.table
    np.testing.assert_allclose(table.loc[table["kind"] == "pooled", "ece"], np.mean(errors))
    seeds = table.loc[table["kind"] == "seed"].groupby("seed")["ece"].first()
    assert seeds.tolist() == pytest.approx(errors)
    assert drawing.figure.axes[0].texts[0].get_text() == f"ECE {np.mean(errors):.3f}"


def test_the_histogram_is_of_the_pooled_counts(tmp_path: Path) -> None:
    drawing = calibration(made_study(tmp_path, **ONE))
    bars = [bar.get_height() for bar in drawing.figure.axes[1].patches]  # type: ignore[attr-defined]
    assert bars == drawing.table.loc[drawing.table["kind"] == "pooled", "count"].tolist()


@pytest.mark.parametrize(
    ("seeds", "kinds"), [(1, {"pooled"}), (2, {"pooled", "seed"}), (10, {"pooled"})]
)
def test_seeds_are_dots_below_ten(tmp_path: Path, seeds: int, kinds: set[str]) -> None:
    grid = {"resolution": [32], "n_train": ["all"], "seed": seeds}
    drawing = calibration(made_study(tmp_path, models={"tiny_cnn": None}, grid=grid))
    assert set(drawing.table["kind"]) == kinds
    assert ("Seeds are not drawn" in drawing.caption) == (seeds == 10)


@pytest.mark.parametrize("models", [1, 4, 7])
def test_there_is_a_panel_a_model_up_to_six(tmp_path: Path, models: int) -> None:
    grid = {"resolution": [32], "n_train": ["all"], "seed": 1}
    drawing = calibration(made_study(tmp_path, models=named_models(models), grid=grid))
    titles = [axes.get_title(loc="left") for axes in drawing.figure.axes]
    shown = [title for title in titles if title]
    assert len(shown) == len(set(shown)) == min(models, 6)
    on = [axes for axes in drawing.figure.axes if axes.axison]
    assert len(on) == 2 * min(models, 6)


def test_records_of_before_say_to_evaluate_again(tmp_path: Path) -> None:
    study = made_study(tmp_path, tables=lambda run: {"confusion_matrix": [[1, 2], [3, 4]]}, **ONE)
    drawing = calibration(study)
    assert drawing.table.empty
    assert "Evaluate again" in drawing.figure.axes[0].texts[0].get_text()


def test_without_a_run_that_ended_well_the_reason_is_another(tmp_path: Path) -> None:
    drawing = calibration(made_study(tmp_path, fate=lambda run: "oom", **ONE))
    assert "No run has ended well yet" in drawing.figure.axes[0].texts[0].get_text()


@pytest.mark.parametrize("draw", [confusion_matrices, calibration])
def test_a_model_without_a_result_is_named(
    tmp_path: Path, draw: Callable[[StudyResults], Drawing]
) -> None:
    def fate(run: Run) -> str:
        return "diverged" if run.model == "tiny_cnn" else "ok"

    assert "No result" not in draw(made_study(tmp_path / "whole")).caption
    caption = draw(made_study(tmp_path / "part", fate=fate)).caption
    assert "No result: tiny_cnn." in caption
