"""Failures of a real study: seen in its status, re-opened, and run again, these and no others."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Clone, small_config
from tests.workflow.test_reruns import FOLDERS, TABLES

pytestmark = pytest.mark.workflow
TASK = "src/studygrid/families/classification/task.py"
TINY = {"architecture": "tiny_cnn"}
# While a file `full` is in the clone: training, testing or profiling runs out of memory.
FULL = """

def _run_out(what: str, spec: ModelSpec) -> None:
    from pathlib import Path

    if spec.model == f"{what}_full" and Path("full").exists():
        raise torch.OutOfMemoryError(f"CUDA out of memory. Made up in {what}.\\nOf which")
    if spec.model == f"{what}_broken" and Path("full").exists():
        raise FileNotFoundError("a cable")
"""
OOM = "oom: {}CUDA out of memory. Made up in {}."


@pytest.fixture(scope="module")
def failed_study(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> Clone:
    """Run a study of which each model but one fails in another way."""
    config = small_config(image_folder)
    config["models"] = {
        "fine": TINY,
        "wild": TINY | {"training": {"optimizer": "sgd", "learning_rate": "1e30"}},
        **dict.fromkeys(("train_full", "test_full", "profile_full", "test_broken"), TINY),
    }
    config["grid"] = {"resolution": [16], "n_train": [16], "seed": 2}
    config["profiling"]["batch_sizes"] = [1, 2]
    folder = tmp_path_factory.mktemp("failed") / "clone"
    folder.mkdir()
    clone = Clone.of_project(folder, config)
    task = folder / TASK
    task.write_text(task.read_text() + FULL)
    for what, line, when in (
        ("train", "        images, labels = batch\n", "True"),
        ("test", "        predictions = self._predict(", "split == 'test'"),
        ("profile", "        side = self._spec.resolution\n", "batch_size > 1"),
    ):
        check = f"        if {when}:\n            _run_out('{what}', self._spec)\n"
        clone.edit(TASK, line, check + line)
    (folder / "full").touch()
    clone.snakemake("--cores", "2", "--retries", "0", "all", ok=False)
    (folder / "full").unlink()
    return clone


@pytest.fixture
def study(failed_study: Clone, tmp_path: Path) -> Clone:
    return failed_study.copy_to(tmp_path / "clone")


def studygrid(clone: Clone, *arguments: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "studygrid.cli", *arguments],
        cwd=clone.folder,
        env=clone.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def due(clone: Clone) -> set[str]:
    names = clone.to_do("all")
    return {next((f for f in FOLDERS if name.startswith(f"{f}/")), name) for name in names}


def of_runs(model: str, *kinds: str) -> set[str]:
    return {f"runs/{model}/res16/n16/seed{seed}/{k}.json" for seed in (0, 1) for k in kinds}


# A machine's failure has no record: its runs are due as they are, and all that follows them.
BROKEN = of_runs("test_broken", "evaluate") | TABLES


def test_status_names_the_kind_and_reason_of_each_failure(failed_study: Clone) -> None:
    state: dict[str, Any] = json.loads(studygrid(failed_study, "status", "--json"))
    told = {run["model"]: (run["state"], run["failure"], run["failed_in"]) for run in state["runs"]}
    assert told == {
        "fine": ("done", None, None),
        "wild": ("failed", "diverged", "training"),
        "train_full": ("failed", "oom", "training"),
        "test_full": ("failed", "oom", "evaluation"),
        "profile_full": ("done", None, None),
        "test_broken": ("failed", "error", "evaluation"),
    }
    reasons = {run["model"]: run["reason"] for run in state["runs"]}
    assert reasons["train_full"] == OOM.format("", "train")
    assert reasons["test_full"] == OOM.format("in evaluation: ", "test")
    assert "FileNotFoundError: a cable" in reasons["test_broken"]
    (failed,) = (job for job in state["jobs"] if job["state"] == "failed")
    assert (failed["rule"], failed["model"]) == ("profile", "profile_full")
    assert failed["reason"] == OOM.format("", "profile")
    counts = {(c["failure"], c["is_result"]): c for c in state["failures"]}
    assert set(counts) == {("oom", True), ("diverged", True), ("error", False)}
    assert (counts["oom", True]["runs"], counts["oom", True]["profiles"]) == (4, 1)
    assert state["snakemake"] is None

    text = studygrid(failed_study, "status")
    assert "oom, 4 runs, 1 profile job: a result; lower batch_size" in text
    assert "No Snakemake runs this study" in text


def test_without_a_reason_it_lists_what_can_be_re_opened_and_changes_nothing(study: Clone) -> None:
    text = studygrid(study, "retry")
    assert "diverged: 2 in training" in text
    assert "oom: 2 in training, 2 in evaluation, 1 in profiling" in text
    assert "failed by a machine, 2 error: no re-opening is needed" in text
    assert "--reason diverged or oom or all" in text
    studygrid(study, "retry", "--reason", "all", "--dry-run")
    studygrid(study, "retry", "--reason", "all", status=1)  # nobody can be asked
    assert due(study) == BROKEN


def test_what_is_re_opened_is_due_again_and_nothing_else(study: Clone) -> None:
    assert "re-opened 2" in studygrid(study, "retry", "--reason", "diverged", "--yes")
    assert due(study) == BROKEN | of_runs("wild", "train", "evaluate")
    studygrid(study, "retry", "--reason", "oom", "--yes", "--select", "seed=1")
    one = {f"runs/train_full/res16/n16/seed1/{kind}.json" for kind in ("train", "evaluate")}
    one |= {"runs/test_full/res16/n16/seed1/evaluate.json"}
    assert due(study) == BROKEN | of_runs("wild", "train", "evaluate") | one


def test_re_opened_runs_end_well_and_what_they_were_stays_in_their_events(study: Clone) -> None:
    weights = study.folder / "results/runs/test_full/res16/n16/seed0/best_model.pth"
    trained_at = weights.stat().st_mtime_ns
    studygrid(study, "retry", "--reason", "oom", "--yes")
    assert due(study) == (
        BROKEN
        | of_runs("train_full", "train", "evaluate")
        | of_runs("test_full", "evaluate")
        | {"profiles/profile_full/res16.json"}
    )
    state = json.loads(studygrid(study, "status", "--json"))
    assert {c["failure"] for c in state["failures"]} == {"diverged", "error"}
    study.run("all")
    assert due(study) == set()
    assert weights.stat().st_mtime_ns == trained_at
    for model, job in (("train_full", "train"), ("test_full", "evaluate")):
        folder = f"runs/{model}/res16/n16/seed0"
        assert study.record(f"{folder}/evaluate.json")["status"] == "ok"
        log = study.folder / "results" / folder / "events.jsonl"
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        (row,) = (row for row in rows if row["moment"] == "on_retry")
        assert (row["job"], row["status"]) == (job, "oom")
        assert "CUDA out of memory" in row["reason"]
    log = study.folder / "results/profiles/profile_full/events.jsonl"
    (row,) = map(json.loads, log.read_text().splitlines())
    assert (row["job"], row["profile"]) == ("profile", "profile_full/res16")
    assert row["reason"].startswith("CUDA out of memory")
    state = json.loads(studygrid(study, "status", "--json"))
    assert (state["counts"]["done"], state["counts"]["failed"]) == (10, 2)
    assert {job["state"] for job in state["jobs"]} == {"done"}


def test_nothing_is_re_opened_under_a_snakemake(study: Clone) -> None:
    shutil.rmtree(study.folder / "results/runs/fine")
    study.config["training"]["steps"] = 6
    study.write_config()
    running = subprocess.Popen(
        study.command("--cores", "1", "all"),
        cwd=study.folder,
        env=study.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stderr is not None
        for line in running.stderr:  # until it holds the folder
            if "jobs to do" in line:
                break
        text = studygrid(study, "retry", "--reason", "oom", "--yes", status=1)
        assert "another Snakemake runs this study" in text
        assert study.record("runs/train_full/res16/n16/seed0/train.json")["status"] == "oom"
        running.communicate(timeout=200)
    finally:
        running.kill()
