"""The commands of the README, as a user types them."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import Clone

pytestmark = pytest.mark.workflow
TABLE = "results/aggregated_metrics.csv"


def start(clone: Clone, target: str) -> subprocess.Popen[bytes]:
    """Start Snakemake in a process group of its own."""
    clone.write_config()
    return subprocess.Popen(
        clone.command("--cores", "2", target),
        cwd=clone.folder,
        env=clone.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_the_study_ends_in_tables_figures_and_a_report(finished_study: Clone) -> None:
    results = finished_study.folder / "results"
    with (results / "aggregated_metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    axes = [(row["model"], row["resolution"], row["n_train"], row["seed"]) for row in rows]
    models = finished_study.config["models"]
    assert axes == [(m, "16", n, s) for m in models for n in ("16", "32") for s in ("0", "1")]
    assert {row["status"] for row in rows} == {"ok"}
    for row in rows:
        folder = f"runs/{row['model']}/res16/n{row['n_train']}/seed{row['seed']}"
        record = finished_study.record(f"{folder}/evaluate.json")
        assert float(row["test_loss"]) == record["metrics"]["loss"]
    with (results / "summary_statistics.csv").open() as file:
        summary = list(csv.DictReader(file))
    assert {(row["planned"], row["ok"], row["failed"]) for row in summary} == {("2", "2", "0")}
    assert (results / "figures" / "metric_by_resolution.png").stat().st_size > 10_000
    assert "Stripes or dots" in (results / "report.html").read_text()


def test_snakemakes_own_report_has_the_figures_and_the_page_with_captions(study: Clone) -> None:
    study.snakemake("--report", "study.zip")
    with zipfile.ZipFile(study.folder / "study.zip") as archive:
        names = {Path(name).name for name in archive.namelist()}
        page = archive.read("study/report.html").decode()
    assert {"metric_by_resolution.png", "status_matrix.png", "report.html"} <= names
    assert "Ticks stand where something was measured" in page
    assert "How many runs of each cell" in page


def test_partial_makes_the_tables_of_what_is_there(study: Clone) -> None:
    results = study.folder / "results"
    (results / "runs/tiny_cnn/res16/n16/seed1/evaluate.json").unlink()
    text = study.run("partial").stdout
    assert "8 runs: 7 ok, 0 failed, 1 missing" in text
    assert "Top 5 results" in text
    with (results / "aggregated_metrics.csv").open() as file:
        assert [row["status"] for row in csv.DictReader(file)].count("missing") == 1
    # What it wrote is not taken for what the study still lacks.
    due = study.to_do()
    assert {"runs/tiny_cnn/res16/n16/seed1/evaluate.json", "aggregated_metrics.csv"} <= due


def test_one_table_can_be_asked_for(make_clone: Callable[..., Clone], config: Any) -> None:
    clone = make_clone(config)
    due = clone.to_do("--cores", "2", TABLE)
    assert "aggregated_metrics.csv" in due
    assert not any(name.startswith("figures/") for name in due)


def test_the_grid_is_printed_before_the_first_job(
    make_clone: Callable[..., Clone], config: Any
) -> None:
    config["models"] = {"tiny_cnn": None}
    config["grid"] |= {"n_train": 16, "seed": 1}
    clone = make_clone(config)
    text = clone.run("all").stderr
    head = text[: text.index("rule prepare")]
    for line in (
        "model        1: tiny_cnn",
        "resolution   1: 16 px",
        "n_train      1: 16",
        "seed         1: 0",
        "1 cells, 1 runs, 1 profiles",
        "jobs to do: 11 (",
        "jobs done: 0",
    ):
        assert line in head, line
    # The processes that Snakemake starts do not print it again.
    assert text.count("resolution   1: 16 px") == 1
    (clone.folder / "results" / "aggregated_metrics.csv").unlink()
    assert "jobs to do: 6 (" in (again := clone.run("all").stderr)
    assert "jobs done: 5" in again


def test_the_slurm_profile_resolves_from_the_root_and_a_dry_run_parses(
    make_clone: Callable[..., Clone], config: Any
) -> None:
    pytest.importorskip("snakemake_executor_plugin_slurm")
    clone = make_clone(config)
    done = clone.snakemake("--profile", "slurm", "--dry-run")
    assert "profiles/default" in done.stderr
    assert "rule train" in done.stdout + done.stderr


def test_a_study_named_on_the_command_line_replaces_the_default_one(
    make_clone: Callable[..., Clone], config: Any
) -> None:
    clone = make_clone(config)
    other = dict(config, models={"other": {"architecture": "tiny_cnn"}}, results="elsewhere")
    (clone.folder / "other.yaml").write_text(json.dumps(other))
    text = clone.snakemake("--dry-run", "--configfile", "other.yaml").stderr
    assert "model        1: other" in text


def test_without_warm_workers_the_numbers_are_the_same_bits(study: Clone) -> None:
    name = "runs/tiny_cnn/res16/n16/seed0"
    warm = study.record(f"{name}/train.json"), study.record(f"{name}/evaluate.json")
    shutil.rmtree(study.folder / "results" / name)
    study.config["execution"] = {"warm_workers": False}
    study.run(f"results/{name}/evaluate.json")
    cold = study.record(f"{name}/train.json"), study.record(f"{name}/evaluate.json")
    assert cold[0]["checkpoint"] == warm[0]["checkpoint"]
    assert cold[0]["best_value"] == warm[0]["best_value"]
    assert cold[1]["metrics"] == warm[1]["metrics"]


def test_after_snakemake_alone_is_killed_the_same_command_finishes(
    make_clone: Callable[..., Clone], config: Any
) -> None:
    config["models"] = {"tiny_cnn": None}
    config["training"] = {"steps": 400, "validations": 4, "batch_size": 8}
    config["profiling"] = {"enabled": False}
    clone = make_clone(config)
    process = start(clone, TABLE)
    runs = clone.folder / "results" / "runs"
    deadline = time.monotonic() + 120
    while not list(runs.glob("*/*/*/*/train.json")):
        assert time.monotonic() < deadline, "no run was finished"
        time.sleep(0.05)
    process.kill()  # its jobs go on for a while
    process.wait()
    for record in (clone.folder / "results").rglob("*.json"):
        json.loads(record.read_text())
    done = clone.run(TABLE)
    assert "dropped the stale locks of a killed Snakemake" in done.stderr
    assert len(list(runs.glob("*/*/*/*/evaluate.json"))) == 4
    assert not list((clone.folder / "results").rglob("*.part"))
    assert clone.to_do(TABLE) == set()


def test_a_train_job_that_gets_sigterm_is_retried_and_goes_on_where_it_was(
    make_clone: Callable[..., Clone], config: Any
) -> None:
    config["models"] = {"tiny_cnn": None}
    config["grid"] |= {"n_train": 32, "seed": 1}
    config["training"] = {"steps": 4000, "validations": 10, "batch_size": 8}
    clone = make_clone(config)
    process = start(clone, "results/runs/tiny_cnn/res16/n32/seed0/train.json")
    folder = clone.folder / "results" / "runs" / "tiny_cnn" / "res16" / "n32" / "seed0"
    deadline = time.monotonic() + 120
    while not (folder / "epochs.jsonl").exists() or not (folder / "epochs.jsonl").read_text():
        assert time.monotonic() < deadline, "training did not start"
        time.sleep(0.02)
    for child in psutil.Process(process.pid).children(recursive=True):
        # The script itself, not the shell around it.
        if child.cmdline()[1:2] == ["scripts/train.py"]:
            child.terminate()
    assert process.wait(timeout=240) == 0
    record = clone.record("runs/tiny_cnn/res16/n32/seed0/train.json")
    assert (record["status"], len(record["attempts"]), record["steps"]) == ("ok", 2, 4000)
    assert not (folder / "resume.pth").exists()


def test_a_run_that_diverges_is_a_result_and_the_rest_goes_on(
    make_clone: Callable[..., Clone], config: Any
) -> None:
    config["grid"] |= {"n_train": 16}
    config["models"]["wild"] = {
        "architecture": "tiny_cnn",
        "training": {"optimizer": "sgd", "learning_rate": "1e30"},
    }
    clone = make_clone(config)
    assert "wild res16 n16 seed0: diverged" in clone.run(TABLE).stderr
    with (clone.folder / "results" / "aggregated_metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    statuses = {(row["model"], row["status"]) for row in rows}
    assert statuses == {("tiny_cnn", "ok"), ("simple_cnn", "ok"), ("wild", "diverged")}
    assert all("loss is nan" in row["reason"] for row in rows if row["model"] == "wild")
    assert clone.to_do(TABLE) == set()


def test_snakemake_elsewhere_says_where_to_run_it(study: Clone, tmp_path: Path) -> None:
    study.write_config()
    config = str(study.folder / "config" / "config.yaml")
    done = study.snakemake("-n", "--directory", str(tmp_path), "--configfile", config, ok=False)
    assert f"run Snakemake in {study.folder}" in done.stdout + done.stderr
