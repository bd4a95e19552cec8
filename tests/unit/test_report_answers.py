"""The sentences of a report say what the numbers say: checked against hand and scipy."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from studygrid.grid import Run
from studygrid.plan import Plan
from studygrid.records import Status, write_record
from studygrid.report.answers import answers
from studygrid.report.answers.costs import costs_of
from studygrid.report.answers.gains import gains_along
from studygrid.results.study_results import StudyResults, study_results
from tests.unit.made_records import (
    ORIGIN,
    evaluate_record,
    profile_record,
    small_plan,
    train_record,
    write_profiles,
    write_run,
)

FAILED: dict[str, Any] = {
    "status": Status.DIVERGED,
    "reason": "the loss was NaN in epoch 2",
    "checkpoint": None,
    "stopped_by": "failure",
    "best_value": None,
}
SEEDS = 3
# Scores that differ from seed to seed alike in all cells, so that pairs tell more than means.
NOISE = np.random.default_rng(3).normal(0, 0.02, 16)


def plan_of(seeds: int = SEEDS, metric: str = "accuracy", **changes: Any) -> Plan:
    grid = {"resolution": [48, 32], "n_train": ["all", 64], "seed": seeds}
    return small_plan(**{"grid": grid, "report": {"metric": metric}} | changes)


def score(run: Run) -> float:
    """simple_cnn gains 0.1 by data and 0.05 by resolution, tiny_cnn gains 0.02 and loses 0.01."""
    more, larger = run.n_train == "all", run.resolution == 48
    if run.model == "simple_cnn":
        return 0.7 + 0.1 * more + 0.05 * larger + float(NOISE[run.seed])
    return 0.65 + 0.02 * more - 0.01 * larger + float(NOISE[run.seed]) + 0.001 * run.seed


def written(
    folder: Path, plan: Plan, value: Callable[[Run], float] = score, profiles: bool = True
) -> Path:
    for run in plan.runs:
        write_run(plan, folder, run, score=value(run))
    if profiles:
        write_profiles(plan, folder)
    return folder


def said(study: StudyResults) -> dict[str, str]:
    return {answer.name: " ".join(answer.sentences) for answer in answers(study)}


@pytest.fixture
def study(tmp_path: Path) -> StudyResults:
    plan = plan_of()
    return study_results(plan, written(tmp_path, plan))


# --- The best cell


def test_the_best_cell_has_its_mean_interval_and_seeds(study: StudyResults) -> None:
    values = [score(Run("simple_cnn", 48, "all", seed)) for seed in range(SEEDS)]
    half = scipy.stats.t.ppf(0.975, SEEDS - 1) * scipy.stats.sem(values)
    mean = np.mean(values)
    text = said(study)["best"]
    assert text.startswith(
        "Best by mean accuracy (higher is better) is simple_cnn, 48 px, all training samples: "
        f"{mean:.2f}, 95 % Student-t interval {mean - half:.2f} to {mean + half:.2f}, over 3 seeds."
    )


def test_cells_that_differ_alike_in_every_seed_are_told_apart(tmp_path: Path) -> None:
    plan = plan_of()
    study = study_results(plan, written(tmp_path, plan, lambda run: score(run) + noisy(run) / 500))
    text = said(study)["best"]
    assert "told apart from every other cell (paired t test" in text
    assert "over 7 comparisons" in text
    assert "Choosing the best of 8 cells by these same scores flatters it" in text


def test_cells_within_the_noise_are_named_as_not_told_apart(tmp_path: Path) -> None:
    plan = plan_of()
    generator = np.random.default_rng(1)
    values = {run: 0.7 + generator.normal(0, 0.05) for run in plan.runs}
    study = study_results(plan, written(tmp_path, plan, values.__getitem__))
    text = said(study)["best"]
    assert "It cannot be told apart from any of the 7 other cells" in text
    assert "and 1 more" in text
    assert "Not told apart does not mean equal" in text


@pytest.mark.parametrize(("seeds", "floor"), [(2, "0.5"), (3, "0.25"), (5, "0.0625"), (6, None)])
def test_too_few_seeds_for_the_exact_test_are_said(
    seeds: int, floor: str | None, tmp_path: Path
) -> None:
    plan = plan_of(seeds)
    text = said(study_results(plan, written(tmp_path, plan)))["best"]
    if floor is None:
        assert "sign-flip" not in text
    else:
        assert f"With {seeds} pairs of runs the exact sign-flip test" in text
        assert f"cannot give less than p = {floor}," in text


def test_where_less_is_better_the_least_is_best(tmp_path: Path) -> None:
    plan = plan_of(metric="loss")
    found = said(study_results(plan, written(tmp_path, plan)))
    assert "Best by mean loss (lower is better) is tiny_cnn, 48 px, n = 64: 0.64" in found["best"]
    assert " nats" in found["best"]
    # More data raises these scores, which is worse for a loss.
    assert "on the better side of 0 for 0 of 2 models, on the worse side for 2" in found["n_train"]


def test_one_seed_gives_no_interval_and_says_so(tmp_path: Path) -> None:
    plan = plan_of(seeds=1)
    found = said(study_results(plan, written(tmp_path, plan)))
    assert "is simple_cnn, 48 px, all training samples: 0.891, from one" in found["best"]
    assert "One run has no interval" in found["best"]
    assert "7 other cells share fewer than two seeds with it" in found["best"]
    assert "there is no interval: this may be chance" in found["n_train"]
    assert "95 %" not in " ".join(found.values())
    assert "cannot be told apart" not in found["cost"]


def test_a_best_cell_that_lost_runs_is_said_to_have(tmp_path: Path) -> None:
    plan = plan_of()
    written(tmp_path, plan)
    write_run(plan, tmp_path, Run("simple_cnn", 48, "all", 0), **FAILED)
    found = said(study_results(plan, tmp_path))
    assert "1 of 8 ranked cells lacks some of the planned runs" in found["best"]
    assert "The best cell itself has 2 of 3 runs" in found["best"]
    assert "the best that has all of its runs is simple_cnn, 32 px, all training" in found["best"]
    assert found["failures"].startswith(
        "1 of 24 planned runs has no score: 1 diverged. By model: simple_cnn 1. Runs do not fail"
    )


def test_cells_of_one_mean_are_both_named(tmp_path: Path) -> None:
    plan = plan_of()
    study = study_results(plan, written(tmp_path, plan, lambda run: 0.5 + run.seed / 8))
    assert "The same mean has simple_cnn, 48 px, n = 64; " in said(study)["best"]


# --- What more of an axis bought


def test_gains_are_differences_paired_by_seed(study: StudyResults) -> None:
    gains = gains_along(study.frame, "test_accuracy", "n_train", 48)
    assert gains
    assert (gains.low, gains.high, gains.at, gains.left_out) == ("64", "all", 48, ())
    changes = {gain.model: gain.change for gain in gains.of}
    assert changes["simple_cnn"].difference == pytest.approx(0.1)
    assert changes["tiny_cnn"].difference == pytest.approx(0.02)
    assert {change.n for change in changes.values()} == {3}
    text = said(study)
    assert "From 64 to 1,599 training samples, at 48 px" in text["n_train"]
    assert "lies between +0.020" in text["n_train"]
    assert "over 2 models" in text["n_train"]
    assert "Of simple_cnn, the model of the best cell, it changes by +0.100" in text["n_train"]
    assert "From 32 px to 48 px, with all training samples" in text["resolution"]


def test_an_interval_of_a_change_is_that_of_a_paired_t_test(tmp_path: Path) -> None:
    plan = plan_of()
    generator = np.random.default_rng(8)
    values = {run: float(generator.normal(0.7, 0.05)) for run in plan.runs}
    study = study_results(plan, written(tmp_path, plan, values.__getitem__))
    gains = gains_along(study.frame, "test_accuracy", "resolution", "64")
    assert gains
    change = next(gain.change for gain in gains.of if gain.model == "tiny_cnn")
    large, small = (
        [values[Run("tiny_cnn", side, 64, seed)] for seed in range(SEEDS)] for side in (48, 32)
    )
    expected = scipy.stats.ttest_rel(large, small).confidence_interval()
    assert change.ci_low == pytest.approx(expected.low)
    assert change.ci_high == pytest.approx(expected.high)


def rows(*runs: tuple[str, int, str, int, float]) -> pd.DataFrame:
    names = ["model", "resolution", "n_train", "seed", "score"]
    frame = pd.DataFrame(runs, columns=names)
    sizes = frame["n_train"].map({"64": 64, "all": 1000})
    return frame.assign(status="ok", train_samples=sizes)


def test_only_seeds_at_both_ends_count_and_models_without_are_named() -> None:
    frame = rows(
        ("a", 32, "64", 0, 0.5), ("a", 32, "64", 1, 0.9), ("a", 32, "all", 0, 0.75),
        ("b", 32, "64", 0, 0.5), ("b", 32, "all", 1, 0.75),
    )  # fmt: skip
    gains = gains_along(frame, "score", "n_train", 32)
    assert gains
    assert [(gain.model, gain.change.n, gain.change.difference) for gain in gains.of] == [
        ("a", 1, 0.25)
    ]
    assert gains.left_out == ("b",)


def test_where_the_preferred_place_has_no_pair_the_one_with_most_models_is_taken() -> None:
    frame = rows(
        ("a", 32, "64", 0, 0.5), ("a", 32, "all", 0, 0.75),
        ("a", 48, "64", 0, 0.5), ("a", 48, "all", 0, 1.0),
        ("b", 48, "64", 0, 0.5), ("b", 48, "all", 0, 1.0), ("b", 64, "all", 0, 1.0),
    )  # fmt: skip
    gains = gains_along(frame, "score", "n_train", 64)
    assert gains
    assert (gains.at, len(gains.of)) == (48, 2)


def test_ends_that_never_meet_give_no_gain() -> None:
    frame = rows(("a", 32, "64", 0, 0.5), ("a", 48, "all", 0, 0.75))
    assert gains_along(frame, "score", "n_train", 32) is None
    assert gains_along(frame[:1], "score", "n_train", 32) is None


def test_one_size_cannot_say_what_data_buys(tmp_path: Path) -> None:
    plan = plan_of(grid={"resolution": [48, 32], "n_train": [64], "seed": 2})
    found = said(study_results(plan, written(tmp_path, plan)))
    assert found["n_train"] == "The study has one training size (n = 64): it cannot say."


def test_a_size_without_a_score_is_named(tmp_path: Path) -> None:
    plan = plan_of(grid={"resolution": [32], "n_train": [64, 128, "all"], "seed": 2})
    for run in plan.runs:
        if run.n_train != "all":
            write_run(plan, tmp_path, run, score=run.seed / 8)
    text = said(study_results(plan, tmp_path))["n_train"]
    assert "From 64 to 128 training samples" in text
    assert "No run with all training samples has a score" in text


# --- Chance


def test_cells_whose_interval_holds_chance_are_counted(tmp_path: Path) -> None:
    plan = plan_of()
    study = study_results(plan, written(tmp_path, plan, lambda run: score(run) - 0.15))
    text = said(study)["chance"]
    assert "A guesser that ignores the input scores 0.500 on the test split" in text
    best = np.mean([score(Run("simple_cnn", 48, "all", seed)) - 0.15 for seed in range(SEEDS)])
    assert f"the best cell is better by {best - 0.5:.2f}" in text
    low = study.summary[study.summary["metric"] == "test_accuracy"]["ci_low"]
    unsure = int((low <= 0.5).sum())
    assert 0 < unsure < 8
    assert f"The 95 % intervals of {unsure} of 8 cells hold that number" in text


def test_a_best_cell_below_chance_is_said_to_be(tmp_path: Path) -> None:
    plan = plan_of()
    study = study_results(plan, written(tmp_path, plan, lambda run: score(run) - 0.5))
    assert "not even the best cell does better" in said(study)["chance"]


def test_a_metric_without_chance_has_no_such_answer(tmp_path: Path) -> None:
    plan = plan_of(metric="ece")
    assert "chance" not in said(study_results(plan, written(tmp_path, plan)))


# --- Cost


def with_latency(plan: Plan, folder: Path, seconds: dict[str, float], device: str) -> None:
    for model, resolution in plan.profiled:
        made = profile_record(plan, model, resolution)
        latency = [
            one.model_copy(update={"median_sec_per_sample": seconds[model] / one.batch_size})
            for one in made.latency
        ]
        hardware = ORIGIN.hardware
        named = hardware.device.model_copy(update={"name": device if model == "tiny_cnn" else "A"})
        origin = ORIGIN.model_copy(
            update={"hardware": hardware.model_copy(update={"device": named})}
        )
        path = folder / "profiles" / model / f"res{resolution}.json"
        write_record(path, made.model_copy(update={"latency": latency, "origin": origin}))


def noisy(run: Run) -> float:
    return 0.7 + 0.2 * float(np.random.default_rng(hash_of(run)).random())


def hash_of(run: Run) -> int:
    return len(run.model) * 1000 + run.resolution * 10 + run.seed + (run.n_train == "all") * 7


def test_the_cheapest_cell_not_told_apart_has_its_ratio(tmp_path: Path) -> None:
    plan = plan_of()
    values = {run: noisy(run) + 0.05 * (run.model == "simple_cnn") for run in plan.runs}
    written(tmp_path, plan, values.__getitem__)
    with_latency(plan, tmp_path, {"simple_cnn": 0.004, "tiny_cnn": 0.001}, "A")
    found = said(study_results(plan, tmp_path))
    assert "is simple_cnn" in found["best"]
    assert "4.00 ms in batches of 1 and 500 µs in batches of 8 (median) on A" in found["cost"]
    assert "1.00 ms a sample in batches of 1, the best takes 4.00 times that" in found["cost"]
    assert "Training took 12.5 s a run (median) on Some GPU" in found["cost"]
    assert "1,234 parameters and 1.00 MFLOPs a sample" in found["cost"]


def test_times_of_another_device_are_not_compared(tmp_path: Path) -> None:
    plan = plan_of()
    values = {run: noisy(run) + 0.05 * (run.model == "simple_cnn") for run in plan.runs}
    written(tmp_path, plan, values.__getitem__)
    with_latency(plan, tmp_path, {"simple_cnn": 0.004, "tiny_cnn": 0.001}, "B")
    text = said(study_results(plan, tmp_path))["cost"]
    assert "not measured on that device left aside" in text
    assert re.search(r"\(\d such cells? not measured on that device left aside\)", text)
    assert "times that" not in text


def test_without_a_profile_it_says_so(tmp_path: Path) -> None:
    plan = plan_of()
    text = said(study_results(plan, written(tmp_path, plan, profiles=False)))["cost"]
    assert "There is no profile of the inference of the best cell." in text
    assert "cheapest" not in text
    plan = plan_of(profiling={"enabled": False})
    text = said(study_results(plan, tmp_path))["cost"]
    assert "Inference was not profiled" in text


def test_training_on_several_devices_is_not_summed_up(study: StudyResults) -> None:
    frame = study.frame.copy()
    frame.loc[0, "train_device"] = "Another GPU"
    cell = tuple(frame.loc[0, ["model", "resolution", "n_train"]])
    assert costs_of(frame, [1])[cell].train_devices == ("Another GPU", "Some GPU")
    text = said(replace(study, frame=frame))["cost"]
    assert "several devices (Another GPU and Some GPU)" in text
    assert "12.5 s" not in text.partition("several devices")[0]


# --- Nothing, and the whole


def test_a_study_without_a_result_has_nothing_to_answer(tmp_path: Path) -> None:
    found = said(study_results(plan_of(), tmp_path))
    assert found == {
        "best": "No run has a value of Accuracy yet: there is nothing to answer.",
        "failures": "24 of 24 planned runs have no score: 24 missing. By model: simple_cnn 12 and "
        "tiny_cnn 12.",
    }


def test_an_undefined_metric_is_counted(tmp_path: Path) -> None:
    plan = plan_of(metric="auroc")
    written(tmp_path, plan)
    run = plan.runs[0]
    record = evaluate_record(plan, train_record(plan, run), undefined={"auroc": "one class"})
    record.metrics["auroc"] = None
    write_record(tmp_path / "runs" / run.path / "evaluate.json", record)
    text = said(study_results(plan, tmp_path))["failures"]
    assert text == "1 run ended well but has no value of AUROC: it is undefined there."


def test_one_cell_is_an_answer_too(tmp_path: Path) -> None:
    plan = plan_of(models={"tiny_cnn": None}, grid={"resolution": [32], "n_train": [64], "seed": 3})
    found = said(study_results(plan, written(tmp_path, plan)))
    assert "told apart" not in " ".join(found.values())
    assert "flatters" not in found["best"]


@pytest.mark.parametrize("seeds", [1, 2, 6])
def test_nothing_is_called_significant_and_no_number_is_nan(seeds: int, tmp_path: Path) -> None:
    plan = plan_of(seeds)
    text = " ".join(said(study_results(plan, written(tmp_path, plan))).values())
    assert "significan" not in text
    assert not re.search(r"\b(nan|None|inf)\b", text)


def test_values_without_any_spread_are_words_too(tmp_path: Path) -> None:
    plan = plan_of()
    found = said(study_results(plan, written(tmp_path, plan, lambda run: 0.5)))
    assert "0.500, 95 % Student-t interval 0.500 to 0.500" in found["best"]
    assert "holds 0 for 2" in found["n_train"]


def test_models_of_one_pair_are_counted_beside_the_intervals(tmp_path: Path) -> None:
    plan = plan_of()
    written(tmp_path, plan)
    gone = [run for run in plan.runs if run.model == "tiny_cnn" and run.n_train == 64 and run.seed]
    for run in gone:
        (tmp_path / "runs" / run.path / "evaluate.json").unlink()
    found = said(study_results(plan, tmp_path))
    assert "; 1 more, of one pair of runs, has none. These" in found["n_train"]


def test_intervals_beyond_chance_are_those_of_the_cells_that_have_one(tmp_path: Path) -> None:
    plan = plan_of()
    written(tmp_path, plan)
    for run in plan.runs:
        if run.model == "tiny_cnn" and run.n_train == 64 and run.resolution == 32 and run.seed:
            (tmp_path / "runs" / run.path / "evaluate.json").unlink()
    assert "of all 7 cells that have one lie" in said(study_results(plan, tmp_path))["chance"]


def test_the_only_run_is_one(tmp_path: Path) -> None:
    plan = plan_of(models={"tiny_cnn": None}, grid={"resolution": [32], "n_train": [64], "seed": 1})
    found = said(study_results(plan, written(tmp_path, plan)))
    assert found["failures"] == "The planned run has a score; nothing was left out."
