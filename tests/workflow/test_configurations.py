"""Configurations of the command line on a clone, as a user types them."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.conftest import Clone

pytestmark = pytest.mark.workflow


def studygrid(clone: Clone, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "studygrid.cli", "run", *arguments],
        cwd=clone.folder,
        env=clone.environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )


def compared(clone: Clone, results: str) -> list[str]:
    with (clone.folder / results / "comparison" / "comparison.csv").open(newline="") as file:
        return [row["configuration"] for row in csv.DictReader(file)]


def test_configurations_run_are_kept_and_collected(
    make_clone: Callable[..., Clone], config: Any
) -> None:
    config["profiling"] = {"enabled": False}
    config["grid"] = {"resolution": [16], "n_train": [16], "seed": 1}
    clone = make_clone(config)
    clone.write_config()
    slow = ("--config", "slow", "model=net/tiny_cnn", "lr=1e-3", "trainer=net/default")
    narrow = ("--config", "narrow", "model=simple_cnn", "width=2", "epochs=1")
    done = studygrid(clone, *slow, *narrow, "--cores", "2")
    assert done.returncode == 0, done.stderr[-3000:]
    custom = clone.folder / "results_custom"
    runs = {path.parent: path for path in custom.glob("runs/*/*/*/*/train.json")}
    assert sorted(folder.relative_to(custom / "runs").parts[0] for folder in runs) == [
        "narrow",
        "slow",
    ]
    specs = {path.parts[-5]: yaml.safe_load(path.read_text())["spec"] for path in runs.values()}
    assert specs["slow"]["training"]["learning_rate"] == 1e-3
    assert specs["narrow"]["options"]["width"] == 2
    assert specs["narrow"]["training"]["epochs"] == 1
    assert compared(clone, "results_custom") == ["slow", "narrow"]
    assert not (clone.folder / "results").exists()

    # The file that was kept is a config like any other, and its runs are done.
    again = clone.command("aggregate", "--dry-run", "--configfile", "results_custom/config.yaml")
    dry = subprocess.run(
        again, cwd=clone.folder, env=clone.environment(), capture_output=True, text=True
    )
    assert dry.returncode == 0, dry.stderr[-3000:]
    assert "rule train" not in dry.stdout + dry.stderr
    collected = studygrid(clone, "--collect-only")
    assert collected.returncode == 0, collected.stderr
    assert "Runs: 2 planned, 2 ok, 0 failed, 0 missing" in collected.stdout
    assert compared(clone, "results") == ["slow", "narrow"]
