"""The tables count every planned run, whatever became of it, and their numbers are right."""

from __future__ import annotations

import csv
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studygrid.grid import Run
from studygrid.plan import Plan
from studygrid.records import Status, TrainRecord, read_record, write_record
from studygrid.results.rows import run_rows
from studygrid.results.summary import summary_rows
from studygrid.tables import job as tables
from studygrid.tables.delimited import write_csv
from studygrid.tables.job import describe
from tests.unit.made_records import (
    evaluate_record,
    profile_record,
    small_plan,
    train_record,
    write_profiles,
    write_run,
)

PLAN = small_plan()
RUN = PLAN.runs[0]
COUNTS = ["planned", "ok", "failed", "missing", "n"]
DIVERGED: dict[str, Any] = {
    "status": Status.DIVERGED,
    "reason": "the loss was NaN in epoch 2",
    "checkpoint": None,
    "stopped_by": "failure",
    "best_value": None,
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Return a results folder of which every run went well; its score is its seed / 8."""
    for run in PLAN.runs:
        write_run(PLAN, tmp_path, run, score=run.seed / 8)
    write_profiles(PLAN, tmp_path)
    return tmp_path


def row_of(run: Run, results: Path, plan: Plan = PLAN) -> dict[str, Any]:
    return next(
        row
        for row in run_rows(plan, results)
        if all(row[axis] == getattr(run, axis) for axis in vars(run))
    )


def train_file(run: Run, results: Path) -> Path:
    return results / "runs" / run.path / "train.json"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# --- One row a run


def test_there_is_one_row_a_planned_run_in_the_order_of_the_config(results: Path) -> None:
    rows = run_rows(PLAN, results)
    assert [
        Run(row["model"], row["resolution"], row["n_train"], row["seed"]) for row in rows
    ] == list(PLAN.runs)
    assert list(dict.fromkeys(row["resolution"] for row in rows)) == [48, 32]
    assert list(dict.fromkeys(row["n_train"] for row in rows)) == ["all", 64]
    assert {row["status"] for row in rows} == {"ok"}


def test_a_row_has_what_the_records_say(results: Path) -> None:
    row = row_of(Run("tiny_cnn", 32, 64, 2), results)
    assert row["reason"] is None
    assert row["train_samples"] == 64
    assert row["test_accuracy"] == row["test_loss"] == 0.25
    assert (row["best_epoch"], row["epochs"], row["steps"]) == (3, 10, 100)
    assert (row["parameters"], row["batch_size"], row["precision"]) == (1234, 32, "float32")
    assert row["train_device"] == row["profile_device"] == "Some GPU"
    assert row["checkpoint_sha256"] == "of tiny_cnn/res32/n64/seed2"
    assert row["profile_b8_median_sec_per_batch"] == 0.08
    assert row["profile_flops_per_sample"] == 10**6


def test_the_columns_are_the_same_whatever_is_there(results: Path, tmp_path: Path) -> None:
    full = run_rows(PLAN, results)
    empty = run_rows(PLAN, tmp_path / "nowhere")
    assert {tuple(row) for row in [*full, *empty]} == {tuple(full[0])}
    assert {f"test_{name}" for name in PLAN.family.metric_names} <= full[0].keys()


def test_without_profiling_there_are_no_columns_of_it(results: Path) -> None:
    plan = small_plan(profiling={"enabled": False})
    assert not [column for column in run_rows(plan, results)[0] if column.startswith("profile")]


def test_a_run_that_failed_is_a_row_with_its_status_and_reason(results: Path) -> None:
    write_run(PLAN, results, RUN, **DIVERGED)
    row = row_of(RUN, results)
    assert (row["status"], row["reason"]) == ("diverged", "the loss was NaN in epoch 2")
    assert row["test_accuracy"] is None
    assert row["epochs"] == 10


def test_an_undefined_metric_is_empty_and_says_why(results: Path) -> None:
    train = train_record(PLAN, RUN)
    record = evaluate_record(PLAN, train, undefined={"auroc": "the split lacks a class"})
    record.metrics["auroc"] = None
    write_record(results / "runs" / RUN.path / "evaluate.json", record)
    row = row_of(RUN, results)
    assert (row["status"], row["test_auroc"]) == ("ok", None)
    assert row["undefined"] == "auroc: the split lacks a class"


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def cut(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return change


def other_weights(folder: Path) -> None:
    path = folder / "train.json"
    train = read_record(path, TrainRecord)
    assert train.checkpoint
    checkpoint = train.checkpoint.model_copy(update={"sha256": "others"})
    write_record(path, train.model_copy(update={"checkpoint": checkpoint}))


def other_settings(folder: Path) -> None:
    plan = small_plan(training={"learning_rate": 0.5})
    train = train_record(plan, RUN)
    write_record(folder / "train.json", train)
    write_record(folder / "evaluate.json", evaluate_record(plan, train))


@pytest.mark.parametrize(
    ("change", "file", "reason"),
    [
        (remove("train.json"), "train.json", "missing"),
        (remove("evaluate.json"), "evaluate.json", "missing"),
        (cut("train.json"), "train.json", "is not JSON"),
        (cut("evaluate.json"), "evaluate.json", "is not JSON"),
        (other_weights, "evaluate.json", "scores other weights than train.json names"),
        (other_settings, "train.json", "is of other settings than the study's (training)"),
    ],
)
def test_a_run_whose_records_cannot_be_used_is_missing_and_says_why(
    change: Callable[[Path], None], file: str, reason: str, results: Path
) -> None:
    folder = results / "runs" / RUN.path
    change(folder)
    row = row_of(RUN, results)
    assert row["status"] == "missing"
    assert row["reason"].startswith(f"{folder / file}: {reason}")
    assert {row[column] for column in row if column.startswith(("test_", "train_"))} == {None}
    assert sum(row["status"] == "ok" for row in run_rows(PLAN, results)) == len(PLAN.runs) - 1


def test_a_profile_that_cannot_be_used_is_missing_and_the_run_is_not(results: Path) -> None:
    path = results / "profiles" / RUN.model / f"res{RUN.resolution}.json"
    path.unlink()
    row = row_of(RUN, results)
    assert (row["status"], row["profile_status"]) == ("ok", "missing")
    assert row["profile_reason"] == f"{path}: missing"
    assert row["profile_b1_median_sec_per_batch"] is None
    other = small_plan(profiling={"batch_sizes": [1, 8], "threads": 7})
    write_record(path, profile_record(other, RUN.model, RUN.resolution))
    assert (
        "of other settings than the study's (profiling)" in row_of(RUN, results)["profile_reason"]
    )


# --- One row a cell and metric


def test_every_cell_counts_its_planned_ok_failed_and_missing_runs(results: Path) -> None:
    cell = [run for run in PLAN.runs if run.cell == RUN.cell]
    write_run(PLAN, results, cell[0], **DIVERGED)
    train_file(cell[1], results).unlink()
    summary = pd.DataFrame(summary_rows(PLAN, run_rows(PLAN, results)))
    own = (summary["model"] == RUN.model) & (summary["resolution"] == RUN.resolution)
    own &= summary["n_train"] == RUN.n_train
    assert len(summary) == len(PLAN.cells) * len(PLAN.family.metrics)
    assert summary.loc[own, COUNTS].drop_duplicates().to_numpy().tolist() == [[3, 1, 1, 1, 1]]
    assert summary.loc[~own, COUNTS].drop_duplicates().to_numpy().tolist() == [[3, 3, 0, 0, 3]]
    assert summary.loc[own, ["sd", "ci_low", "ci_high"]].isna().all(axis=None)


def test_a_study_without_a_single_result_has_all_its_cells(tmp_path: Path) -> None:
    summary = summary_rows(PLAN, run_rows(PLAN, tmp_path))
    assert len(summary) == len(PLAN.cells) * len(PLAN.family.metrics)
    assert {(row["planned"], row["missing"], row["n"], row["mean"]) for row in summary} == {
        (3, 3, 0, None)
    }


def test_the_summary_is_what_pandas_and_scipy_make_of_the_runs() -> None:
    generator = np.random.default_rng(5)
    rows = [
        {
            **vars(run),
            "status": "ok",
            **{f"test_{name}": generator.normal() for name in PLAN.family.metric_names},
        }
        for run in PLAN.runs
    ]
    rows[4]["test_auroc"] = None
    keys = ["model", "resolution", "n_train", "metric"]
    found = pd.DataFrame(summary_rows(PLAN, rows)).set_index(keys)
    metrics = [f"test_{name}" for name in PLAN.family.metric_names]
    frame = pd.DataFrame(rows).melt(keys[:3], metrics, "metric").dropna()
    groups = frame.astype({"value": float}).groupby(keys)["value"]
    expected = groups.agg(["count", "mean", "std", "median", "min", "max"])
    half = scipy.stats.t.ppf(0.975, expected["count"] - 1) * groups.sem()
    expected = expected.assign(low=expected["mean"] - half, high=expected["mean"] + half)
    assert len(expected) == len(found)
    pairs = {"n": "count", "mean": "mean", "sd": "std", "median": "median", "min": "min",
             "max": "max", "ci_low": "low", "ci_high": "high"}  # fmt: skip
    for column, other in pairs.items():
        aligned = expected[other].reindex(found.index).astype(float)
        np.testing.assert_allclose(found[column].astype(float), aligned, rtol=1e-12)
    assert found.loc[[(*vars(PLAN.runs[4].cell).values(), "test_auroc")], "n"].tolist() == [2]


# --- CSV


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_number_in_a_csv_reads_back_to_the_same_bits(tmp_path: Path, values: list[float]) -> None:
    write_csv(tmp_path / "t.csv", [{"value": value} for value in values])
    read_back = [float(row["value"]) for row in read(tmp_path / "t.csv")]
    assert struct.pack(f"{len(values)}d", *read_back) == struct.pack(f"{len(values)}d", *values)


@given(st.text(st.characters(codec="utf-8")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_cell_starts_a_formula(tmp_path: Path, text: str) -> None:
    for value in (text, *(f"{start}{text}" for start in "=+-@\t\r\n＝")):
        write_csv(tmp_path / "t.csv", [{"a": value, value: 1}])
        for cell in next(
            csv.reader(io.StringIO((tmp_path / "t.csv").read_bytes().decode(), newline=""))
        ):
            assert not cell.startswith(tuple("=+-@\t\r\n＝＋－＠"))


def test_a_text_stays_as_it_is_but_for_a_quote_before_a_formula(tmp_path: Path) -> None:
    texts = ["plain", "a,b", 'a "b"', "two\nlines", "=1+1", "-x", "ünï", ""]
    write_csv(tmp_path / "t.csv", [{"a": text, "b": -0.5, "c": None, "d": True} for text in texts])
    rows = read(tmp_path / "t.csv")
    assert [row["a"] for row in rows] == [*texts[:4], "'=1+1", "'-x", *texts[6:]]
    assert {(row["b"], row["c"], row["d"]) for row in rows} == {("-0.5", "", "True")}


# --- The job


def job(results: Path) -> int:
    files = {"--runs": "aggregated_metrics.csv", "--summary": "summary_statistics.csv",
             "--study": "study.yaml", "--log": "aggregate.log"}  # fmt: skip
    arguments = [part for name, file in files.items() for part in (name, str(results / file))]
    return tables.main(arguments)


def test_the_job_writes_both_tables_and_says_how_many_runs_ended_how(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(PLAN, results, RUN, **DIVERGED)
    train_file(PLAN.runs[5], results).unlink()
    (results / "study.yaml").write_text(yaml.safe_dump(PLAN.resolved(), sort_keys=False))
    assert job(results) == 0
    rows = read(results / "aggregated_metrics.csv")
    assert len(rows) == len(PLAN.runs)
    assert list(rows[0]) == list(run_rows(PLAN, results)[0])
    assert len(read(results / "summary_statistics.csv")) == len(PLAN.cells) * len(
        PLAN.family.metrics
    )
    text = (results / "aggregate.log").read_text()
    assert "24 runs: 22 ok, 1 failed, 1 missing" in text
    assert "simple_cnn res48 nall seed0: diverged: the loss was NaN in epoch 2" in text
    assert "24 runs: 22 ok, 1 failed, 1 missing" in capsys.readouterr().err


def test_the_job_refuses_a_broken_study_and_leaves_the_tables(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "study.yaml").write_text("family: classification\n")
    (results / "aggregated_metrics.csv").write_text("old")
    assert job(results) == 1
    assert "error: the config has 3 problems" in capsys.readouterr().err
    assert (results / "aggregated_metrics.csv").read_text() == "old"


def test_where_all_went_well_there_is_one_line(results: Path) -> None:
    assert describe(run_rows(PLAN, results)) == "24 runs: 24 ok, 0 failed, 0 missing"
