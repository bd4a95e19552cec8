"""How long runs train until they are good enough; none that never is, is dropped."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from studygrid.figures import reached
from studygrid.figures.drawing import Drawing
from studygrid.figures.time_to_threshold import time_to_threshold
from studygrid.grid import Run
from studygrid.results.study_results import study_results
from tests.unit.made_study import made_study, named_models

ONE: dict[str, Any] = {
    "models": {"tiny_cnn": None},
    "grid": {"resolution": [32], "n_train": ["all"], "seed": 4},
}
CURVES = {0: [0.9, 0.4, 0.6], 1: [0.5, 0.5, 0.3], 2: [0.9, 0.8, 0.7], 3: [0.2, 0.9, 0.9]}


def curve(run: Run) -> list[float]:
    return CURVES[run.seed]


def drawn(folder: Path, threshold: float | None = 0.4, **changes: Any) -> Drawing:
    report = {} if threshold is None else {"threshold": threshold}
    return time_to_threshold(
        made_study(folder, **{"curve": curve, "report": report, **ONE, **changes})
    )


def rows(drawing: Drawing, panel: str, kind: str = "seed") -> pd.DataFrame:
    table = drawing.table
    return table.loc[(table["panel"] == panel) & (table["kind"] == kind)].set_index("seed")


def test_a_run_reaches_it_at_the_end_of_the_first_epoch_that_is_good_enough(tmp_path: Path) -> None:
    found = rows(drawn(tmp_path), "steps")
    assert found["value"].to_dict() == {0: 40, 1: 60, 2: 60, 3: 20}
    assert found["reached"].to_dict() == {0: 1, 1: 1, 2: 0, 3: 1}


def test_seconds_are_the_sum_of_the_epochs_up_to_then(tmp_path: Path) -> None:
    found = rows(drawn(tmp_path), "seconds")
    assert found["value"].to_dict() == {
        0: 2 * 0.5,
        1: 3 * 0.75,
        2: 3 * 1.0,
        3: 1.25,
    }


def test_a_run_that_never_reaches_it_is_drawn_at_its_end_and_counted(tmp_path: Path) -> None:
    drawing = drawn(tmp_path)
    markers = [line.get_marker() for line in drawing.figure.axes[1].lines]
    assert markers.count(">") == 1
    assert markers.count("o") == 3
    assert "3 of the 4 runs that ended reach it, 1 never does." in drawing.caption


def test_the_median_counts_such_a_run_as_longer_than_any(tmp_path: Path) -> None:
    found = rows(drawn(tmp_path), "steps", "median").iloc[0]
    assert (found["value"], found["reached"], found["of"]) == (50, 3, 4)


@pytest.mark.parametrize(
    ("times", "reached_it", "median"),
    [
        ([1, 2, 3], [True, True, False], 2),
        ([1, 2, 3], [True, False, False], math.nan),
        ([1, 2], [True, False], math.nan),
        ([4, 2], [True, True], 3),
        ([5], [False], math.nan),
    ],
)
def test_a_median_of_which_half_is_unknown_is_unknown(
    times: list[float], reached_it: list[bool], median: float
) -> None:
    found = reached.median_time(pd.Series(times, dtype=float), pd.Series(reached_it))
    assert found == pytest.approx(median, nan_ok=True)


def test_without_a_threshold_three_quarters_of_the_runs_reach_it(tmp_path: Path) -> None:
    drawing = drawn(tmp_path, threshold=None)
    assert set(drawing.table["threshold"]) == {0.4}
    assert rows(drawing, "steps")["reached"].sum() == 3
    assert "the best that three quarters of the runs reach" in drawing.caption


def test_a_threshold_that_none_reaches_is_drawn_all_the_same(tmp_path: Path) -> None:
    drawing = drawn(tmp_path, threshold=-1.0)
    assert rows(drawing, "steps")["reached"].tolist() == [0, 0, 0, 0]
    assert rows(drawing, "steps", "median").empty
    assert "0 of the 4 runs that ended reach it, 4 never do." in drawing.caption


def test_the_monitored_score_counts_and_its_direction(tmp_path: Path) -> None:
    drawing = drawn(tmp_path, threshold=0.6, training={"monitor": "accuracy"})
    assert rows(drawing, "steps")["value"].to_dict() == {0: 40, 1: 60, 2: 60, 3: 20}
    assert set(drawing.table["score"]) == {"validation_accuracy"}
    assert "Accuracy is at least 0.6 (the config's)" in drawing.caption


def test_models_that_monitor_different_scores_are_compared_by_their_loss(tmp_path: Path) -> None:
    models = {
        "a": {"architecture": "tiny_cnn", "training": {"monitor": "accuracy"}},
        "b": {"architecture": "tiny_cnn"},
    }
    assert set(drawn(tmp_path, models=models).table["score"]) == {"validation_loss"}


def test_a_run_that_diverged_counts_as_one_that_never_reaches_it(tmp_path: Path) -> None:
    def fate(run: Run) -> str:
        return "diverged" if run.seed == 3 else "ok"

    def broken(run: Run) -> list[float]:
        return [] if run.seed == 3 else CURVES[run.seed]

    drawing = drawn(tmp_path, fate=fate, curve=broken)
    assert "2 of the 4 runs that ended reach it, 2 never do." in drawing.caption
    assert "3 ok, 1 diverged" in drawing.caption
    assert rows(drawing, "steps", "median").empty  # two of four do not reach it


def test_a_run_without_a_record_is_missing_even_if_it_has_epochs(tmp_path: Path) -> None:
    study = made_study(tmp_path, curve=curve, report={"threshold": 0.4}, **ONE)
    (tmp_path / "runs" / study.plan.runs[0].path / "evaluate.json").unlink()
    drawing = time_to_threshold(study_results(study.plan, tmp_path))
    assert sorted(rows(drawing, "steps").index) == [1, 2, 3]
    assert "3 ok, 1 missing" in drawing.caption


def test_seconds_of_another_device_are_not_pooled(tmp_path: Path) -> None:
    drawing = drawn(tmp_path, device=lambda run: "other" if run.seed == 0 else "most")
    assert sorted(rows(drawing, "seconds").index) == [1, 2, 3]
    assert sorted(rows(drawing, "steps").index) == [0, 1, 2, 3]
    assert "Seconds are of most alone: 1 run on another device is only" in drawing.caption


def test_an_epoch_without_its_time_gives_no_seconds(tmp_path: Path) -> None:
    study = made_study(tmp_path, curve=curve, report={"threshold": 0.4}, **ONE)
    for run in study.plan.runs:
        path = tmp_path / "runs" / run.path / "epochs.jsonl"
        path.write_text(path.read_text().replace("epoch_time_sec", "old_name"))
    drawing = time_to_threshold(study)
    assert rows(drawing, "seconds").empty
    assert len(rows(drawing, "steps")) == 4


def test_from_ten_seeds_on_only_medians_are_drawn(tmp_path: Path) -> None:
    grid = {"resolution": [32], "n_train": ["all"], "seed": 10}
    drawing = drawn(tmp_path, grid=grid, curve=lambda run: [1 / (run.seed + 1)])
    assert set(drawing.table["kind"]) == {"median"}
    assert "Runs are not drawn" in drawing.caption


def test_too_many_cells_are_cut_to_those_that_are_soonest_and_it_is_said(tmp_path: Path) -> None:
    grid = {"resolution": [32, 48], "n_train": ["all", 64], "seed": 1}
    models = named_models(20)

    def slower(run: Run) -> list[float]:
        return [0.9] * int(run.model.removeprefix("model_")) + [0.1]

    drawing = drawn(tmp_path, models=models, grid=grid, curve=slower)
    assert "Only 36 of 80 cells are shown, those at n all that need the fewest" in drawing.caption
    shown = set(drawing.table["model"])
    assert shown == {f"model_{number}" for number in range(18)}
    assert "80 of the 80 runs that ended reach it" in drawing.caption


@pytest.mark.parametrize("change", [{"fate": lambda run: "missing"}, {"curve": lambda run: []}])
def test_without_a_score_the_reason_is_drawn(tmp_path: Path, change: dict[str, Any]) -> None:
    drawing = drawn(tmp_path, **change)
    assert drawing.table.empty
    assert "No run that ended has a validation score" in drawing.caption


def test_cells_without_a_run_that_ended_are_counted(tmp_path: Path) -> None:
    def fate(run: Run) -> str:
        return "missing" if run.n_train == 64 else "ok"

    whole = drawn(tmp_path / "whole")
    assert "no run that ended" not in whole.caption
    changes: dict[str, Any] = {"grid": {"resolution": [32], "n_train": ["all", 64], "seed": 4}}
    assert "Of 2 cells 1 has no run that ended." in drawn(tmp_path, fate=fate, **changes).caption
