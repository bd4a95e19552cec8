"""results_summary.json: numbers computed by hand, and no mean that misleads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studygrid.grid import Run
from studygrid.interchange.results_summary import write_summary
from studygrid.plan import Plan
from studygrid.records import write_record
from studygrid.results.study_results import read_study
from tests.unit.made_records import ORIGIN, profile_record
from tests.unit.resomap_studies import (
    finished,
    plan_of,
    strict_json,
    write_failure,
    write_scores,
    write_study,
)

GUIDE_STATISTICS = [
    "num_experiments",
    "avg_test_accuracy",
    "best_test_accuracy",
    "worst_test_accuracy",
    "avg_test_f1",
    "avg_inference_time_sec",
]


def summary_of(folder: Path) -> dict[str, Any]:
    path = folder / "results_summary.json"
    write_summary(read_study(folder), path)
    found: dict[str, Any] = strict_json(path)
    return found


def score(plan: Plan, folder: Path, **accuracies: float) -> None:
    """Write one run a cell: ``tiny_cnn_32=0.5``."""
    write_study(plan, folder)
    for run in plan.runs:
        accuracy = accuracies.get(f"{run.model}_{run.resolution}")
        if accuracy is not None:
            write_scores(plan, folder, run, accuracy=accuracy, f1=accuracy / 2)


def test_the_numbers_of_a_finished_study_by_hand(tmp_path: Path) -> None:
    # Runs score 0.50 … 0.57 in axis order, so cells 0.505, 0.525, 0.545, 0.565.
    finished(tmp_path)
    found = summary_of(tmp_path)
    assert found["total_experiments"] == 4
    assert (found["models"], found["resolutions"]) == (["simple_cnn", "tiny_cnn"], [32, 48])
    assert found["totals"] == {
        "planned_cells": 4,
        "complete_cells": 4,
        "planned_runs": 8,
        "ok_runs": 8,
        "failed_runs": 0,
        "missing_runs": 0,
        "complete": True,
    }
    statistics = found["statistics"]
    simple = statistics["by_model"]["simple_cnn"]
    assert list(simple)[:6] == GUIDE_STATISTICS
    assert [simple[key] for key in GUIDE_STATISTICS] == pytest.approx(
        [2, 0.515, 0.525, 0.505, 0.265, 0.01]
    )
    assert simple["avg_throughput_samples_sec"] == 100.0
    small = statistics["by_resolution"]["32"]
    assert [small[key] for key in GUIDE_STATISTICS] == pytest.approx(
        [2, 0.525, 0.545, 0.505, 0.275, 0.01]
    )
    assert statistics["by_n_train"]["all"]["avg_test_accuracy"] == pytest.approx(0.535)
    assert statistics["overall"]["avg_test_accuracy"] == pytest.approx(0.535)
    best = statistics["by_model"]["tiny_cnn"]["best"]
    assert (best["resolution"], best["mean"], best["num_runs"]) == (48, pytest.approx(0.565), 2)
    loss = simple["metrics"]["loss"]
    assert [loss[key] for key in ("avg", "best", "worst")] == pytest.approx([0.485, 0.475, 0.495])


def test_the_top_five_are_ranked_by_the_metric_of_the_study(tmp_path: Path) -> None:
    plan = plan_of(grid={"resolution": [32, 48, 64], "seed": 1})
    values = {f"{model}_{side}": 0.1 * number for number, (model, side) in enumerate(plan.profiled)}
    score(plan, tmp_path, **values)
    top = summary_of(tmp_path)["top_5_results"]
    assert [(entry["rank"], entry["model"], entry["resolution"]) for entry in top] == [
        (1, "tiny_cnn", 64),
        (2, "tiny_cnn", 48),
        (3, "tiny_cnn", 32),
        (4, "simple_cnn", 64),
        (5, "simple_cnn", 48),
    ]
    assert (top[0]["test_accuracy"], top[0]["test_f1_score"]) == pytest.approx((0.5, 0.25))
    assert (top[0]["ci_low"], top[0]["num_runs"], top[0]["planned_runs"]) == (None, 1, 1)


def test_a_metric_of_which_less_is_better_ranks_the_least_first(tmp_path: Path) -> None:
    plan = plan_of(report={"metric": "loss"}, grid={"seed": 1})
    write_study(plan, tmp_path)
    for number, run in enumerate(plan.runs):
        write_scores(plan, tmp_path, run, loss=4.0 - number)
    found = summary_of(tmp_path)
    assert [entry["mean"] for entry in found["top_5_results"]] == [1.0, 2.0, 3.0, 4.0]
    simple = found["statistics"]["by_model"]["simple_cnn"]
    assert (simple["best"]["mean"], simple["worst"]["mean"]) == (3.0, 4.0)
    assert (simple["metrics"]["loss"]["best"], simple["metrics"]["loss"]["worst"]) == (3.0, 4.0)
    assert found["metric"]["higher_is_better"] is False


def test_cells_of_equal_means_keep_the_order_of_the_config(tmp_path: Path) -> None:
    plan = plan_of(grid={"seed": 1})
    write_study(plan, tmp_path)
    for run in plan.runs:
        write_scores(plan, tmp_path, run)
    top = summary_of(tmp_path)["top_5_results"]
    assert [Run(e["model"], e["resolution"], e["n_train"], 0) for e in top] == plan.runs


def test_models_are_averaged_over_the_settings_that_all_have(tmp_path: Path) -> None:
    # Over what it has, simple_cnn would lead by 0.7 to 0.6: for it lacks the hard resolution.
    plan = plan_of(grid={"seed": 1})
    score(plan, tmp_path, simple_cnn_32=0.7, tiny_cnn_32=0.8, tiny_cnn_48=0.4)
    found = summary_of(tmp_path)["statistics"]["by_model"]
    assert found["simple_cnn"]["avg_test_accuracy"] == 0.7
    tiny = found["tiny_cnn"]
    assert tiny["avg_test_accuracy"] == 0.8
    assert (tiny["best_test_accuracy"], tiny["worst_test_accuracy"]) == (0.8, 0.4)
    assert tiny["averaged_over"] == [[32, "all"]]
    assert tiny["metrics"]["accuracy"]["averaged_cells"] == 1
    assert (tiny["comparable"], tiny["complete"]) == (True, True)
    assert (found["simple_cnn"]["complete"], found["simple_cnn"]["missing_runs"]) == (False, 1)


def test_groups_without_a_common_setting_say_that_they_cannot_be_compared(tmp_path: Path) -> None:
    plan = plan_of(grid={"seed": 1})
    score(plan, tmp_path, simple_cnn_32=0.7, tiny_cnn_48=0.4)
    found = summary_of(tmp_path)["statistics"]["by_model"]
    assert found["simple_cnn"]["avg_test_accuracy"] == 0.7
    assert found["tiny_cnn"]["avg_test_accuracy"] == 0.4
    assert [found[name]["comparable"] for name in found] == [False, False]


def test_a_model_without_results_takes_nothing_from_the_others_and_is_counted(
    tmp_path: Path,
) -> None:
    plan = plan_of(grid={"seed": 1})
    score(plan, tmp_path, simple_cnn_32=0.7, simple_cnn_48=0.5)
    write_failure(plan, tmp_path, plan.runs[2])
    found = summary_of(tmp_path)
    assert list(found["statistics"]["by_model"]) == ["simple_cnn"]
    assert found["statistics"]["by_model"]["simple_cnn"]["avg_test_accuracy"] == 0.6
    assert found["totals"]["failed_runs"] == found["totals"]["missing_runs"] == 1
    assert found["totals"]["complete"] is False
    failed, missing = found["without_results"]
    assert (failed["model"], failed["seeds"], failed["status"]) == ("tiny_cnn", [0], "diverged")
    assert failed["reason"] == "the loss was NaN in epoch 2"
    assert (missing["resolution"], missing["status"]) == (48, "missing")


def test_times_of_different_devices_are_not_averaged(tmp_path: Path) -> None:
    plan = finished(tmp_path)
    device = ORIGIN.hardware.device.model_copy(update={"name": "Another GPU"})
    hardware = ORIGIN.hardware.model_copy(update={"device": device})
    record = profile_record(
        plan, "tiny_cnn", 48, origin=ORIGIN.model_copy(update={"hardware": hardware})
    )
    write_record(tmp_path / "profiles" / "tiny_cnn" / "res48.json", record)
    found = summary_of(tmp_path)["statistics"]["by_model"]
    assert found["tiny_cnn"]["avg_inference_time_sec"] is None
    assert found["tiny_cnn"]["avg_throughput_samples_sec"] is None
    assert found["tiny_cnn"]["inference_devices"] == ["Another GPU", "Some GPU"]
    assert found["simple_cnn"]["avg_inference_time_sec"] == 0.01


def test_sizes_do_not_weigh_the_costs(tmp_path: Path) -> None:
    plan = plan_of(
        grid={"n_train": [64, 128, "all"], "exclude": [{"resolution": 48, "n_train": [64, 128]}]}
    )
    finished(tmp_path, plan)
    record = profile_record(plan, "tiny_cnn", 48)
    first = record.latency[0].model_copy(update={"median_sec_per_sample": 0.03})
    write_record(
        tmp_path / "profiles" / "tiny_cnn" / "res48.json",
        record.model_copy(update={"latency": [first, *record.latency[1:]]}),
    )
    found = summary_of(tmp_path)["statistics"]["by_model"]["tiny_cnn"]
    assert found["avg_inference_time_sec"] == pytest.approx(0.02)


def test_the_sizes_have_statistics_of_their_own(tmp_path: Path) -> None:
    finished(tmp_path, plan_of(grid={"n_train": [64, "all"], "seed": 1}))
    found = summary_of(tmp_path)
    assert found["n_train"] == [64, "all"]
    by_size = found["statistics"]["by_n_train"]
    # Scores 0.50 … 0.57 in the order 64, all, 64, all, …
    assert by_size["64"]["avg_test_accuracy"] == pytest.approx(0.53)
    assert by_size["all"]["avg_test_accuracy"] == pytest.approx(0.54)


def test_the_summary_has_no_time_but_that_of_the_records(tmp_path: Path) -> None:
    finished(tmp_path)
    facts = summary_of(tmp_path)["generated_from"]
    assert facts["latest_run"] == "2024-05-01T10:01:00+00:00"
    first = (tmp_path / "results_summary.json").read_bytes()
    summary_of(tmp_path)
    assert (tmp_path / "results_summary.json").read_bytes() == first
