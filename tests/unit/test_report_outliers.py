"""Outlier runs are named with their fences, and with what their records say besides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studygrid.grid import Run
from studygrid.records import TrainRecord, read_record, write_record
from studygrid.report.blocks import Paragraph, Section
from studygrid.report.outliers import outliers
from studygrid.results.study_results import StudyResults, study_results
from studygrid.tables.contents import Table
from tests.unit.made_study import made_study

ODD = Run("tiny_cnn", 32, 64, 1)
NOISE = (-0.003, 0.001, 0.002)


def steady(run: Run) -> float:
    return 0.8 + run.resolution / 1000 + NOISE[run.seed % 3] * (1 + 0.1 * (run.n_train == 64))


def with_one(run: Run) -> float:
    return 0.2 if run == ODD else steady(run)


def words(section: Section | None) -> str:
    assert section is not None
    return " ".join(block.text for block in section.blocks if isinstance(block, Paragraph))


def table(section: Section | None) -> Table:
    assert section is not None
    (found,) = (block for block in section.blocks if isinstance(block, Table))
    return found


def retrained(study: StudyResults, run: Run, **changes: Any) -> StudyResults:
    """Return the study with another train record of a run."""
    path = study.folder / "runs" / run.path / "train.json"
    write_record(path, read_record(path, TrainRecord).model_copy(update=changes))
    return study_results(study.plan, study.folder)


def curve(run: Run) -> list[float]:
    return [1.0 - 0.05 * step for step in range(10)]


def test_an_outlier_is_named_with_its_value_median_and_fences(tmp_path: Path) -> None:
    section = outliers(made_study(tmp_path, score=with_one, curve=curve))
    row = table(section).frame.iloc[0]
    assert len(table(section).frame) == 1
    assert (row["model"], row["resolution"], row["n_train"], row["seed"]) == (
        "tiny_cnn",
        32,
        "64",
        1,
    )
    assert row["value"] == 0.2
    assert row["median"] == pytest.approx(steady(Run("tiny_cnn", 32, 64, 0)), abs=0.01)
    assert row["value"] < row["low"] < row["median"] < row["high"]
    assert row["side"] == "worse"
    text = words(section)
    assert "1 of 24 runs is an outlier." in text
    assert "8 cells with 3 to 9 runs" in text
    assert "24 distances" in text
    assert "None was left out of a mean" in text


def test_nothing_unusual_is_said_so_and_no_reason_is_made_up(tmp_path: Path) -> None:
    section = outliers(made_study(tmp_path, score=with_one, curve=curve))
    assert table(section).frame["unusual"].tolist() == ["nothing"]


def test_what_is_unusual_in_the_record_stands_beside_it(tmp_path: Path) -> None:
    study = made_study(tmp_path, score=with_one, curve=curve)
    # A little spread, that quartiles exist.
    for number, run in enumerate(study.plan.runs):
        study = retrained(study, run, best_validation_loss=0.25 + 0.001 * (number % 7))
    study = retrained(
        study, ODD, best_validation_loss=0.9, stopped_by="early_stopping", best_epoch=3
    )
    (unusual,) = table(outliers(study)).frame["unusual"]
    assert "best validation loss 0.900 (the others 0.25" in unusual
    assert "stopped by early stopping (the others stopped by budget)" in unusual
    assert "kept epoch" not in unusual


def test_a_curve_unlike_the_others_is_named(tmp_path: Path) -> None:
    def rising(run: Run) -> list[float]:
        return [0.5 + 0.05 * step for step in range(10)] if run == ODD else curve(run)

    (unusual,) = table(outliers(made_study(tmp_path, score=with_one, curve=rising))).frame[
        "unusual"
    ]
    assert "never better than after its first epoch, unlike the others" in unusual


def test_a_run_on_another_device_is_named(tmp_path: Path) -> None:
    def device(run: Run) -> str:
        return "Other GPU" if run == ODD else "Some GPU"

    study = made_study(tmp_path, score=with_one, curve=curve, device=device)
    (unusual,) = table(outliers(study)).frame["unusual"]
    assert unusual == "trained on Other GPU (the others trained on Some GPU)"


def test_without_outliers_it_is_said_of_how_many_runs(tmp_path: Path) -> None:
    section = outliers(made_study(tmp_path, score=steady))
    assert "None of 24 runs is an outlier." in words(section)
    assert "1 to 4 runs in 100" in words(section)


def test_cells_of_ten_runs_have_fences_of_their_own(tmp_path: Path) -> None:
    grid = {"resolution": [32], "n_train": ["all"], "seed": 10}
    odd = Run("tiny_cnn", 32, "all", 4)
    study = made_study(
        tmp_path, grid=grid, score=lambda run: 0.3 if run == odd else 0.8 + run.seed / 1000
    )
    section = outliers(study)
    assert "2 cells with 10 runs or more" in words(section)
    assert table(section).frame["seed"].tolist() == [4]


@pytest.mark.parametrize("seeds", [1, 2])
def test_with_one_or_two_seeds_nothing_is_looked_for(tmp_path: Path, seeds: int) -> None:
    grid = {"resolution": [48, 32], "n_train": ["all", 64], "seed": seeds}
    section = outliers(made_study(tmp_path, grid=grid, score=with_one))
    assert words(section).startswith("Not looked for")
    assert len(section.blocks) == 1 if section else False


def test_failed_runs_are_no_outliers_and_without_scores_there_is_no_section(
    tmp_path: Path,
) -> None:
    fate = {ODD: "diverged"}
    section = outliers(
        made_study(tmp_path / "a", score=steady, fate=lambda run: fate.get(run, "ok"))
    )
    assert "None of 21 runs is an outlier." in words(section)
    assert "1 cell is not judged" in words(section)
    assert outliers(made_study(tmp_path / "b", fate=lambda run: "oom")) is None
