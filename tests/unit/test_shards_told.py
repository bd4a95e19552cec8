"""What `studygrid status` and `studygrid estimate` tell of shards."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from studygrid import preparation, sharding
from studygrid.errors import StudygridError
from studygrid.estimate import disk
from studygrid.estimate.document import document as estimate_document
from studygrid.estimate.estimating import Estimate, estimate
from studygrid.estimate.measured import Measured
from studygrid.estimate.piloting import Piloting, wanted
from studygrid.estimate.pilots import Pilots, Preparation
from studygrid.estimate.screen import notes
from studygrid.estimate.shard_times import shard_times
from studygrid.estimate.todo import to_do
from studygrid.execution.resources import SHARD_SAMPLE_MB
from studygrid.plan import Plan, make_plan
from studygrid.records import write_record
from studygrid.shards import file_path, log_path
from studygrid.status.document import document
from studygrid.status.other_jobs import JobView
from studygrid.status.reader import StudyReader
from studygrid.status.screen import screen
from studygrid.status.states import State
from studygrid.status.study_state import StudyState
from studygrid.status.words import Words
from tests.sharded import SHARDS, spots_config


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def plan(tmp_path: Path, results: Path) -> Plan:
    config = spots_config()
    config["execution"] = {"shards": str(tmp_path / "shards")}
    config["grid"]["resolution"] = [8, 12]
    return planned(config, results)


def planned(config: dict[str, Any], results: Path) -> Plan:
    """Return the plan of a config, with its study.yaml in the results folder."""
    plan = make_plan({**config, "results": str(results)})
    results.mkdir(parents=True, exist_ok=True)
    (results / "study.yaml").write_text(yaml.safe_dump(plan.resolved(), sort_keys=False))
    return plan


def make(plan: Plan, count: int = SHARDS, seconds: float = 10.0) -> None:
    """Make the first shards of a plan, with logs as their jobs leave them."""
    for spec, record in list(zip(plan.shards, plan.shard_records, strict=True))[:count]:
        sharding.make_shard(spec, record)
        said = sharding.MADE.format(samples=spec.samples, seconds=seconds)
        log_path(record).write_text(f"2026-11-22 08:28:52,449 INFO {said}\n")


def prepare(plan: Plan, results: Path) -> None:
    for side in plan.axis("resolution"):
        folder = results / "data" / f"res{side}"
        spec = plan.data_spec(side, results / "data")
        record = preparation.prepare_data(spec, folder, 1, plan.shard_records)
        write_record(folder / "data.json", record)


# -- status --------------------------------------------------------------------------------------


def shards_in(study: StudyState) -> list[JobView]:
    return [job for job in study.jobs if job.rule == "shard"]


def states(study: StudyState) -> list[State]:
    return [job.state for job in shards_in(study)]


def shown(study: StudyState) -> str:
    console = Console(width=160)
    with console.capture() as capture:
        console.print(screen(study, Words(), 160, whole=True))
    return capture.get()


def test_shards_are_done_once_their_records_are_there(plan: Plan, results: Path) -> None:
    assert states(StudyReader(results).read()) == [State.WAITING] * SHARDS
    make(plan, 3)
    study = StudyReader(results).read()
    assert states(study) == [State.DONE] * 3 + [State.WAITING]
    assert "shard 3/4 done" in shown(study)
    assert "prepare 0/2 done" in shown(study)


def test_a_shard_that_failed_is_named_with_its_log(plan: Plan, results: Path) -> None:
    make(plan, 1)
    record = plan.shard_records[2]
    log_path(record).write_text("2026-11-22 08:28:52,449 ERROR disk_full: No space left\n")
    study = StudyReader(results).read()
    failed = shards_in(study)[2]
    assert (failed.name, failed.failure) == (f"shard {record.stem}", "disk_full")
    text = shown(study)
    assert f"✗ shard {record.stem}  failed: disk_full: No space left" in text
    assert "disk_full, 1 shard job: make room where the results are" in text
    assert f"({log_path(record)})" in text
    found = document(study)
    assert [job["shard"] for job in found["jobs"]][:SHARDS] == [
        path.stem for path in plan.shard_records
    ]
    assert found["failures"][0]["shards"] == 1
    assert found["failures"][0]["log"] == str(log_path(record))


def test_once_all_data_is_prepared_shards_may_be_deleted(plan: Plan, results: Path) -> None:
    make(plan)
    prepare(plan, results)
    shutil.rmtree(plan.shard_records[0].parent)
    study = StudyReader(results).read()
    assert states(study) == [State.DONE] * SHARDS
    assert "shard" not in shown(study)


def test_shards_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "clone"
    root.mkdir()
    monkeypatch.chdir(root)
    plan = planned(spots_config(), Path("results"))
    make(plan, 2)
    for here, folder in ((root, "results"), (tmp_path, "clone/results"), (tmp_path, root)):
        monkeypatch.chdir(here)
        path = Path(folder, "results") if folder is root else Path(folder)
        assert states(StudyReader(path).read()) == [State.DONE] * 2 + [State.WAITING] * 2
    # Results that were moved away from their clone: nobody knows.
    shutil.move(root / "results", tmp_path / "moved")
    assert shards_in(StudyReader(tmp_path / "moved").read()) == []


# -- estimate ------------------------------------------------------------------------------------


def estimated(plan: Plan, results: Path, pilots: Pilots | None = None) -> Estimate:
    jobs, found = to_do(plan, results, Measured()), pilots or Pilots()
    return estimate(plan, results, jobs, Measured(), found, workers=2, cores=2)


def test_shards_to_make_are_counted_and_those_of_prepared_data_are_not(
    plan: Plan, results: Path
) -> None:
    found = estimated(plan, results)
    assert list(found.jobs.jobs.items())[:2] == [("shard", SHARDS), ("prepare", 2)]
    assert any("making the shards is not counted" in note for note in notes(found))
    make(plan, 3)
    assert estimated(plan, results).jobs.jobs["shard"] == 1
    # A file that is gone is made by the job that needs it.
    file_path(plan.shard_records[0]).unlink()
    assert [spec.name for spec in estimated(plan, results).jobs.shard] == ["spots-03"]
    make(plan)
    prepare(plan, results)
    shutil.rmtree(plan.shard_records[0].parent)
    assert "shard" not in estimated(plan, results).jobs.jobs


def test_the_time_of_shards_is_told_by_those_that_are_there(plan: Plan, results: Path) -> None:
    make(plan, 2, seconds=100.0)
    assert [time.seconds for time in shard_times(plan)] == [100.0, 100.0]
    prepared = [Preparation(side, "here", 0.0, 1.0) for side in (8, 12)]
    found = estimated(plan, results, Pilots(prepared=prepared))
    shards = found.by_rule["shard"]
    assert shards is not None
    assert shards.low < 200 < shards.high
    assert shards.mid == pytest.approx(200, rel=0.15)
    # Two at once, before the data is prepared.
    assert 80 < found.wall.mid < 160
    assert not any("shards is not counted" in note for note in notes(found))
    assert estimate_document(found, 0.0)["computing_sec_by_rule"]["shard"]["mid"] == shards.mid


def test_larger_shards_take_longer_than_those_that_were_made(plan: Plan, results: Path) -> None:
    make(plan, 2, seconds=100.0)
    config = spots_config()
    config["execution"] = {"shards": plan.study.execution.shards}
    config["dataset"] |= {"images": 400, "shard_images": 200}
    larger = estimated(planned(config, results), results).by_rule["shard"]
    assert larger is not None
    assert larger.mid == pytest.approx(2000, rel=0.5)


def test_the_disk_that_shards_take_is_counted_where_it_is_that_of_the_results(
    plan: Plan, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = estimated(plan, results).disk
    assert data.is_data_guessed
    assert data.data >= 80 * SHARD_SAMPLE_MB * 1e6
    make(plan, 2)
    size = sum(file_path(record).stat().st_size for record in plan.shard_records[:2])
    there = estimated(plan, results).disk.data
    monkeypatch.setattr(disk, "_on_same_disk", lambda *folders: False)
    assert there - estimated(plan, results).disk.data == size


def test_a_pilot_without_its_shards_says_how_to_make_them(plan: Plan, results: Path) -> None:
    make(plan, 1)
    due = wanted(plan, results, plan.runs, lambda kind: False)
    with pytest.raises(StudygridError, match=r"3 of its 4 shards are to be made first: snakemake"):
        list(Piloting(plan, results, 0.1).run(due))
