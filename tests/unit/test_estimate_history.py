"""Earlier estimates: how their ranges and totals held, and what that does to the next one."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from studygrid.estimate.document import document, kept
from studygrid.estimate.estimating import Estimate
from studygrid.estimate.history import FILE, how_it_held, keep, read_earlier
from studygrid.estimate.measured import read_measured
from studygrid.estimate.pilots import Pilots, Preparation
from studygrid.estimate.totals import Totals, how_totals_held
from tests.unit.made_estimates import STARTED, Study, shown


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


@pytest.fixture
def finished(study: Study) -> Study:
    for at, run in enumerate(study.plan.runs):
        study.train(run, at=100.0 * at)
    study.profile()
    return study


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


def test_jobs_that_were_done_before_an_estimate_say_nothing_of_its_totals(study: Study) -> None:
    said = begun(study)
    finish(study, said)
    content = kept(said, STARTED + 100)
    (study.results / FILE).unlink()
    keep(study.results, content)
    assert read_earlier(study.results)[0].said is not None
    assert totals(study) is None


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
