"""The estimate of a study: what is to do, from which records, how earlier ones held, the disk."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from studygrid.errors import StudygridError
from studygrid.estimate import disk, estimating
from studygrid.estimate.document import document, kept
from studygrid.estimate.estimating import Estimate, choose, estimate
from studygrid.estimate.history import FILE, how_it_held, keep, read_earlier
from studygrid.estimate.measured import Measured, read_measured
from studygrid.estimate.pilots import Pilot, Pilots, Preparation, keep_pilots, read_pilots
from studygrid.estimate.screen import notes, ranged, screen, size
from studygrid.estimate.sums import Range
from studygrid.estimate.todo import OTHER_CODE, OTHER_SETTINGS, to_do
from studygrid.estimate.totals import Totals, how_totals_held
from studygrid.execution import fingerprints
from studygrid.execution.devices import Gpu
from studygrid.grid import Run
from studygrid.records import Origin, Status, write_record
from studygrid.status.words import Words
from tests.unit.made_records import (
    ORIGIN,
    evaluate_record,
    profile_record,
    small_plan,
    train_record,
)

STARTED = datetime.fromisoformat(ORIGIN.started_at).timestamp()


def origin(
    code: str,
    seconds: float = 60.0,
    device: str = "Some GPU",
    at: float = 0,
    uuid: str | None = None,
) -> Origin:
    """Return the origin of a job that started `at` seconds after the others."""
    kind = "cuda" if "GPU" in device else "cpu"
    facts = {"name": device, "type": kind, "uuid": uuid}
    found = ORIGIN.hardware.device.model_copy(update=facts)
    times = [datetime.fromtimestamp(STARTED + at + more, UTC) for more in (0, seconds)]
    return ORIGIN.model_copy(
        update={
            "code": code,
            "total_time_sec": seconds,
            "hardware": ORIGIN.hardware.model_copy(update={"device": found}),
            "started_at": times[0].isoformat(),
            "finished_at": times[1].isoformat(),
        }
    )


class Study:
    """A plan whose records are as its present code would leave them."""

    def __init__(self, results: Path, **config: Any) -> None:
        self.results, self.plan = results, small_plan(**config)

    def train(
        self,
        run: Run,
        seconds: float = 60.0,
        device: str = "Some GPU",
        at: float = 0,
        code: str | None = None,
        uuid: str | None = None,
        **more: Any,
    ) -> Path:
        """Write both records of a run."""
        model = self.plan.models[run.model]
        name, family = model.architecture.name, self.plan.family
        present = fingerprints.train_code(family, name, model.training.monitor)
        train = train_record(
            self.plan,
            run,
            origin=origin(code or present, seconds, device, at, uuid),
            train_time_sec=0.9 * seconds,
            **more,
        )
        folder = self.results / "runs" / run.path
        write_record(folder / "train.json", train)
        scored = origin(fingerprints.evaluate_code(family, name), 2.0, device, at + seconds + 1)
        write_record(folder / "evaluate.json", evaluate_record(self.plan, train, origin=scored))
        return folder

    def profile(self) -> None:
        for at, (model, side) in enumerate(self.plan.profiled):
            name = self.plan.models[model].architecture.name
            record = profile_record(
                self.plan,
                model,
                side,
                origin=origin(fingerprints.profile_code(self.plan.family, name), 5.0, at=6.0 * at),
            )
            write_record(self.results / "profiles" / model / f"res{side}.json", record)

    def estimate(self, *, pilots: Pilots | None = None, **options: Any) -> Estimate:
        measured = read_measured(self.results)
        jobs = to_do(self.plan, self.results, measured)
        given = {"workers": 2, "cores": 2, **options}
        found = pilots or Pilots()
        return estimate(self.plan, self.results, jobs, measured, found, **given)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


@pytest.fixture
def finished(study: Study) -> Study:
    for at, run in enumerate(study.plan.runs):
        study.train(run, at=100.0 * at)
    study.profile()
    return study


def shown(found: Estimate) -> str:
    from rich.console import Console

    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(screen(found, Words()))
    return capture.get()


def test_of_a_finished_study_only_the_data_is_to_do(finished: Study) -> None:
    found = finished.estimate()
    assert found.jobs.jobs == {"prepare": 2, "train": 0, "evaluate": 0, "profile": 0}
    assert found.computing.mid == 0
    assert found.wall.mid == 0
    assert not found.cells


def test_what_is_missing_of_other_settings_or_of_other_code_is_to_do(finished: Study) -> None:
    runs = finished.plan.runs
    (finished.results / "runs" / runs[0].path / "train.json").unlink()
    (finished.results / "runs" / runs[1].path / "evaluate.json").unlink()
    finished.train(runs[2], code="of another day")
    path = finished.results / "runs" / runs[3].path / "train.json"
    path.write_text(path.read_text().replace('"learning_rate": 0.001', '"learning_rate": 0.002'))
    failed = {"checkpoint": None, "stopped_by": "failure", "reason": "nan"}
    finished.train(runs[4], status=Status.DIVERGED, **failed)
    jobs = to_do(finished.plan, finished.results, read_measured(finished.results))
    assert jobs.train == [runs[0], runs[2], runs[3]]
    assert jobs.evaluate == runs[:4]
    assert jobs.again == Counter({OTHER_CODE: 1, OTHER_SETTINGS: 1})
    assert jobs.failed == 1


def test_a_torn_record_counts_as_missing_and_is_named(finished: Study) -> None:
    run = finished.plan.runs[0]
    path = finished.results / "runs" / run.path / "train.json"
    path.write_bytes(path.read_bytes()[:500])
    found = finished.estimate()
    assert found.jobs.train == [run]
    assert found.measured_runs == len(finished.plan.runs) - 1
    (note,) = [note for note in notes(found) if "cannot be used" in note]
    assert str(path) in note


def test_a_deleted_profile_is_to_do_again(finished: Study) -> None:
    (finished.results / "profiles/tiny_cnn/res32.json").unlink()
    found = finished.estimate()
    assert found.jobs.profile == [("tiny_cnn", 32)]
    assert found.by_rule["profile"] is not None
    assert found.by_rule["profile"].mid == pytest.approx(5, rel=0.1)


def test_a_part_of_a_study_tells_of_the_rest(study: Study) -> None:
    for at, run in enumerate(study.plan.runs):
        if run.seed == 0 and run.n_train == 64:
            study.train(run, seconds=10.0, at=100.0 * at)
    found = study.estimate()
    # Measured: 100 steps in 9 s, 10 validations in 1 s. Of 20 epochs, each has 2 or 49 steps.
    small, large = (found.cells[f"tiny_cnn/res32/n{size}"].mid for size in ("64", "all"))
    assert small == pytest.approx(20 * (2 * 0.09 + 0.1))
    assert large == pytest.approx(20 * (49 * 0.09 + 0.1))
    assert found.unknown == 0
    assert found.wall.mid < found.computing.mid < 2.5 * found.wall.mid
    assert found.computing.low < found.computing.mid < found.computing.high
    assert "from 4 finished runs on Some GPU (here), at most 1 job at once" in shown(found)


def test_a_model_without_a_finished_run_is_refused_in_words(study: Study) -> None:
    for run in study.plan.runs:
        if run.model == "tiny_cnn":
            study.train(run)
    found = study.estimate()
    assert found.unknown == 12
    text = shown(found)
    assert "no time is known of 12 runs, and none is counted: simple_cnn at" in text
    assert "without 12 runs" in text


def test_with_nothing_measured_nothing_is_estimated(study: Study) -> None:
    found = study.estimate()
    assert (found.device, found.unknown) == (None, len(study.plan.runs))
    assert "from nothing" in shown(found)
    assert "wall clock" not in shown(found)
    json.dumps(document(found, 0.0), allow_nan=False)


def test_failed_runs_tell_no_times(study: Study) -> None:
    for run in study.plan.runs[:3]:
        study.train(run, status=Status.OOM, reason="too large", checkpoint=None)
    found = study.estimate()
    assert (found.device, found.measured_runs) == (None, 0)
    assert found.jobs.failed == 3
    assert len(found.jobs.train) == len(study.plan.runs) - 3


def test_times_of_two_devices_are_never_pooled(study: Study) -> None:
    runs = [run for run in study.plan.runs if run.model == "tiny_cnn" and run.seed < 2]
    for at, run in enumerate(runs):
        fast = run.seed == 0
        device = "Fast GPU" if fast else "Slow GPU"
        study.train(run, seconds=1.0 if fast else 100.0, device=device, at=float(at))
    study.train(runs[0], seconds=1.0, device="Fast GPU", at=1000.0)
    cell = "tiny_cnn/res32/n64"
    latest, slow = study.estimate(), study.estimate(device="slow")
    assert (latest.device, latest.others) == ("Fast GPU", ["Slow GPU"])
    assert slow.cells[cell].mid == pytest.approx(100 * latest.cells[cell].mid)
    assert any("not used: what was measured on Slow GPU" in note for note in notes(latest))


def test_a_device_that_nothing_was_measured_on_is_refused_with_those_there_are(
    finished: Study,
) -> None:
    with pytest.raises(StudygridError, match=r"nothing was measured .* \(there are: Some GPU\)"):
        finished.estimate(device="H100")
    with pytest.raises(StudygridError, match="there are: none at all"):
        choose("H100", Measured(), Pilots())


def test_an_unprepared_study_says_that_preparing_is_not_counted(finished: Study) -> None:
    (finished.results / "runs" / finished.plan.runs[0].path / "train.json").unlink()
    assert any("preparing the data is not counted" in note for note in notes(finished.estimate()))
    known = Pilots(prepared=[Preparation(32, "here", 0.0, 7.0)])
    found = finished.estimate(pilots=known)
    assert found.by_rule["prepare"] is not None
    assert found.by_rule["prepare"].mid > 7


def pilot(code: str, **changes: Any) -> Pilot:
    times = {"step_sec": 0.1, "validation_sec": 0.2, "setup_sec": 0.3, "start_sec": 1.0}
    place = {"device": "Some GPU", "on_gpu": True, "host": "here", "at": 1.0}
    made: dict[str, Any] = {"model": "tiny_cnn", "resolution": 32, "batch": 32, **place, **times}
    return Pilot(**{**made, "code": code, **changes})


def test_pilots_are_kept_and_a_new_one_takes_the_place_of_its_kind(tmp_path: Path) -> None:
    first = Pilots().with_new([pilot("a"), pilot("b")], [Preparation(32, "here", 1.0, 2.0)])
    keep_pilots(tmp_path, first)
    assert read_pilots(tmp_path) == first
    second = first.with_new([pilot("a", step_sec=9.0)], [])
    assert [one.step_sec for one in second.pilots] == [9.0, 0.1]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"schema_version": 2}', b'{"schema_version": 1, "pilots": [{}]}'],
)
def test_a_file_of_pilots_that_cannot_be_read_counts_as_none(
    tmp_path: Path, content: bytes
) -> None:
    keep_pilots(tmp_path, Pilots())
    (tmp_path / "pilot" / "pilot.json").write_bytes(content)
    assert read_pilots(tmp_path) == Pilots()


@pytest.mark.parametrize("seconds", [-1.0, 0.0, "fast"])
def test_a_pilot_whose_times_are_none_counts_as_none(tmp_path: Path, seconds: Any) -> None:
    keep_pilots(tmp_path, Pilots([pilot("a", step_sec=seconds)]))
    assert read_pilots(tmp_path) == Pilots()


def earlier(study: Study, before: float, low: float, mid: float, high: float, **more: Any) -> None:
    """Keep an estimate that was made some seconds before the runs began."""
    at = datetime.fromtimestamp(STARTED - before, UTC).isoformat()
    cells = {run.path.rpartition("/")[0]: [low, mid, high] for run in study.plan.runs}
    keep(study.results, {"time_utc": at, "device": "Some GPU", "train_sec": cells, **more})


def test_estimates_that_held_leave_ranges_as_they_are(finished: Study) -> None:
    earlier(finished, 10, 40.0, 50.0, 70.0)
    held = how_it_held(read_earlier(finished.results), read_measured(finished.results).trained)
    assert held is not None
    assert (held.runs, held.inside, held.widening) == (24, 24, 1.0)
    assert (held.ratio, held.total_ratio) == (pytest.approx(1.2), pytest.approx(1.2))


def test_estimates_that_did_not_hold_widen_ranges_until_they_would_have(finished: Study) -> None:
    (finished.results / "runs" / finished.plan.runs[0].path / "train.json").unlink()
    before = finished.estimate()
    earlier(finished, 10, 25.0, 30.0, 40.0)
    after = finished.estimate()
    assert after.held is not None
    assert after.held.inside == 0
    assert 30 * (40 / 30) ** after.widening >= 60 * 0.999
    assert after.computing.high / after.computing.mid == pytest.approx(
        (before.computing.high / before.computing.mid) ** after.widening
    )
    assert "so ranges are wider" in shown(after)
    # Kept without the widening: else ranges would grow and shrink by turns.
    assert kept(after, 0.0)["train_sec"] == kept(before, 0.0)["train_sec"]


def test_a_range_is_judged_as_it_was_printed_and_widened_anew_from_what_it_was_before(
    finished: Study,
) -> None:
    held = []
    for before, widening in ((20, 1.0), (10, 3.0)):  # runs took 60 s
        earlier(finished, before, 40.0, 50.0, 55.0, widening=widening)
        found = how_it_held(read_earlier(finished.results), read_measured(finished.results).trained)
        assert found is not None
        held.append(found)
    assert [one.inside for one in held] == [0, 24]
    needed = math.log(60 / 50) / math.log(55 / 50)
    assert [one.widening for one in held] == [pytest.approx(needed)] * 2


def test_an_estimate_that_is_kept_holds_its_widening(finished: Study) -> None:
    (finished.results / "runs" / finished.plan.runs[0].path / "train.json").unlink()
    earlier(finished, 10, 25.0, 30.0, 40.0)
    found = finished.estimate()
    assert found.widening > 1
    keep(finished.results, kept(found, STARTED + 10_000))
    last = read_earlier(finished.results)[-1]
    assert last.widening == found.widening
    ((path, raw),) = last.cells.items()
    (row,) = found.rows
    assert row.one is not None
    assert raw.widened(last.widening).high == pytest.approx(row.one.high, rel=1e-4), path


def begun(study: Study, workers: int = 2) -> Estimate:
    """Finish a third of a study, two at once, and keep an estimate of the rest."""
    for at, run in enumerate(run for run in study.plan.runs if run.seed == 0):
        study.train(run, at=64.0 * (at // 2) - 10_000)
    found = study.estimate(workers=workers)
    keep(study.results, kept(found, STARTED - 10))
    return found


def finish(study: Study, said: Estimate, factor: float = 1.0, pause: float = 0.0) -> None:
    """Do the rest two at once, each run `factor` times as long as said, after profiles."""
    study.profile()
    there = read_measured(study.results).trained
    free = [50.0, 50.0]
    for at, run in enumerate(run for run in study.plan.runs if run not in there):
        worker = free.index(min(free))
        start = free[worker] + (pause if at in (8, 9) else 0)
        seconds = factor * said.cells[run.path.rpartition("/")[0]].mid
        study.train(run, seconds, at=start)
        free[worker] = start + seconds + 4


def totals(study: Study) -> Totals | None:
    return how_totals_held(read_earlier(study.results), read_measured(study.results))


def test_totals_are_compared_once_every_job_of_an_estimate_is_done(study: Study) -> None:
    said = begun(study)
    assert said.totals is None
    finish(study, said)
    last = study.results / "runs" / study.plan.runs[-1].path / "evaluate.json"
    content = last.read_bytes()
    last.unlink()
    assert totals(study) is None
    last.write_bytes(content)
    found = totals(study)
    assert found is not None
    assert (found.estimates, found.inside, found.walls, found.walls_inside) == (1, 1, 1, 1)
    assert found.ratio == pytest.approx(1, rel=0.1)
    assert found.wall_ratio == pytest.approx(1, rel=0.2)


def test_totals_that_left_their_ranges_are_told(study: Study) -> None:
    finish(study, begun(study), factor=10.0)
    (study.results / "runs" / study.plan.runs[0].path / "train.json").unlink()
    found = study.estimate()
    assert found.totals is not None
    assert (found.totals.inside, found.totals.walls_inside) == (0, 0)
    assert found.totals.ratio > 5
    text = shown(found)
    assert "earlier totals: 1 estimate is done wholly; computing took" in text
    assert "times the estimate, 0 of 1 in the range; the wall clock" in text
    content = document(found, 0.0)["earlier_totals"]
    assert (content["estimates"], content["walls"]) == (1, 1)


@pytest.mark.parametrize(("workers", "pause"), [(1, 0.0), (5, 0.0), (2, 50_000.0)])
def test_the_wall_clock_is_not_compared_with_other_workers_or_a_night_in_between(
    study: Study, workers: int, pause: float
) -> None:
    finish(study, begun(study, workers), pause=pause)
    found = totals(study)
    assert found is not None
    assert (found.estimates, found.inside, found.walls, found.wall_ratio) == (1, 1, 0, None)


def test_of_estimates_of_the_same_jobs_the_one_with_as_many_workers_counts(study: Study) -> None:
    said = begun(study)
    other = study.estimate(workers=5)
    keep(study.results, kept(other, STARTED - 5))
    finish(study, said)
    found = totals(study)
    assert found is not None
    assert (found.estimates, found.walls) == (1, 1)


def test_an_estimate_without_all_times_has_no_wall_clock_to_compare(study: Study) -> None:
    for run in study.plan.runs:
        if run.model == "tiny_cnn" and run.seed == 0:
            study.train(run)
    found = study.estimate()
    assert found.unknown > 0
    assert found.said.wall is None
    assert {name.split("/")[0] for name in found.said.jobs.train} == {"tiny_cnn"}


def test_kept_totals_leave_preparing_out_and_are_else_what_is_printed(study: Study) -> None:
    begun(study)
    known = Pilots(prepared=[Preparation(32, "here", 0.0, 500.0)])
    without, with_it = study.estimate(), study.estimate(pilots=known)
    assert without.said.computing.to_plain() == without.computing.to_plain()
    assert without.said.wall == without.wall
    assert with_it.computing.mid > without.computing.mid + 900
    assert with_it.said.computing.mid == pytest.approx(without.computing.mid, rel=0.1)
    assert with_it.said.wall is not None
    assert with_it.said.wall.mid == pytest.approx(without.wall.mid, rel=0.1)


def test_an_estimate_that_was_kept_without_totals_is_compared_run_by_run(finished: Study) -> None:
    earlier(finished, 10, 40.0, 50.0, 70.0)
    assert totals(finished) is None
    broken: Any
    for broken in ({}, {"jobs": {}}, 1, None):
        earlier(finished, 5, 40.0, 50.0, 70.0, total=broken)
    assert len(read_earlier(finished.results)) == 1


def test_only_runs_that_began_after_an_estimate_are_compared_with_it(finished: Study) -> None:
    earlier(finished, -10_000, 1.0, 2.0, 3.0)
    trained = read_measured(finished.results).trained
    assert how_it_held(read_earlier(finished.results), trained) is None
    earlier(finished, 20, 1.0, 2.0, 3.0)
    earlier(finished, 10, 40.0, 60.0, 70.0)
    held = how_it_held(read_earlier(finished.results), trained)
    assert held is not None
    assert held.ratio == pytest.approx(1.0), "the last estimate before a run counts"


def test_a_torn_line_of_earlier_estimates_is_passed_over(finished: Study) -> None:
    earlier(finished, 10, 40.0, 60.0, 70.0)
    path = finished.results / FILE
    line = path.read_bytes()
    nonsense = [b'{"schema_version": 1, "time', b"[]", b"1", line.replace(b"40.0", b"-40.0")]
    path.write_bytes(b"\n".join([*nonsense, line]))
    assert len(read_earlier(finished.results)) == 1


def test_the_disk_holds_weights_and_the_resume_points_of_the_runs_at_once(study: Study) -> None:
    for run in study.plan.runs:
        if run.seed == 0:
            folder = study.train(run)
            (folder / "best_model.pth").write_bytes(b"0" * 1000)
    found = study.estimate(workers=3).disk
    assert found.weights == 16 * 1000
    assert found.resume == 3 * 8 * 1000
    assert found.other == pytest.approx(16 * sum_of_other(study), rel=0.01)
    assert found.fits


def sum_of_other(study: Study) -> float:
    folder = study.results / "runs" / study.plan.runs[0].path
    return sum(path.stat().st_size for path in folder.glob("*.json"))


def test_a_disk_that_is_too_small_is_told_before_the_launch(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.train(study.plan.runs[0])
    monkeypatch.setattr(disk, "free_bytes", lambda folder: 1000)
    found = study.estimate()
    assert not found.disk.fits
    assert any("the disk does not suffice" in note for note in notes(found))


def test_more_workers_never_take_longer_and_never_save_computing(study: Study) -> None:
    for run in study.plan.runs[:6]:
        study.train(run)
    found = [study.estimate(workers=count) for count in (1, 2, 8, 100)]
    walls = [one.wall.mid for one in found]
    assert walls == sorted(walls, reverse=True)
    assert walls[0] > 1.5 * walls[2]
    assert len({one.computing.mid for one in found}) == 1


@pytest.mark.parametrize(
    ("gpus", "sharing", "workers"), [(1, 1, 1), (3, 1, 3), (2, 3, 6), (0, 1, 1), (0, 2, 2)]
)
def test_without_a_number_of_workers_there_are_as_many_as_the_gpus_here_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpus: int, sharing: int, workers: int
) -> None:
    study = Study(tmp_path, execution={"runs_per_gpu": sharing})
    study.train(study.plan.runs[0])
    monkeypatch.setattr(estimating, "visible_gpus", lambda: [Gpu("0", "0")] * gpus)
    found = study.estimate(workers=None, cores=7)
    assert (found.workers, found.gpus) == (workers, gpus)
    assert any("this machine has no GPU" in note for note in notes(found)) == (gpus == 0)
    assert (f"({gpus} GPU" in shown(found)) == (gpus > 0)
    given = study.estimate(workers=5)
    assert (given.workers, given.gpus) == (5, None)


def test_on_a_cpu_there_is_a_worker_for_each_core_and_no_gpu_is_asked_for(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.train(study.plan.runs[0], device="Some CPU")
    monkeypatch.delattr(estimating, "visible_gpus")
    found = study.estimate(workers=None, cores=7)
    assert (found.workers, found.gpus, found.on_gpu) == (7, None, False)


def test_what_shares_a_gpu_is_summed_as_job_time_and_not_as_gpu_time(tmp_path: Path) -> None:
    alone = Study(tmp_path / "alone")
    together = Study(tmp_path / "together")
    told = Study(tmp_path / "told", execution={"runs_per_gpu": 2})
    for study, apart in ((alone, 100.0), (together, 30.0), (told, 100.0)):
        for at, run in enumerate(study.plan.runs[:4]):
            study.train(run, at=apart * at, uuid="GPU-a")
    for study, is_shared in ((alone, False), (together, True), (told, True)):
        found = study.estimate()
        text = shown(found)
        assert found.is_shared == is_shared
        assert ("job time" in text, "GPU time" in text) == (is_shared, not is_shared)
        assert any("their times overlap" in note for note in notes(found)) == is_shared


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Range(0.5, 1.0, 2.04), "1.0 s (0.5 to 2.0)"),
        (Range(60, 120, 600), "2.0 min (1.0 to 10)"),
        (Range(3600, 7200, 10**6), "2.0 h (1.0 to 278)"),
        (Range(86400, 10 * 86400, 10**7), "10 d (1.0 to 116)"),
    ],
)
def test_a_time_is_written_in_one_unit_with_its_range(value: Range, text: str) -> None:
    assert ranged(value) == text


def test_sizes_are_written_in_their_unit() -> None:
    assert [size(count) for count in (0, 999, 1.5e6, 2e12)] == [
        "0 kB",
        "1.0 kB",
        "1.5 MB",
        "2.0 TB",
    ]


@pytest.fixture
def run_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[Study, list[str]], int]:
    from studygrid import cli
    from studygrid.commands import estimate as command

    def run(study: Study, arguments: list[str]) -> int:
        import yaml

        content = study.plan.resolved() | {"results": str(study.results)}
        config = tmp_path / "config.yaml"
        config.write_text(yaml.safe_dump(content))
        monkeypatch.setattr(command, "clone", lambda: tmp_path)
        return cli.main(["estimate", "--configfile", str(config), *arguments])

    return run


def test_the_command_prints_and_keeps_an_estimate_of_the_part_that_is_named(
    study: Study,
    run_command: Callable[[Study, list[str]], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for run in study.plan.runs[:6]:
        study.train(run)
    arguments = ["--models", "simple_cnn", "--select", "seed=1,2", "--json", "--workers", "3"]
    assert run_command(study, arguments) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["runs"], content["workers"], content["device"]) == (8, 3, "Some GPU")
    assert content["computing_sec"]["low"] < content["computing_sec"]["high"]
    (said,) = read_earlier(study.results)
    assert set(said.cells) <= {f"simple_cnn/res{r}/n{n}" for r in (32, 48) for n in ("64", "all")}
    assert all(math.isfinite(one.high) for one in said.cells.values())


def test_where_an_estimate_cannot_be_kept_it_is_printed_all_the_same(
    study: Study,
    run_command: Callable[[Study, list[str]], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    study.train(study.plan.runs[0])
    (study.results / FILE).mkdir()
    assert run_command(study, []) == 0
    output = capsys.readouterr()
    assert "wall clock" in output.out
    assert "this estimate cannot be kept" in output.err


def test_an_estimate_without_pilots_writes_nothing_where_nothing_is_known(
    study: Study, run_command: Callable[[Study, list[str]], int]
) -> None:
    before = sorted(study.results.rglob("*"))
    assert run_command(study, []) == 0
    assert [path for path in sorted(study.results.rglob("*")) if path.suffix != ".yaml"] == before


@pytest.mark.parametrize("option", ["--workers", "--pilot-sec"])
def test_counts_are_whole_numbers_above_0(
    study: Study, run_command: Callable[[Study, list[str]], int], option: str
) -> None:
    for text in ("0", "-1", "2.5", "many"):
        with pytest.raises(SystemExit):
            run_command(study, [option, text])


def test_the_command_counts_the_gpus_that_are_visible_here(
    study: Study,
    run_command: Callable[[Study, list[str]], int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    study.train(study.plan.runs[0])
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "nvidia-smi"
    listed = "".join(f"GPU {at}: Some GPU (UUID: GPU-{at})\n" for at in range(4))
    program.write_text(f"#!/bin/sh\ncat <<END\n{listed}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for visible, expected in ((None, 4), ("1,3", 2), ("", 0)):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert run_command(study, ["--json"]) == 0
        content = json.loads(capsys.readouterr().out)
        assert (content["gpus_here"], content["workers"]) == (expected, max(expected, 1))


def test_a_pilot_for_another_device_than_this_machines_is_refused(
    study: Study,
    run_command: Callable[[Study, list[str]], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    study.train(study.plan.runs[0])
    before = sorted(study.results.rglob("*"))
    assert run_command(study, ["--pilot", "--device", "Some GPU"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "--pilot --device Some GPU: pilots run on the device of this machine" in output.err
    assert [path for path in sorted(study.results.rglob("*")) if path.suffix != ".yaml"] == before


def test_the_full_name_of_a_device_is_no_part_of_another(study: Study) -> None:
    for run, device in zip(study.plan.runs, ("A GPU", "A GPU of 80 GB"), strict=False):
        study.train(run, device=device)
    assert study.estimate(device="A GPU").device == "A GPU"
    with pytest.raises(StudygridError, match="fits several"):
        study.estimate(device="a gpu")


def test_the_command_imports_no_torch() -> None:
    code = (
        "import sys; import studygrid.commands.estimate, studygrid.estimate.screen,"
        "studygrid.estimate.document, studygrid.estimate.piloting;"
        "assert not {'torch', 'pandas', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
