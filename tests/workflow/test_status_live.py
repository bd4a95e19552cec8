"""A real study, watched from another process from its first event to its last."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Clone

pytestmark = pytest.mark.workflow
ENDED = {"done": 3, "failed": 1}


def status(clone: Clone, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "studygrid.cli", "status", "results", *options],
        cwd=clone.folder,
        env=clone.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def state(clone: Clone) -> dict[str, Any]:
    out, error = status(clone, "--json").communicate(timeout=60)
    assert not error
    content: dict[str, Any] = json.loads(out)
    return content


def test_a_study_is_followed_to_its_end_while_it_runs(
    make_clone: Callable[[dict[str, Any]], Clone], config: dict[str, Any]
) -> None:
    config["models"] = {
        "tiny_cnn": None,
        "wild": {
            "architecture": "tiny_cnn",
            "training": {"optimizer": "sgd", "learning_rate": "1e30"},
        },
    }
    config["grid"] = {"resolution": [16], "n_train": [16, 32], "seed": 1}
    config["grid"]["exclude"] = [{"model": "wild", "n_train": 32}]
    config["grid"]["include"] = [{"model": "tiny_cnn", "n_train": "all", "seed": 0}]
    config["training"] |= {"steps": 2000, "validations": 20}
    config["profiling"]["enabled"] = False
    clone = make_clone(config)
    clone.write_config()
    clone.run("results/study.yaml")
    before = state(clone)
    assert before["counts"]["waiting"] == len(before["runs"]) == 4
    assert before["expected_end_utc"] is None

    watch = status(clone, "--watch", "--interval", "0.2")
    snakemake = subprocess.Popen(
        clone.command("--cores", "1", "results/aggregated_metrics.csv"),
        cwd=clone.folder,
        env=clone.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        running = wait_for_an_epoch(clone)
        assert running["epochs"] == 20
        assert running["steps_per_sec"] > 0
        assert running["left_sec"] >= 0
        lines, error = watch.communicate(timeout=240)
        assert snakemake.wait(timeout=240) == 0
    finally:
        watch.kill()
        snakemake.kill()
    assert (watch.returncode, error) == (0, "")
    last = lines.splitlines()[-1]
    assert "3/4 done, 1 failed; all runs have ended" in last
    assert "tiny_cnn/res16/nall/seed0 running" in lines
    assert not set(lines) & {"\x1b", "\r"}

    after = state(clone)
    assert {name: count for name, count in after["counts"].items() if count} == ENDED
    (failed,) = (run for run in after["runs"] if run["state"] == "failed")
    record = clone.record("runs/wild/res16/n16/seed0/evaluate.json")
    assert failed["reason"] == f"diverged: {record['reason']}"
    assert after["runs_per_hour"] > 0


def wait_for_an_epoch(clone: Clone) -> dict[str, Any]:
    """Return the first run that is seen in training after the end of an epoch."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for run in state(clone)["runs"]:
            if run["state"] == "running" and run["steps_per_sec"]:
                return dict(run)
    raise AssertionError("no run was seen in training")
