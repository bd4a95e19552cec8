"""What the report says of curves: by rules that these small curves meet or miss."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from studygrid.grid import Run
from studygrid.records import TrainRecord, read_record, write_record
from studygrid.report.blocks import Points, Section
from studygrid.report.convergence import convergence
from studygrid.report.curve_rules import curve_verdicts
from studygrid.results.study_results import StudyResults, study_results
from studygrid.tables.contents import Table
from tests.unit.made_study import made_study

ONE: dict[str, Any] = {
    "models": {"tiny_cnn": None},
    "grid": {"resolution": [32], "n_train": ["all"], "seed": 1},
}
EPOCHS = 12
FLAT = [1.0, 0.6, *[0.5] * (EPOCHS - 2)]
FALLING = [1.0 / step for step in range(1, EPOCHS + 1)]
# Down to 0.5 in epoch 4, and up to 0.7.
TURNING = [1.0, 0.8, 0.6, 0.5, *np.linspace(0.52, 0.7, EPOCHS - 4).tolist()]

Array = NDArray[np.float64]
Lines = dict[str, list[float | None]]


def written(study: StudyResults, lines: Callable[[Run], Lines]) -> StudyResults:
    """Return a study whose runs have these curves; a kept epoch beyond them is their last."""
    for run in study.facts:
        columns = lines(run)
        rows = [
            {"epoch": number, "step": 10 * number} | dict(zip(columns, values, strict=True))
            for number, values in enumerate(zip(*columns.values(), strict=True), 1)
        ]
        path = study.folder / "runs" / run.path / "epochs.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return study_results(study.plan, study.folder)


def of_one(
    folder: Path, validation: list[float], train: list[float] | None = None, **scores: Any
) -> StudyResults:
    lines: Lines = {"validation_loss": list(validation), "train_loss": list(train or FALLING)}
    lines = {name: values[: len(validation)] for name, values in lines.items()}
    config = {**ONE, **scores.pop("config", {})}
    return written(made_study(folder, **config), lambda run: {**lines, **scores})


def verdict(study: StudyResults) -> dict[str, Any]:
    (row,) = curve_verdicts(study).to_dict("records")
    return {str(name): value for name, value in row.items()}


def said(section: Section | None) -> str:
    assert section is not None
    return " ".join(
        " ".join(block.items) if isinstance(block, Points) else getattr(block, "text", "")
        for block in section.blocks
    )


def table(section: Section | None) -> Table:
    assert section is not None
    (found,) = (block for block in section.blocks if isinstance(block, Table))
    return found


@pytest.mark.parametrize(
    ("losses", "settled", "improving"),
    [
        (FLAT, 3, False),
        (FALLING, 12, True),
        ([1.0, 0.5, 0.52, 0.49, 0.5, 0.51, 0.49, 0.5, 0.5, 0.5, 0.485, 0.5], 2, False),
        ([1.0, 0.9, 0.8, 0.5], 4, True),
        ([0.0] * 4, 1, False),
    ],
)
def test_a_run_settles_once_it_is_within_five_percent_of_its_best(
    tmp_path: Path, losses: list[float], settled: int, improving: bool
) -> None:
    found = verdict(of_one(tmp_path, losses))
    assert (found["settled_epoch"], found["improving"]) == (settled, improving)


def test_a_score_that_should_be_high_is_measured_from_its_best_bound(tmp_path: Path) -> None:
    config = {"training": {"monitor": "accuracy"}}
    # Of what lacks to 1, five percent are 0.0005 at 0.99: 0.989 is not there yet.
    near = [0.5, 0.9, 0.95, 0.96, 0.97, 0.98, 0.985, 0.986, 0.987, 0.988, 0.989, 0.99]
    found = verdict(of_one(tmp_path, FLAT, validation_accuracy=near, config=config))
    assert (found["settled_epoch"], found["improving"]) == (12, True)


def simulated(
    folder: Path, shape: Callable[[Array], Array], epochs: int, noise: float
) -> pd.DataFrame:
    """Judge 200 runs of a shape, from 0 to 1 over the budget, with noise of a share of its end."""
    generator = np.random.default_rng(0)
    ideal = shape(np.arange(1, epochs + 1) / epochs)

    def lines(run: Run) -> Lines:
        losses = ideal + generator.normal(0, noise * ideal[-1], epochs)
        return {"validation_loss": losses.tolist(), "train_loss": ideal.tolist()}

    grid = {"resolution": [32], "n_train": ["all"], "seed": 200}
    return curve_verdicts(written(made_study(folder, **{**ONE, "grid": grid}), lines))


@pytest.mark.parametrize("epochs", [10, 20, 50])
@pytest.mark.parametrize("noise", [0.05, 0.1])
def test_a_plateau_with_noise_is_seldom_said_to_improve(
    tmp_path: Path, epochs: int, noise: float
) -> None:
    runs = simulated(tmp_path, lambda time: 0.3 + 0.5 * np.exp(-12 * time), epochs, noise)
    assert runs["late"].mean() > 0.06  # what the best value's epoch alone would say
    assert runs["improving"].mean() < 0.05


@pytest.mark.parametrize(
    "shape",
    [
        lambda time: 0.9 - 0.5 * time,
        lambda time: 0.1 + 0.7 * np.exp(-2 * time),
        lambda time: 0.2 * time**-0.7,
    ],
    ids=["linear", "exponential", "power"],
)
@pytest.mark.parametrize(("epochs", "least"), [(10, 0.95), (20, 0.99), (50, 0.99)])
def test_a_curve_that_still_falls_is_said_to_improve(
    tmp_path: Path, shape: Callable[[Array], Array], epochs: int, least: float
) -> None:
    runs = simulated(tmp_path, shape, epochs, 0.05)
    assert runs["improving"].mean() >= least * runs["late"].mean() > 0.9


def test_one_better_epoch_at_the_end_is_no_trend(tmp_path: Path) -> None:
    study = of_one(tmp_path, [1.0, *[0.5] * (EPOCHS - 2), 0.4])
    found = verdict(study)
    assert (found["settled_epoch"], found["late"], found["improving"]) == (12, True, False)
    text = said(convergence(study))
    assert "Neither settled nor still improving for certain: the one run." in text
    assert "Settled:" not in text
    assert "Still improving" not in text


@pytest.mark.parametrize(
    ("validation", "train", "overfits"),
    [
        (TURNING, FALLING, True),
        (TURNING, [0.5] * EPOCHS, False),  # both rise or stay: training got worse, not too good
        (FLAT, FALLING, False),
        (FALLING, FALLING, False),
        # Steep at the end: the last quarter is on average far above its last value.
        ([1.0] * 8 + [0.9, 0.6, 0.3, 0.1], FALLING, False),
        ([0.5, *[0.56] * (EPOCHS - 1)], FALLING, True),
        ([0.5, *[0.54] * (EPOCHS - 1)], FALLING, False),
    ],
)
def test_overfitting_is_a_rise_of_validation_loss_while_training_loss_falls(
    tmp_path: Path, validation: list[float], train: list[float], overfits: bool
) -> None:
    assert verdict(of_one(tmp_path, validation, train))["overfits"] is overfits


def test_a_run_whose_first_epoch_is_its_best_is_told(tmp_path: Path) -> None:
    study = of_one(tmp_path, [0.5, *[0.56] * (EPOCHS - 1)])
    assert verdict(study)["never_better"]
    assert "Never better than after the first epoch: the one run." in said(convergence(study))


def test_the_gap_is_taken_at_the_kept_epoch_of_a_score_on_both_splits(tmp_path: Path) -> None:
    train = np.linspace(0.5, 1.0, EPOCHS).tolist()
    validation = np.linspace(0.5, 0.7, EPOCHS).tolist()
    study = of_one(tmp_path, FLAT, train_accuracy=train, validation_accuracy=validation)
    assert study.frame["best_epoch"].tolist() == [3]
    assert verdict(study)["gap"] == pytest.approx(train[2] - validation[2])
    assert "Gap of accuracy at the kept epoch (training minus validation)" in said(
        convergence(study)
    )


def test_without_a_score_on_both_splits_no_gap_is_told(tmp_path: Path) -> None:
    section = convergence(of_one(tmp_path, FLAT))
    assert "Gap" not in said(section)
    assert "gap" not in table(section).frame


def test_counts_are_told_by_model_and_size(tmp_path: Path) -> None:
    def lines(run: Run) -> Lines:
        turns = run.model == "tiny_cnn" and run.n_train == 64
        return {"validation_loss": list(TURNING if turns else FLAT), "train_loss": list(FALLING)}

    section = convergence(written(made_study(tmp_path), lines))
    text = said(section)
    assert "From the curves of all 24 runs that ended well" in text
    assert "Settled: all 24 runs, in the median by epoch 3 of 12." in text
    assert "Overfitting: 6 of 24 runs (tiny_cnn: 6 of 12; n = 64: 6 of 12)." in text
    frame = table(section).frame
    assert frame["runs"].tolist() == [3] * 8
    assert frame["overfits"].sum() == 6
    assert set(frame.loc[frame["overfits"] > 0, "model"]) == {"tiny_cnn"}


def test_runs_that_stopped_early_are_counted_where_they_could(tmp_path: Path) -> None:
    config = {"training": {"early_stopping": {"patience": 3}}}
    study = of_one(tmp_path / "a", FLAT, config=config)
    path = study.folder / "runs" / study.plan.runs[0].path / "train.json"
    assert "Stopped early: none of the runs" in said(convergence(study))
    record = read_record(path, TrainRecord)
    write_record(path, record.model_copy(update={"stopped_by": "early_stopping"}))
    study = study_results(study.plan, study.folder)
    assert "Stopped early: the one run, in the median after epoch 12." in said(convergence(study))
    assert "Stopped early" not in said(convergence(of_one(tmp_path / "b", FLAT)))


def test_a_run_that_stopped_early_is_not_said_to_improve_with_a_larger_budget(
    tmp_path: Path,
) -> None:
    config = {"training": {"early_stopping": {"patience": 3}}}
    study = of_one(tmp_path, FALLING, config=config)
    assert "Still improving" in said(convergence(study))
    path = study.folder / "runs" / study.plan.runs[0].path / "train.json"
    record = read_record(path, TrainRecord)
    write_record(path, record.model_copy(update={"stopped_by": "early_stopping"}))
    assert "Still improving" not in said(convergence(study_results(study.plan, study.folder)))


@pytest.mark.parametrize(
    ("schedule", "words"),
    [("cosine", "schedule that ends with the budget"), ("step", "falls in steps")],
)
def test_what_a_schedule_does_to_a_curve_is_said(tmp_path: Path, schedule: str, words: str) -> None:
    config = {"training": {"schedule": schedule}}
    assert words in said(convergence(of_one(tmp_path, FLAT, config=config)))


def test_a_constant_rate_needs_no_word(tmp_path: Path) -> None:
    config = {"training": {"schedule": "constant"}}
    assert "learning rate" not in said(convergence(of_one(tmp_path, FLAT, config=config)))


def test_too_few_epochs_are_not_judged(tmp_path: Path) -> None:
    section = convergence(of_one(tmp_path, FLAT[:3]))
    assert said(section) == (
        "No run has a curve (epochs.jsonl) of the 4 epochs that a statement on it needs."
    )


def test_failed_runs_do_not_count_and_without_any_other_there_is_no_section(
    tmp_path: Path,
) -> None:
    def fate(run: Run) -> str:
        return "diverged" if run.seed == 0 else "ok"

    assert "all 16 runs" in said(convergence(made_study(tmp_path / "a", fate=fate)))
    assert convergence(made_study(tmp_path / "b", fate=lambda run: "oom")) is None


def test_a_value_that_is_missing_in_an_epoch_hides_nothing_else(tmp_path: Path) -> None:
    losses: list[Any] = [*FLAT]
    losses[5] = None
    found = verdict(of_one(tmp_path, losses))
    assert (found["settled_epoch"], found["epochs"]) == (3, 12)
