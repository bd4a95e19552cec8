"""A study on a real Slurm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.conftest import TABLES, ClusterClone
from tests.cluster.records import check_records, outcomes
from tests.conftest import small_config

pytestmark = pytest.mark.cluster

Make = Callable[..., ClusterClone]


@pytest.fixture(scope="module")
def finished(make_cluster_clone: Make, image_folder: Path) -> ClusterClone:
    """Run a study of two models with profiles on Slurm."""
    profiling = small_config(image_folder)["profiling"]
    models = {"tiny_cnn": None, "simple_cnn": {"options": {"width": 4}}}
    grid = {"resolution": [16], "n_train": [16], "seed": 1}
    clone = make_cluster_clone(profiling=profiling, models=models, grid=grid)
    clone.on_slurm(TABLES)
    return clone


def test_its_records_are_those_of_a_local_run(finished: ClusterClone, tmp_path: Path) -> None:
    local = ClusterClone.of_project(tmp_path, finished.config)
    local.run(TABLES)
    assert check_records(finished.results)
    assert outcomes(finished.results) == outcomes(tmp_path / "results")


def test_jobs_of_seconds_run_on_the_submit_node(finished: ClusterClone) -> None:
    submitted = {
        line.split()[-1].split("/rule_")[1].split("/")[0]
        for line in finished.printed().splitlines()
        if "has been submitted with SLURM jobid" in line
    }
    assert submitted == {"prepare", "train", "evaluate", "profile"}


def test_a_second_call_has_nothing_to_do(finished: ClusterClone) -> None:
    before = len(finished.printed())
    assert "Nothing to be done" in finished.on_slurm(TABLES)[before:]


def test_evaluate_refuses_a_record_cut_short_and_weights_of_another_hash(
    finished: ClusterClone,
) -> None:
    cut, changed = (
        finished.results / f"runs/{model}/res16/n16/seed0" for model in ("tiny_cnn", "simple_cnn")
    )
    for run in (cut, changed):
        (run / "evaluate.json").unlink()
    record, weights = (cut / "train.json").read_text(), (changed / "best_model.pth").read_bytes()
    (cut / "train.json").write_text(record[: len(record) // 2])
    (changed / "best_model.pth").write_bytes(weights[:-1] + b"!")

    finished.on_slurm(TABLES, "--retries", "0", "--rerun-triggers", "mtime", ok=False)
    assert not (cut / "evaluate.json").exists()
    assert not (changed / "evaluate.json").exists()
    assert "train.json" in (cut / "evaluate.log").read_text()
    assert "is not the checkpoint" in (changed / "evaluate.log").read_text()
