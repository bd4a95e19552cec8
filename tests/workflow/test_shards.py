"""Shards as jobs: killed ones resume, studies share them, and only what is new is made."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from studygrid.records import ShardRecord, read_record
from studygrid.sharding import file_sha256
from studygrid.shards import file_path
from tests.conftest import Clone
from tests.sharded import SHARDS, copy_family, spots_config
from tests.workflow.faults import mounted, processes_of, started, wait_for

pytestmark = pytest.mark.workflow
DATA = "results/data/res8/data.json"
TABLE = "results/aggregated_metrics.csv"


def spots_clone(folder: Path, **changes: Any) -> Clone:
    folder.mkdir()
    return Clone.of_project(folder, spots_config(copy_family(folder)) | changes)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return spots_clone(tmp_path / "clone")


def shards_of(clone: Clone) -> Path:
    return clone.folder / clone.config.get("execution", {}).get("shards", "data/shards") / "spots"


def written(clone: Clone) -> dict[str, tuple[int, int]]:
    """Return each whole shard with what changes when it is written anew."""
    found = {}
    for path in shards_of(clone).glob("*.json"):
        record, stat = read_record(path, ShardRecord), file_path(path).stat()
        assert file_sha256(file_path(path)) == record.sha256
        found[record.spec.name] = (stat.st_ino, stat.st_mtime_ns)
    return found


def shards_due(clone: Clone, *targets: str) -> set[str]:
    """Return the names of the shards that a run would make now."""
    done = clone.snakemake("--dry-run", *targets)
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    outputs = [Path(line.split()[1]) for line in lines if line.startswith("output: ")]
    return {path.stem.rpartition("-")[0] for path in outputs if path.stem.startswith("spots-")}


def status(clone: Clone) -> Any:
    """Return what `studygrid status --json` says."""
    done = subprocess.run(
        [*clone.command()[:2], "studygrid.cli", "status", "--json"],
        cwd=clone.folder,
        env=clone.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_two_studies_share_shards_and_only_new_ones_are_made(clone: Clone) -> None:
    said = clone.run(TABLE).stderr
    assert "4 shards of 80 samples in data/shards/spots/" in said
    assert ("4 shard" in said, "1 prepare" in said) == (True, True)
    first = written(clone)
    assert len(first) == SHARDS
    assert clone.to_do(TABLE) == set()
    # Another study, at other resolutions, of more data: only that is new.
    one = dict(clone.config)
    clone.config |= {"results": "results-b", "dataset": {**one["dataset"], "images": 100}}
    clone.config["grid"] = {**one["grid"], "resolution": [8, 12]}
    assert shards_due(clone) == {"spots-04"}
    clone.run("results-b/aggregated_metrics.csv")
    both = written(clone)
    assert len(both) == SHARDS + 1
    assert first.items() <= both.items()
    # What is prepared needs no shard any more; what is to be prepared has lost ones made again.
    clone.config = {**one, "grid": {**one["grid"], "resolution": [8, 10]}}
    for file in shards_of(clone).glob("spots-*.npz"):
        file.unlink()
    clone.run("results/data/res10/data.json")
    assert len(list(shards_of(clone).glob("spots-*.npz"))) == SHARDS
    due = clone.to_do(TABLE)
    assert "runs/tiny_cnn/res10/n16/seed0/train.json" in due
    assert not [name for name in due if "res8" in name or "spots-" in name]
    # Without the records, too: until a resolution needs them that is not prepared.
    shutil.rmtree(shards_of(clone))
    clone.config = one
    assert clone.to_do(TABLE) == set()
    clone.config = {**one, "grid": {**one["grid"], "resolution": [8, 14]}}
    assert {"data/res8/data.json", "data/res14/data.json"} < clone.to_do(TABLE)


def test_what_decides_a_shard_makes_new_ones_and_what_does_not_makes_none(clone: Clone) -> None:
    clone.run("shards")
    before = written(clone)
    assert set(before) == {f"spots-{number:02}" for number in range(SHARDS)}
    clone.edit("spots_prepare.py", '["above", "below"]', '["up", "down"]')
    clone.edit("src/studygrid/sharding.py", "%s is there already", "%s is there")
    assert shards_due(clone) == set()
    clone.config["dataset"]["images"] = 75
    assert shards_due(clone) == {"spots-03"}
    clone.edit("spots_shard.py", "+= 150", "+= 151")
    assert shards_due(clone) == set(before)


def test_a_killed_shard_leaves_nothing_and_the_same_command_makes_what_is_missing(
    clone: Clone,
) -> None:
    (clone.folder / "hold").write_text("1 2")
    folder = shards_of(clone)
    with started(clone, "--cores", "4", DATA) as snakemake:
        wait_for(lambda: len(list(folder.glob(".*.part.npz"))) == 2)
        wait_for(lambda: len(written(clone)) == 2)
        os.killpg(snakemake.pid, signal.SIGKILL)
        snakemake.wait()
        for job in processes_of(clone):
            job.kill()
    before = written(clone)
    assert set(before) == {"spots-00", "spots-03"}
    assert len(list(folder.glob("spots-*.npz"))) == 2
    (clone.folder / "hold").unlink()
    # One whose end the killed Snakemake had not noticed is looked at again, and kept.
    assert {"spots-01", "spots-02"} <= shards_due(clone, DATA)
    clone.run(DATA)
    assert before.items() < written(clone).items()
    assert len(written(clone)) == SHARDS
    assert not list(folder.glob(".*.part.npz"))
    assert clone.to_do(DATA) == set()


def test_a_job_that_is_killed_is_tried_again_by_itself(clone: Clone) -> None:
    (clone.folder / "hold").write_text("3")
    folder = shards_of(clone)
    with started(clone, "--retries", "1", DATA) as snakemake:
        wait_for(lambda: len(list(folder.glob(".*.part.npz"))) == 1)
        (log,) = folder.glob("spots-03-*.log")
        (writer,) = folder.glob(".spots-03-*.writer")
        os.kill(json.loads(writer.read_text())["process"], signal.SIGKILL)
        (clone.folder / "hold").unlink()
        assert snakemake.wait(timeout=120) == 0
    assert "made 20 samples in" in log.read_text()
    assert len(written(clone)) == SHARDS


def test_clones_that_share_a_folder_make_each_shard_once(tmp_path: Path) -> None:
    shared = {"execution": {"shards": str(tmp_path / "shards")}}
    first, second = (spots_clone(tmp_path / name, **shared) for name in ("first", "second"))
    for clone in (first, second):
        (clone.folder / "hold").write_text("2")
    with started(first, DATA) as one:
        wait_for(lambda: len(written(first)) == SHARDS - 1)
        before = written(first)
        with started(second, DATA) as two:
            log = second.folder / "snakemake.log"
            wait_for(lambda: "it is writing here" in log.read_text())
            (first.folder / "hold").unlink()
            assert one.wait(timeout=120) == 0
            assert two.wait(timeout=120) == 0
    assert before.items() < written(first).items()
    (job,) = shards_of(first).glob("spots-02-*.log")
    assert "is there already" in job.read_text()
    records = [clone.record("data/res8/data.json") for clone in (first, second)]
    assert records[0] == records[1]


def test_a_second_study_of_the_clone_is_told_why_it_must_wait(clone: Clone) -> None:
    (clone.folder / "hold").write_text("2")
    with started(clone, DATA):
        wait_for(lambda: len(written(clone)) == SHARDS - 1)
        clone.config["results"] = "results-b"
        done = clone.snakemake("--cores", "1", "results-b/data/res8/data.json", ok=False)
    said = done.stdout + done.stderr
    assert "another Snakemake in this folder makes shards in data/shards/spots/ that" in said
    assert "Traceback" not in said


def test_a_damaged_shard_is_named_in_the_status_and_made_again_once_deleted(clone: Clone) -> None:
    clone.run("shards", "results/study.yaml")
    before = written(clone)
    record = next(shards_of(clone).glob("spots-01-*.json"))
    content = file_path(record).read_bytes()
    file_path(record).write_bytes(content[:-1] + b"x")
    done = clone.snakemake("--cores", "2", "--retries", "0", DATA, ok=False)
    name = f"data/shards/spots/{record.stem}.npz"
    assert f"error: {name}: is not what its record names" in done.stderr
    assert "delete it and run again: it alone is made anew" in done.stderr
    (prepare,) = (job for job in status(clone)["jobs"] if job["rule"] == "prepare")
    assert prepare["failure"] == "bad_data"
    assert name in prepare["reason"]
    file_path(record).unlink()
    clone.run(DATA)
    assert file_path(record).read_bytes() == content
    del before["spots-01"]
    assert before.items() < written(clone).items()


def test_a_full_disk_is_named_and_once_there_is_room_the_same_command_finishes(
    clone: Clone,
) -> None:
    place = clone.folder / "data" / "shards"
    with mounted(place, "-t", "tmpfs", "-o", "size=32k", "none"):
        done = clone.snakemake(
            "--cores", "2", "--retries", "0", DATA, "results/study.yaml", ok=False
        )
        assert "No space left" in done.stderr
        made = written(clone)
        assert len(made) < SHARDS
        assert len(list(shards_of(clone).glob("spots-*.npz"))) <= len(made) + 1
        assert not list(shards_of(clone).glob(".*.part.npz"))
        shards = [job for job in status(clone)["jobs"] if job["rule"] == "shard"]
        assert [job["state"] for job in shards].count("done") == len(made)
        subprocess.run(["mount", "-o", "remount,size=2m", str(place)], check=True)
        clone.run(DATA)
        assert made.items() <= written(clone).items()
        assert len(written(clone)) == SHARDS
