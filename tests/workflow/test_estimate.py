"""The estimate beside Snakemake: the same jobs to do, and pilots that leave the study alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Clone

pytestmark = pytest.mark.workflow

JOBS = ("prepare", "train", "evaluate", "profile")


def estimate(clone: Clone, *arguments: str) -> dict[str, Any]:
    clone.write_config()
    done = subprocess.run(
        [sys.executable, "-m", "studygrid.cli", "estimate", "--json", *arguments],
        cwd=clone.folder,
        env=clone.environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def jobs_of_snakemake(clone: Clone) -> dict[str, int]:
    """Return how many jobs of the study's long rules a dry run lists."""
    kinds = {"data.json": "prepare", "train.json": "train", "evaluate.json": "evaluate"}
    found = Counter(
        "profile" if path.startswith("profiles/") else kinds.get(Path(path).name, "")
        for path in clone.to_do()
    )
    return {rule: found[rule] for rule in JOBS}


def test_the_jobs_to_do_are_those_of_snakemakes_dry_run(study: Clone) -> None:
    assert estimate(study)["jobs_to_do"] == dict.fromkeys(JOBS, 0) == jobs_of_snakemake(study)
    runs = study.folder / "results" / "runs" / "tiny_cnn" / "res16"
    (runs / "n16" / "seed0" / "evaluate.json").unlink()
    (runs / "n16" / "seed1" / "train.json").unlink()
    study.config["grid"]["seed"] = 3
    study.config["models"]["simple_cnn"] = {"options": {"width": 5}}
    listed = jobs_of_snakemake(study)
    assert estimate(study)["jobs_to_do"] == listed
    assert listed == {"prepare": 0, "train": 9, "evaluate": 10, "profile": 1}


def test_an_edit_of_the_training_code_is_seen_as_snakemake_sees_it(study: Clone) -> None:
    study.edit(
        "src/studygrid/families/classification/models/tiny_cnn.py", "nn.Flatten()", "nn.Flatten(1)"
    )
    found = estimate(study)
    assert found["jobs_to_do"] == jobs_of_snakemake(study)
    assert found["jobs_to_do"]["train"] == 4
    assert found["finished_runs"] == 8, "times of the old code are still the best there are"
    assert found["wall_clock_sec"]["low"] > 0


def test_pilots_give_an_estimate_and_leave_no_record(
    make_clone: Callable[[Any], Clone], config: Any
) -> None:
    clone = make_clone(config)
    assert estimate(clone)["runs_without_estimate"] == 8
    found = estimate(clone, "--pilot", "--pilot-sec", "1")
    assert (found["runs_without_estimate"], found["pilots"]) == (0, 2)
    assert found["computing_sec_by_rule"]["prepare"]["mid"] > 0
    results = clone.folder / "results"
    left = {str(p.relative_to(results)) for p in results.rglob("*") if p.is_file()}
    assert {"pilot/pilot.json", "estimates.jsonl"} <= left
    assert not {path for path in left if path.startswith(("runs", "profiles")) or "res16" in path}
    again = estimate(clone)
    assert (again["pilots"], again["runs_without_estimate"]) == (2, 0)
    shutil.rmtree(results / "pilot")
    assert estimate(clone)["runs_without_estimate"] == 8
