"""One study, and everything that a cluster does to it; it ends as if nothing had happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cluster.conftest import TABLES, ClusterClone
from tests.cluster.records import check_records, outcomes
from tests.cluster.slurm import Slurm, held_in_training, output, wait_for
from tests.conftest import small_config

pytestmark = pytest.mark.cluster

CANCELLED, OUT_OF_TIME, OVER_MEMORY, REQUEUED = range(4)
SEEDS = 4
# For the first try alone: a limit that is too short, memory that is too small.
LIMITS = [
    "--set-resources",
    f"train:runtime=1 if (wildcards.seed, attempt) == ('{OUT_OF_TIME}', 1) else 10",
    f"train:mem_mb=250 if (wildcards.seed, attempt) == ('{OVER_MEMORY}', 1) else 1500",
]


@pytest.fixture(scope="module")
def faulted(
    make_cluster_clone: Callable[..., ClusterClone], slurm: Slurm, image_folder: Path
) -> ClusterClone:
    """Run a study through all faults, to its end."""
    clone = make_cluster_clone(
        grid={"resolution": [16], "n_train": [16], "seed": SEEDS},
        profiling=small_config(image_folder)["profiling"],
    )
    snakemake = clone.start(TABLES, *LIMITS)
    try:
        # Slurm starts them in any order: each is held as soon as it trains.
        seeds = (OUT_OF_TIME, CANCELLED, REQUEUED)
        with ThreadPoolExecutor(len(seeds)) as pool:
            held = pool.map(lambda seed: held_in_training(clone.run_of(seed)), seeds)
            hit = dict(zip(seeds, held, strict=True))
        jobs = {seed: training.job for seed, training in hit.items()}
        # The held job of OUT_OF_TIME runs through all of this into its limit.
        slurm.stop_controller()
        slurm.start()
        output("scontrol", "update", "NodeName=localhost", "State=DRAIN", "Reason=test")
        output("scancel", jobs[CANCELLED])
        output("scontrol", "requeue", jobs[REQUEUED])
        wait_for("the requeued job waits", lambda: slurm.state_of(jobs[REQUEUED]) == "PENDING")
        assert "drain" in output("sinfo", "--noheader", "--format", "%T")
        output("scontrol", "update", "NodeName=localhost", "State=RESUME")
        late = hit[OUT_OF_TIME]
        wait_for("Slurm ends the job past its limit", late.stop_was_asked_for)
        late.go_on()
        assert snakemake.wait(420) == 0, clone.printed()[-6000:]
    finally:
        snakemake.kill()
    return clone


def tries(clone: ClusterClone, seed: int) -> int:
    """Return how often Snakemake submitted a run's training."""
    folder = f"/rule_train/tiny_cnn_16_16_{seed}/"
    submitted = [line for line in clone.printed().splitlines() if "has been submitted" in line]
    return sum(folder in line for line in submitted)


def test_the_study_is_done_and_every_record_is_whole(faulted: ClusterClone) -> None:
    assert len(check_records(faulted.results)) == SEEDS
    assert (faulted.results / "aggregated_metrics.csv").is_file()


def test_every_record_is_that_of_an_unbroken_local_run(
    faulted: ClusterClone, tmp_path: Path
) -> None:
    local = ClusterClone.of_project(tmp_path, faulted.config)
    local.run(TABLES)
    assert outcomes(faulted.results) == outcomes(tmp_path / "results")


@pytest.mark.parametrize(
    ("seed", "failure"), [(CANCELLED, "stopped"), (OUT_OF_TIME, "out_of_time")]
)
def test_a_job_that_slurm_ended_is_tried_again_and_goes_on(
    faulted: ClusterClone, seed: int, failure: str
) -> None:
    assert tries(faulted, seed) == 2
    assert steps_gone_on_from(faulted, seed) > 0
    assert failures(faulted, seed) == [failure]


def test_a_job_over_its_memory_is_tried_again_with_more(faulted: ClusterClone) -> None:
    assert tries(faulted, OVER_MEMORY) == 2


def test_a_requeued_job_is_the_same_job_and_goes_on(faulted: ClusterClone) -> None:
    assert tries(faulted, REQUEUED) == 1
    assert steps_gone_on_from(faulted, REQUEUED) > 0


def test_jobs_of_seconds_run_on_the_submit_node(faulted: ClusterClone) -> None:
    submitted = {
        line.split()[-1].split("/rule_")[1].split("/")[0]
        for line in faulted.printed().splitlines()
        if "has been submitted with SLURM jobid" in line
    }
    assert submitted == {"prepare", "train", "evaluate", "profile"}


def test_a_second_call_has_nothing_to_do(faulted: ClusterClone) -> None:
    before = len(faulted.printed())
    assert "Nothing to be done" in faulted.on_slurm(TABLES)[before:]


def test_evaluate_refuses_a_record_cut_short_and_weights_of_another_hash(
    faulted: ClusterClone,
) -> None:
    cut, changed = faulted.run_of(0), faulted.run_of(1)
    for run in (cut, changed):
        (run / "evaluate.json").unlink()
    record, weights = (cut / "train.json").read_text(), (changed / "best_model.pth").read_bytes()
    (cut / "train.json").write_text(record[: len(record) // 2])
    (changed / "best_model.pth").write_bytes(weights[:-1] + b"!")

    once = ("--retries", "0", "--rerun-triggers", "mtime")
    faulted.snakemake("--cores", "2", TABLES, *once, ok=False)
    assert not (cut / "evaluate.json").exists()
    assert not (changed / "evaluate.json").exists()
    assert "train.json" in (cut / "evaluate.log").read_text()
    assert "is not the checkpoint" in (changed / "evaluate.log").read_text()


def steps_gone_on_from(clone: ClusterClone, seed: int) -> int:
    """Return the step from which the last attempt at a run's training went on."""
    record = json.loads((clone.run_of(seed) / "train.json").read_text())
    step: int = record["attempts"][-1]["step"]
    return step


def failures(clone: ClusterClone, seed: int) -> list[str]:
    """Return what the events of a run say of the attempts that failed."""
    lines = (clone.run_of(seed) / "events.jsonl").read_text().splitlines()
    return [event["failure"] for event in map(json.loads, lines) if "failure" in event]
