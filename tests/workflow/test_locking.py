"""Two Snakemakes, killed ones, and folders that cannot be written: each says what to do."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from studygrid.execution.holder import this_process
from tests.conftest import Clone
from tests.workflow.faults import mounted, processes_of, started, wait_for

pytestmark = pytest.mark.workflow
LOCK = "results/.session.lock"
CALL = "0123abcd-12ab-34cd-56ef-0123456789ab"


def endless(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config with one short run, and one that does not end."""
    config["models"] = {
        "tiny_cnn": None,
        "long": {"architecture": "tiny_cnn", "training": {"steps": 10**7, "validations": 10**5}},
    }
    config["grid"] = {"resolution": [16], "n_train": [32], "seed": 1}
    config["profiling"]["enabled"] = False
    return config


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """Return what Snakemake printed as its one error."""
    _, found, text = (done.stdout + done.stderr).partition("Error: ")
    assert found, done.stderr
    assert "Traceback" not in text
    assert "  File " not in text
    return text


def test_a_second_snakemake_is_refused_and_what_it_proposes_works(
    make_clone: Callable[..., Clone], config: Any, tmp_path: Path
) -> None:
    clone = make_clone(endless(config))
    results = clone.folder / "results"
    with started(clone, "all") as first:
        wait_for((results / "runs/tiny_cnn/res16/n32/seed0/evaluate.json").exists)
        wait_for((results / "runs/long/res16/n32/seed0/epochs.jsonl").exists)
        said = refusal(clone.snakemake("--cores", "1", "all", ok=False))
        assert f"process {first.pid} on " in said
        # A clone elsewhere with the same results.
        other = tmp_path / "other"
        other.mkdir()
        second = Clone.of_project(other, {**clone.config, "results": str(results)})
        assert f"in {clone.folder}" in refusal(second.snakemake("--cores", "1", "all", ok=False))
        assert "train.json" in clone.snakemake("--dry-run").stdout
        assert "2 runs: 1 ok, 0 failed, 1 missing" in clone.run("partial").stdout
        # Snakemake's own lock can be taken away; a second writer is refused all the same.
        clone.snakemake("--unlock")
        assert refusal(clone.snakemake("--cores", "1", "all", ok=False)) == said
        assert first.poll() is None
        command = re.search(r"kill -(INT|TERM) -\d+", said)
        assert command is not None
        subprocess.run(command[0], shell=True, check=True)
        first.wait(timeout=60)
        wait_for(lambda: not processes_of(clone), 30)
    assert (clone.folder / LOCK).read_bytes() == b""


def test_after_a_sigkill_the_same_command_says_so_and_finishes(
    make_clone: Callable[..., Clone], config: Any
) -> None:
    clone = make_clone(config)
    clone.config["profiling"]["enabled"] = False
    clone.config["training"] = {"steps": 2000, "validations": 10, "batch_size": 8}
    runs = clone.folder / "results" / "runs"
    with started(clone, "all") as first:
        wait_for(lambda: list(runs.glob("*/*/*/*/epochs.jsonl")))
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    state = clone.folder / ".snakemake"
    assert list((state / "locks").iterdir())
    assert [path for path in (state / "incomplete").rglob("*") if path.is_file()]
    assert json.loads((clone.folder / LOCK).read_text())["process"] == first.pid
    clone.config["training"] = {"steps": 6, "validations": 2, "batch_size": 8}
    said = clone.run("results/aggregated_metrics.csv").stderr
    assert f"an earlier Snakemake did not end by itself: process {first.pid} on " in said
    assert "dropped the stale locks of a killed Snakemake" in said
    assert len(list(runs.glob("*/*/*/*/evaluate.json"))) == 8
    assert not [path for path in (state / "incomplete").rglob("*") if path.is_file()]


def test_a_job_that_outlives_its_snakemake_is_waited_for_and_not_done_twice(
    make_clone: Callable[..., Clone], config: Any
) -> None:
    config["models"] = {"tiny_cnn": None}
    config["grid"] = {"resolution": [16], "n_train": [32], "seed": 1}
    config["training"] = {"steps": 3000, "validations": 10, "batch_size": 8}
    config["execution"] = {"warm_workers": False}
    clone = make_clone(config)
    folder = clone.folder / "results/runs/tiny_cnn/res16/n32/seed0"
    target = "results/runs/tiny_cnn/res16/n32/seed0/train.json"
    with started(clone, target) as first:
        wait_for((folder / "epochs.jsonl").exists)
        first.kill()
        first.wait()
        job = psutil.Process(json.loads((folder / ".writer").read_text())["process"])
        assert job in processes_of(clone)
        job.suspend()
        with started(clone, target) as second:
            log = clone.folder / "snakemake.log"
            wait_for(lambda: f"waiting for process {job.pid} on " in log.read_text())
            job.resume()
            assert second.wait(timeout=120) == 0
    assert "it is writing here" in log.read_text()
    assert (folder / "events.jsonl").read_text().count('"on_start"') == 1
    assert "is there already" in (folder / "training.log").read_text()


# -- folders -------------------------------------------------------------------------------------


def test_a_read_only_results_folder_is_refused_before_any_job(study: Clone) -> None:
    results = study.folder / "results"
    with mounted(results, "--bind", str(results)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(results)], check=True)
        (study.folder / "src/studygrid/training/loop.py").open("a").write("\nEDITED = True\n")
        said = refusal(study.snakemake("--cores", "2", "all", ok=False))
    assert "results: cannot be written; its file system is mounted read-only" in said
    assert "rule " not in said


def test_a_run_folder_that_cannot_be_written_is_named_before_any_job(study: Clone) -> None:
    run = study.folder / "results/runs/tiny_cnn/res16/n16/seed0"
    for record in run.glob("*.json"):
        record.unlink()
    with mounted(run, "--bind", str(run)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(run)], check=True)
        said = refusal(study.snakemake("--cores", "2", "all", ok=False))
    assert said.startswith("jobs could not write here: results/runs/tiny_cnn/res16/n16/seed0;")
    assert "Nothing was started" in said


def test_another_study_in_the_results_is_refused_in_a_dry_run_too(study: Clone) -> None:
    study.config["models"] = {"other": {"architecture": "tiny_cnn"}}
    for arguments in (("--dry-run",), ("--cores", "2", "all"), ("--cores", "1", "partial")):
        said = refusal(study.snakemake(*arguments, ok=False))
        assert "results: holds another study ('Stripes or dots')" in said


# -- Slurm ---------------------------------------------------------------------------------------


def test_jobs_of_a_killed_snakemake_on_slurm_are_refused_with_how_to_cancel_them(
    make_clone: Callable[..., Clone], config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("snakemake_executor_plugin_slurm")
    clone = make_clone(config)
    squeue = tmp_path / "bin" / "squeue"
    squeue.parent.mkdir()
    squeue.write_text(f"#!/bin/sh\necho '17|{CALL}|RUNNING|{clone.folder}|rule_train'\n")
    squeue.chmod(squeue.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(squeue.parent), prepend=os.pathsep)
    killed = replace(this_process("slurm"), process=2**22 + 1, folder=str(clone.folder))
    (clone.folder / LOCK).parent.mkdir()
    (clone.folder / LOCK).write_text(json.dumps(asdict(killed)))
    said = refusal(clone.snakemake("--profile", "slurm", ok=False))
    assert "17 running rule_train" in said
    assert f"scancel --name {CALL}" in said
    assert "or wait" in said
    # It only looks.
    clone.snakemake("--profile", "slurm", "--dry-run")
