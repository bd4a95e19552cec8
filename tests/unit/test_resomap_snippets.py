"""What the guide shows readers to do with the files works on ours, without a change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import openpyxl
import pandas as pd
import pytest

from studygrid.cli import main
from tests.unit.resomap_studies import finished, plan_of, write_failure

COLUMN = "test_accuracy"


@pytest.fixture(params=["whole", "partial", "one seed", "several sizes"])
def table(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Aggregate a study as far as the parameter says, in ``results`` of the present folder."""
    several = {"n_train": [64, "all"]} if request.param == "several sizes" else {}
    seeds = {"seed": 1} if request.param == "one seed" else {}
    plan = finished(tmp_path / "results", plan_of(grid={**several, **seeds}))
    if request.param == "partial":
        write_failure(plan, tmp_path / "results", plan.runs[0])
        for run in plan.runs[2:4]:
            (tmp_path / "results" / "runs" / run.path / "train.json").unlink()
    monkeypatch.chdir(tmp_path)
    assert main(["aggregate", "--no-console"]) == 0
    return str(request.param)


@pytest.fixture
def plain_backend() -> Iterator[None]:
    before = mpl.get_backend()
    mpl.use("Agg")
    yield
    mpl.use(before)


def test_the_best_overall_by_model_and_by_resolution_in_pandas(table: str) -> None:
    df = pd.read_csv("results/all_results.csv")
    assert len(df) == (8 if table == "several sizes" else 4)
    top = df.nlargest(5, COLUMN)[["model", "resolution", COLUMN]]
    assert top.iloc[0].tolist()[:2] == ["tiny_cnn", 48]
    assert top[COLUMN].dropna().is_monotonic_decreasing
    assert top[COLUMN].isna().sum() == (1 if table == "partial" else 0)
    by_model = df.groupby("model")[COLUMN].agg(["mean", "max", "min"])
    assert list(by_model.index) == ["simple_cnn", "tiny_cnn"]
    assert (by_model["max"] >= by_model["mean"]).all()
    by_side = df.groupby("resolution")[COLUMN].agg(["mean", "max", "min"])
    assert list(by_side.index) == [32, 48]
    assert by_side.notna().all(axis=None)


def test_speed_and_memory_are_sorted_in_pandas(table: str) -> None:
    df = pd.read_csv("results/all_results.csv")
    speed = df[["model", "profile_avg_time_sec"]].sort_values("profile_avg_time_sec")
    assert speed["profile_avg_time_sec"].tolist() == [0.01] * len(df)
    memory = "profile_gpu_memory_peak_mb"
    assert len(df[["model", "resolution", memory]].sort_values(memory)) == len(df)


def test_the_table_goes_on_to_a_spreadsheet_and_to_json(table: str) -> None:
    df = pd.read_csv("results/all_results.csv")
    df.to_excel("results/analysis.xlsx")
    df.to_json("results/data.json")
    sheet = openpyxl.load_workbook("results/analysis.xlsx").worksheets[0]
    assert sheet.max_row == len(df) + 1
    assert json.loads(Path("results/data.json").read_text())["model"]["0"] == "simple_cnn"


@pytest.mark.usefixtures("plain_backend")
def test_accuracy_is_plotted_against_resolution(table: str) -> None:
    import matplotlib.pyplot as plt

    df = pd.read_csv("results/all_results.csv")
    plt.figure()
    for name in df["model"].unique():
        part = df[df["model"] == name]
        plt.plot(part["resolution"], part[COLUMN], marker="o", label=name)
    plt.xlabel("Resolution")
    plt.ylabel("Test Accuracy")
    plt.legend()
    plt.savefig("results/accuracy_vs_resolution.png")
    assert [line.get_label() for line in plt.gca().lines] == ["simple_cnn", "tiny_cnn"]
    plt.close()
    assert Path("results/accuracy_vs_resolution.png").read_bytes().startswith(b"\x89PNG")


def test_the_summary_is_printed_by_model_and_by_resolution(table: str) -> None:
    with open("results/results_summary.json") as f:  # noqa: PTH123 (as the guide has it)
        summary = json.load(f)
    models = [
        f"{model}: {stats['best_test_accuracy']:.4f}"
        for model, stats in summary["statistics"]["by_model"].items()
    ]
    sides = [
        f"{side}px: {stats['avg_test_accuracy']:.4f}"
        for side, stats in summary["statistics"]["by_resolution"].items()
    ]
    assert [line.partition(":")[0] for line in models] == ["simple_cnn", "tiny_cnn"]
    assert [line.partition(":")[0] for line in sides] == ["32px", "48px"]
    if table == "whole":
        assert models == ["simple_cnn: 0.5250", "tiny_cnn: 0.5650"]
        assert sides == ["32px: 0.5250", "48px: 0.5450"]


def test_a_row_goes_to_a_tracker(table: str) -> None:
    df = pd.read_csv("results/all_results.csv")
    logged = [
        {
            "model": row["model"],
            "resolution": row["resolution"],
            "accuracy": row["test_accuracy"],
            "f1_score": row["test_f1_score"],
        }
        for _, row in df.iterrows()
    ]
    assert len(logged) == len(df)
    assert logged[-1]["model"] == "tiny_cnn"
