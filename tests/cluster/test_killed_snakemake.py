"""Snakemake is killed while its jobs run on; they have GPUs meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cluster.conftest import TABLES, ClusterClone
from tests.cluster.records import check_records
from tests.cluster.slurm import Slurm, Training, held_in_training, output, wait_for

pytestmark = pytest.mark.cluster

Make = Callable[..., ClusterClone]


@pytest.fixture(scope="module")
def clone(make_cluster_clone: Make) -> ClusterClone:
    return make_cluster_clone(execution={"device": "auto"})


@pytest.fixture(scope="module")
def orphans(clone: ClusterClone) -> dict[int, Training]:
    """Kill Snakemake while the jobs of both runs train."""
    snakemake = clone.start(TABLES)
    try:
        held = {seed: held_in_training(clone.run_of(seed)) for seed in (0, 1)}
    finally:
        snakemake.kill()
        snakemake.wait()
    return held


def test_each_job_has_a_gpu_of_its_own(orphans: dict[int, Training], slurm: Slurm) -> None:
    given = {training.environment["CUDA_VISIBLE_DEVICES"] for training in orphans.values()}
    assert given == {"0", "1"}
    for training in orphans.values():
        assert slurm.gpus_of(training.job) == "gres:gpu:1"


def test_a_second_call_refuses_and_says_how_to_cancel_what_runs(
    clone: ClusterClone, orphans: dict[int, Training], slurm: Slurm
) -> None:
    before = slurm.jobs(clone.folder)
    printed = clone.on_slurm(TABLES, ok=False)
    assert "scancel --name" in printed
    assert slurm.jobs(clone.folder) == before
    assert all(training.job in printed for training in orphans.values())


def test_once_they_are_cancelled_the_study_goes_on_to_its_end(
    clone: ClusterClone, orphans: dict[int, Training], slurm: Slurm
) -> None:
    output("scancel", *slurm.jobs(clone.folder))
    wait_for("the jobs end", lambda: not slurm.jobs(clone.folder))
    clone.on_slurm(TABLES)
    assert len(check_records(clone.results)) == 2
    assert (clone.results / "aggregated_metrics.csv").is_file()
