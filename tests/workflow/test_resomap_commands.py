"""The commands of ResoMap's guide on a clone, as a user types them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Clone

pytestmark = pytest.mark.workflow


def script(clone: Clone, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    clone.write_config()
    return subprocess.run(
        [sys.executable, f"scripts/{name}.py", *arguments],
        cwd=clone.folder,
        env=clone.environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_part_is_run_aggregated_and_then_the_rest(
    make_clone: Callable[..., Clone], config: Any
) -> None:
    clone = make_clone(config)
    results = clone.folder / "results"
    part = ("--models", "tiny_cnn", "--sizes", "16", "--seeds", "0", "--cores", "2")
    first = script(clone, "experiments", *part)
    assert first.returncode == 0, first.stderr[-3000:]
    assert "starting 1 of the study's 8 runs; 0 have records already" in first.stderr
    assert first.stdout.splitlines()[-1] == "results/test_results/tiny_cnn_16_n16.json"
    runs = [path.relative_to(results) for path in results.glob("runs/*/*/*/*/evaluate.json")]
    assert [str(path.parent) for path in runs] == ["runs/tiny_cnn/res16/n16/seed0"]
    trained = results / runs[0].with_name("train.json")
    before = trained.read_bytes()
    aggregated = script(clone, "aggregate_results")
    assert aggregated.returncode == 0, aggregated.stderr
    assert "8 runs: 1 ok, 0 failed, 7 missing" in aggregated.stdout

    second = script(clone, "experiments", "--cores", "2")
    assert second.returncode == 0, second.stderr[-3000:]
    assert "starting 8 of the study's 8 runs; 1 have records already" in second.stderr
    assert trained.read_bytes() == before
    assert len(list((results / "test_results").iterdir())) == 4
    # The tables of the part are older than the records that came since.
    assert "aggregated_metrics.csv" in clone.to_do("results/aggregated_metrics.csv")


def test_what_the_command_writes_is_what_the_workflow_writes(study: Clone) -> None:
    names = ["all_results.csv", "results_summary.json", "detailed_report.txt"]
    results = study.folder / "results"
    study.run(*(f"results/{name}" for name in names))
    names += [f"test_results/{path.name}" for path in (results / "test_results").iterdir()]
    made = {name: (results / name).read_bytes() for name in names}
    assert len(made) == 7
    done = script(study, "aggregate_results")
    assert done.returncode == 0, done.stderr
    assert {name: (results / name).read_bytes() for name in names} == made
    assert study.to_do(*(f"results/{name}" for name in names)) == set()


def test_a_config_error_is_the_same_list_of_problems_as_snakemakes(study: Clone) -> None:
    study.config["grid"]["resolutoin"] = [16]
    study.config["training"]["learning_rate"] = -1
    done = script(study, "experiments", "--dry-run")
    assert done.returncode == 1
    problems = [line.strip() for line in done.stderr.removeprefix("error: ").splitlines()]
    assert len(problems) >= 2
    theirs = study.snakemake("--dry-run", ok=False)
    said = [line.strip() for line in (theirs.stdout + theirs.stderr).splitlines()]
    assert [line for line in problems if line not in said] == []
