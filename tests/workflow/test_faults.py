"""Whatever is killed, torn or full: no record is half-written, and the same command finishes."""

from __future__ import annotations

import csv
import hashlib
import json
import multiprocessing
import os
import random
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

from studygrid.errors import RecordError
from studygrid.records import EvaluateRecord, TrainRecord, read_record
from studygrid.training.job import main as train
from tests.conftest import Clone
from tests.workflow.faults import mounted, started, wait_for

pytestmark = pytest.mark.workflow
JOBS_KILLED, SNAKEMAKES_KILLED = 20, 3


def assert_valid(folder: Path) -> int:
    """Check each record of a run that is there, and that its weights are those it names."""
    records = 0
    for path in folder.rglob("train.json"):
        record = read_record(path, TrainRecord)
        assert record.checkpoint is not None
        weights = path.with_name(record.checkpoint.file).read_bytes()
        assert hashlib.sha256(weights).hexdigest() == record.checkpoint.sha256
        records += 1
    for path in folder.rglob("evaluate.json"):
        read_record(path, EvaluateRecord)
        records += 1
    return records


def scores(folder: Path) -> dict[str, Any]:
    """Return what all runs ended with."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("train.json")):
        record = read_record(path, TrainRecord)
        assert record.checkpoint is not None
        found[str(path.relative_to(folder))] = (record.best_value, record.checkpoint.sha256)
    for path in sorted(folder.rglob("evaluate.json")):
        found[str(path.relative_to(folder))] = read_record(path, EvaluateRecord).metrics
    return found


# -- SIGKILL -------------------------------------------------------------------------------------


class Jobs:
    """Train jobs of one run, each in a process forked from one that has PyTorch loaded."""

    def __init__(self, clone: Clone) -> None:
        record = clone.record("runs/tiny_cnn/res16/n32/seed0/train.json")
        self._spec = record["spec"]
        training = {"steps": 300, "validations": 30}
        self._spec["training"] |= training
        self._data = str(clone.folder / "results/data/res16/data.json")
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["studygrid.training.job", "torch._dynamo"])

    def start(self, folder: Path) -> multiprocessing.process.BaseProcess:
        options = {
            "--spec": json.dumps(self._spec),
            "--data": self._data,
            "--output": str(folder / "train.json"),
            "--log": str(folder / "training.log"),
            # A resume point after each epoch.
            "--resume-share": "1",
        }
        argv = [part for pair in options.items() for part in pair]
        process = self._context.Process(target=train, args=(argv,))
        process.start()
        return process


def tear(path: Path, chance: random.Random) -> None:
    """Leave a file as a lost write would: cut off, emptied, or with a changed byte."""
    content = path.read_bytes()
    place = chance.randrange(len(content))
    changed_byte = bytes([content[place] ^ 0xFF])
    torn = [content[:place], b"", content[:place] + changed_byte + content[place + 1 :]]
    path.write_bytes(chance.choice(torn))


def test_train_jobs_killed_at_random_moments_end_as_an_undisturbed_one(
    finished_study: Clone, tmp_path: Path
) -> None:
    jobs, chance = Jobs(finished_study), random.Random(0)
    undisturbed = tmp_path / "undisturbed"
    jobs.start(undisturbed).join(120)
    begun = time.monotonic()
    jobs.start(tmp_path / "again").join(120)
    length = time.monotonic() - begun
    expected = scores(undisturbed)
    assert scores(tmp_path / "again") == expected != {}
    killed = torn = 0
    resumed_from: set[int] = set()
    for number in range(100):
        folder = tmp_path / f"run{number}"
        while not (folder / "train.json").exists() or killed == 0:
            process = jobs.start(folder)
            process.join(chance.uniform(0, 0.7 * length) if killed < JOBS_KILLED else 120)
            if process.is_alive():
                process.kill()
                process.join(30)
                killed += 1
            assert_valid(folder)
            resume = folder / "resume.pth"
            if resume.exists() and chance.random() < 0.2:
                tear(resume, chance)
                torn += 1
        assert scores(folder) == expected
        starts = (folder / "events.jsonl").read_text().splitlines()
        resumed_from |= {
            row["step"] for row in map(json.loads, starts) if row["moment"] == "on_start"
        }
        if killed >= JOBS_KILLED:
            break
    print(f"{killed} train jobs killed, {torn} resume points torn, {number + 1} runs finished")
    assert killed >= JOBS_KILLED
    assert resumed_from - {0}, "no job went on from a resume point"


def test_snakemakes_killed_at_random_moments_end_as_an_undisturbed_one(
    make_clone: Callable[..., Clone], config: Any
) -> None:
    chance = random.Random(0)
    config["models"] = {"tiny_cnn": None}
    config["grid"]["n_train"] = [32]
    config["training"] = {"steps": 1500, "validations": 10, "batch_size": 8}
    config["profiling"] = {"enabled": False}
    target = "results/aggregated_metrics.csv"
    clone = make_clone(config)
    results = clone.folder / "results"
    for number in range(SNAKEMAKES_KILLED):
        with started(clone, target) as snakemake:
            # From the second on there is something to tear before the first job.
            wait_for(lambda: list(results.glob("runs/*/*/*/*/events.jsonl")))
            time.sleep(chance.uniform(0, 4))
            os.killpg(snakemake.pid, signal.SIGKILL)
            snakemake.wait()
            if number % 2:  # the jobs of some go on alone for a while
                time.sleep(1)
        assert_valid(results)
    clone.run(target)
    assert assert_valid(results) == 4
    assert clone.to_do(target) == set()
    disturbed = scores(results)
    results.rename(clone.folder / "disturbed")
    clone.run(target)
    assert scores(results) == disturbed


# -- damage --------------------------------------------------------------------------------------


def changed(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def one_bit(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def test_damaged_records_and_weights_are_named_and_remade_once_deleted(study: Clone) -> None:
    results = study.folder / "results"
    before = scores(results)
    tiny, simple = results / "runs/tiny_cnn/res16", results / "runs/simple_cnn/res16"
    changed(tiny / "n16/seed0/train.json", lambda content: content[: len(content) // 2])
    changed(tiny / "n16/seed1/train.json", lambda content: b"")
    changed(
        tiny / "n32/seed0/train.json",
        lambda content: re.sub(rb'"best_value": [^,]*', b'"best_value": NaN', content),
    )
    changed(
        tiny / "n32/seed1/train.json",
        lambda content: content.replace(b'"schema_version": 1', b'"schema_version": 99'),
    )
    changed(simple / "n16/seed0/best_model.pth", one_bit)
    (simple / "n16/seed1/best_model.pth").write_bytes(
        (simple / "n32/seed1/best_model.pth").read_bytes()
    )
    (simple / "n32/seed0/best_model.pth").unlink()
    for run in ("n16/seed0", "n16/seed1", "n32/seed0"):
        (simple / run / "evaluate.json").unlink()
    assert_no_damage_passes(study)
    # A file that is asked for by its name is remade though the tables are newer.
    targets = [f"results/{path}" for path in [*before, "aggregated_metrics.csv"]]
    done = study.snakemake("--cores", "2", "--retries", "0", *targets, ok=False)
    said = re.findall(
        r"(results/runs/\S*train\.json)(?:: .*; delete it| to train again)", done.stderr
    )
    assert "what failed, why and what to do: studygrid status results" in done.stderr
    damaged = [path for path in before if path.endswith("train.json")]
    damaged.remove("runs/simple_cnn/res16/n32/seed1/train.json")
    assert sorted(set(said)) == sorted(f"results/{path}" for path in damaged)
    for path in set(said):
        (study.folder / path).unlink()
    study.run(*targets)
    assert scores(results) == before
    assert study.to_do(*targets) == set()


def assert_no_damage_passes(study: Clone) -> None:
    """Check that the strict reader takes none of the damaged records."""
    refused = 0
    for path in (study.folder / "results" / "runs").rglob("train.json"):
        try:
            read_record(path, TrainRecord)
        except RecordError:
            refused += 1
    assert refused == 4


def test_damaged_evaluations_and_profiles_are_counted_and_named(study: Clone) -> None:
    results = study.folder / "results"
    cut = "runs/tiny_cnn/res16/n16/seed0/evaluate.json"
    changed(results / cut, lambda content: content[: len(content) // 2])
    changed(results / "profiles/tiny_cnn/res16.json", lambda content: b"")
    study.run("results/aggregated_metrics.csv")
    with (results / "aggregated_metrics.csv").open() as file:
        missing = [row for row in csv.DictReader(file) if row["status"] == "missing"]
    assert len(missing) == 1
    assert f"results/{cut}: is not JSON" in missing[0]["reason"]
    assert "delete it and run" in missing[0]["reason"]


@pytest.mark.parametrize("array", ["images", "labels", "train"])
def test_cut_off_data_is_refused_by_name_and_made_again_once_deleted(
    study: Clone, array: str
) -> None:
    data = study.folder / "results/data/res16"
    changed(data / f"{array}.npy", lambda content: content[: len(content) // 2])
    jobs = Jobs(study)
    process = jobs.start(study.folder / "run")
    process.join(120)
    assert not (study.folder / "run/train.json").exists()
    said = (study.folder / "run/training.log").read_text()
    assert f"{array}.npy" in said
    assert "delete" in said


def fill(path: Path) -> None:
    """Write a file until the disk is full."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_full_disk_is_named_and_once_there_is_room_the_same_command_finishes(
    make_clone: Callable[..., Clone], config: Any
) -> None:
    config["profiling"] = {"enabled": False}
    config["models"] = {"tiny_cnn": None}
    clone = make_clone(config)
    results = clone.folder / "results"
    target = "results/aggregated_metrics.csv"
    with mounted(results, "-t", "tmpfs", "-o", "size=2m", "none"):
        filler = results / "filler"
        filler.write_bytes(bytes(1_800_000))
        said = clone.snakemake("--cores", "2", "--retries", "0", target, ok=False)
        assert "disk_full" in said.stderr or "No space left" in said.stderr
        assert_valid(results)
        # Not a byte is left: it is known before any job.
        fill(results / "more")
        full = clone.snakemake("--cores", "2", target, ok=False)
        assert "results: cannot be written; the disk is full" in full.stderr
        assert "rule " not in full.stdout + full.stderr
        filler.unlink()
        (results / "more").unlink()
        clone.run(target)
        assert assert_valid(results) == 8
        assert not list(results.rglob("*.part"))


# -- clocks --------------------------------------------------------------------------------------


def moved(text: str, by: Callable[[int], timedelta]) -> str:
    """Return an event log whose clock jumps."""
    rows = [json.loads(line) for line in text.splitlines()]
    for number, row in enumerate(rows):
        at = datetime.fromisoformat(row["time_utc"]) + by(number)
        row["time_utc"] = at.isoformat(timespec="milliseconds")
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("minutes", [-600, 600])
def test_a_clock_that_jumps_gives_no_negative_time(study: Clone, minutes: int) -> None:
    from studygrid.status.document import document
    from studygrid.status.reader import StudyReader

    results = study.folder / "results"
    for log in results.rglob("events.jsonl"):
        log.write_text(moved(log.read_text(), lambda number: timedelta(minutes=minutes * number)))
    content = document(StudyReader(results).read())
    assert content["counts"]["done"] == 8
    numbers = dict(all_numbers(content))
    assert numbers
    assert not {place: value for place, value in numbers.items() if value < 0}


def all_numbers(content: Any, place: str = "") -> list[tuple[str, float]]:
    """Return the numbers of a JSON document with their places."""
    if isinstance(content, bool) or content is None or isinstance(content, str):
        return []
    if isinstance(content, int | float):
        return [(place, content)]
    parts = content.items() if isinstance(content, dict) else enumerate(content)
    return [pair for key, part in parts for pair in all_numbers(part, f"{place}.{key}")]
