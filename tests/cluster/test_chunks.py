"""Many short runs: some runs a job, or the whole study in one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.conftest import TABLES, ClusterClone
from tests.cluster.records import check_records
from tests.cluster.slurm import Slurm, held_in_training, output, wait_for

pytestmark = pytest.mark.cluster
Make = Callable[..., ClusterClone]
CHUNKS = ("--workflow-profile", "profiles/chunks")


@pytest.fixture(scope="module")
def cut(make_cluster_clone: Make) -> tuple[ClusterClone, int]:
    """Cancel the only job of a study when one run of its chunk is done and the other trains."""
    clone = make_cluster_clone()
    snakemake = clone.start(TABLES, *CHUNKS)
    try:
        done = wait_for("a run is done", lambda: finished_seed(clone))
        output("scancel", held_in_training(clone.run_of(1 - done[0])).job)
        assert snakemake.wait(240) != 0
    finally:
        snakemake.kill()
    return clone, done[0]


def finished_seed(clone: ClusterClone) -> list[int]:
    return [seed for seed in (0, 1) if (clone.run_of(seed) / "evaluate.json").exists()]


def test_runs_share_a_job_that_asks_for_what_one_run_needs(
    cut: tuple[ClusterClone, int],
) -> None:
    clone, _ = cut
    submitted = [line for line in clone.printed().splitlines() if "has been submitted" in line]
    assert sum("group_run" in line for line in submitted) == 1


def test_what_is_finished_of_a_failed_chunk_stays_and_is_not_trained_again(
    cut: tuple[ClusterClone, int],
) -> None:
    clone, done = cut
    before = (clone.run_of(done) / "train.json").stat()
    clone.on_slurm(TABLES, *CHUNKS)
    after = (clone.run_of(done) / "train.json").stat()
    assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)
    assert len(check_records(clone.results)) == 2


def test_a_study_in_one_job_goes_on_when_the_job_is_submitted_again(
    make_cluster_clone: Make, slurm: Slurm
) -> None:
    # A forked run has no command line of its own to be found by.
    clone = make_cluster_clone(execution={"device": "cpu", "warm_workers": False})
    clone.write_config()
    first = submit(clone)
    held_in_training(clone.run_of(0))
    output("scancel", first)
    second = submit(clone, f"--dependency=afterany:{first}", "--wait")
    assert second != first
    assert len(check_records(clone.results)) == 2
    assert (clone.results / "aggregated_metrics.csv").is_file()


def submit(clone: ClusterClone, *options: str) -> str:
    """Submit the study as one job of two cores; return its number."""
    path = f"{Path(clone.command()[0]).parent}{os.pathsep}{os.environ['PATH']}"
    script = "profiles/slurm/one-job.sh"
    done = subprocess.run(
        ["sbatch", "--parsable", "--cpus-per-task=2", "--mem=4000", *options, script, TABLES],
        cwd=clone.folder,
        env=clone.environment() | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    log = sorted(clone.folder.glob("logs/slurm/*.log"))
    assert done.returncode == 0, done.stderr + "".join(file.read_text()[-3000:] for file in log)
    return done.stdout.strip()
