"""Times of jobs: what is expected, how wide its range is, and how often that holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studygrid.estimate.costs import (
    PilotTime,
    Rates,
    SimpleCosts,
    SimpleTime,
    TrainCosts,
    TrainTime,
)
from studygrid.estimate.measured import Job
from studygrid.estimate.sitting import most_on_one_gpu, sitting, stretch
from studygrid.estimate.spread import Noise
from studygrid.estimate.sums import Columns, Range, draw, makespan, range_of, wall_clock
from studygrid.estimate.work import Kind, Work, codes_of, work_of
from tests.unit.made_records import small_plan

# Seconds in steps and of the whole train job, of three seeds: the default study (150 steps, 5
# validations) on a machine of two cores whose speed varied by a factor of 2 and more.
FINISHED: dict[tuple[str, int, int | str], list[tuple[float, float]]] = {
    ("simple_cnn", 32, "all"): [(1.14, 1.49), (1.37, 1.78), (1.39, 1.82)],
    ("simple_cnn", 32, 256): [(2.08, 2.65), (0.96, 1.24), (0.94, 1.22)],
    ("simple_cnn", 32, 64): [(1.32, 1.69), (1.36, 1.76), (2.06, 2.77)],
    ("simple_cnn", 48, "all"): [(2.23, 2.97), (4.6, 6.0), (3.42, 4.5)],
    ("simple_cnn", 48, 256): [(1.76, 2.39), (1.93, 2.56), (2.37, 3.14)],
    ("simple_cnn", 48, 64): [(4.2, 5.67), (3.19, 4.08), (1.79, 2.38)],
    ("simple_cnn_flips", 32, "all"): [(2.25, 2.85), (2.47, 3.11), (1.24, 1.6)],
    ("simple_cnn_flips", 32, 256): [(1.36, 1.76), (1.39, 1.77), (2.7, 3.52)],
    ("simple_cnn_flips", 32, 64): [(1.14, 1.45), (1.36, 1.75), (1.4, 1.8)],
    ("simple_cnn_flips", 48, "all"): [(2.28, 3.07), (3.76, 5.05), (2.46, 3.28)],
    ("simple_cnn_flips", 48, 256): [(3.48, 4.6), (3.03, 3.99), (3.61, 4.69)],
    ("simple_cnn_flips", 48, 64): [(1.9, 2.54), (3.44, 4.55), (2.37, 3.14)],
    ("tiny_cnn", 32, "all"): [(1.3, 1.46), (0.66, 0.77), (0.93, 1.07)],
    ("tiny_cnn", 32, 256): [(0.88, 1.02), (1.59, 1.89), (0.88, 1.02)],
    ("tiny_cnn", 32, 64): [(0.92, 1.08), (1.37, 1.56), (1.54, 1.74)],
    ("tiny_cnn", 48, "all"): [(0.9, 1.07), (0.87, 1.03), (0.96, 1.16)],
    ("tiny_cnn", 48, 256): [(1.21, 1.42), (1.98, 2.36), (2.26, 2.7)],
    ("tiny_cnn", 48, 64): [(1.37, 1.6), (2.23, 2.7), (1.39, 1.68)],
}


KIND = Kind("a", 32, 32)


def measured(without: object = None) -> list[TrainTime]:
    return [
        TrainTime(Kind(model, side, 32), 150, 5, train, whole, None, float(at))
        for at, (cell, times) in enumerate(FINISHED.items())
        if cell != without
        for model, side, _ in [cell]
        for train, whole in times
    ]


def made(
    seconds: Sequence[float], kind: Kind = KIND, steps: int = 100, **changes: Any
) -> list[TrainTime]:
    """Return runs that took so long, a tenth of it beside the steps."""
    made: dict[str, Any] = {"steps": steps, "epochs": 5, "validation_sec": None, **changes}
    return [
        TrainTime(kind=kind, train_sec=0.9 * one, seconds=one, at=float(at), **made)
        for at, one in enumerate(seconds)
    ]


def work(kind: Kind = KIND, steps: int = 100, epochs: int = 5) -> Work:
    return Work(kind, steps, epochs)


def forecast_range(costs: TrainCosts, wanted: Work) -> Range:
    found = costs.forecast(wanted)
    assert found is not None
    return range_of(found, costs.noise)


def test_nine_in_ten_runs_of_a_real_study_take_what_the_other_cells_say() -> None:
    inside = 0
    for cell, times in FINISHED.items():
        costs = TrainCosts(measured(without=cell))
        said = forecast_range(costs, Work(Kind(cell[0], cell[1], 32), 150, 5))
        inside += sum(said.contains(whole) for _, whole in times)
        assert said.high / said.low < 4, "a range that holds everything says nothing"
    assert 0.85 * 54 <= inside <= 54, inside


def test_the_sum_of_a_cell_of_a_real_study_is_what_the_other_cells_say() -> None:
    inside = 0
    for cell, times in FINISHED.items():
        costs = TrainCosts(measured(without=cell))
        found = costs.forecast(Work(Kind(cell[0], cell[1], 32), 150, 5))
        assert found is not None
        total = Range.of(draw([(found, costs.noise)] * 3).sum(axis=1))
        inside += total.contains(sum(whole for _, whole in times))
    assert inside >= 16, f"{inside} of 18"


def test_at_a_resolution_that_was_left_out_whole_a_real_study_is_in_the_range_too() -> None:
    inside = total = 0
    for side in (32, 48):
        rest = [time for time in measured() if time.kind.resolution != side]
        costs = TrainCosts(rest)
        for (model, other, _), times in FINISHED.items():
            if other == side:
                said = forecast_range(costs, Work(Kind(model, side, 32), 150, 5))
                inside += sum(said.contains(whole) for _, whole in times)
                total += len(times)
    assert total == 54
    assert inside >= 0.85 * total, inside


def test_ranges_hold_for_noise_that_was_made() -> None:
    random = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        times = np.exp(random.normal(0, 0.2, 7)).tolist()
        said = forecast_range(TrainCosts(made(times[:6])), work())
        inside += said.contains(times[6])
    assert 0.87 <= inside / 300 <= 0.99


def test_the_sum_of_many_runs_is_as_unsure_as_the_machine_and_no_more() -> None:
    random = np.random.default_rng(0)
    costs = TrainCosts(made(np.exp(random.normal(0, 0.2, 60)).tolist()))
    found = costs.forecast(work())
    assert found is not None
    one = range_of(found, costs.noise)
    total = Range.of(draw([(found, costs.noise)] * 200).sum(axis=1))
    assert 1 < total.high / total.mid < one.high / one.mid
    shared = Noise(costs.noise.sd, costs.noise.freedom, alike=1.0)
    together = Range.of(draw([(found, shared)] * 200).sum(axis=1))
    assert together.high / together.mid > total.high / total.mid


def test_time_grows_with_steps_and_validations_each_at_its_own_rate() -> None:
    times = made([10.0] * 8, validation_sec=0.1)  # 0.09 s a step, 0.1 s a validation, 0.5 s more
    costs = TrainCosts(times)
    for steps, epochs, expected in ((100, 5, 10.0), (1000, 5, 91.0), (100, 50, 14.5)):
        said = forecast_range(costs, work(steps=steps, epochs=epochs))
        assert said.mid == pytest.approx(expected)
        assert said.contains(expected)


def test_one_finished_run_gives_a_wide_range_and_none_gives_nothing() -> None:
    said = forecast_range(TrainCosts(made([10.0])), work())
    assert said.mid == pytest.approx(10)
    assert said.high / said.mid > 2
    assert TrainCosts([]).forecast(work()) is None


def test_a_resolution_without_runs_is_by_pixels_with_a_range_that_allows_for_no_growth() -> None:
    costs = TrainCosts(made([10.0] * 20))
    found = costs.forecast(work(Kind("a", 64, 32)))
    assert found is not None
    assert (found.is_scaled, found.basis) == (True, "20 runs, by pixels from 32 px")
    said = range_of(found, costs.noise)
    assert said.mid == pytest.approx(40)
    assert said.low <= 10 * 1.05
    assert said.high >= 160 / 1.05


def test_two_measured_resolutions_tell_how_time_grows() -> None:
    times = [*made([10.0] * 9), *made([20.0] * 9, Kind("a", 64, 32))]
    found = TrainCosts(times).forecast(work(Kind("a", 128, 32)))
    assert found is not None
    assert math.exp(found.log) == pytest.approx(40)
    assert found.basis == "9 runs, as between 32 and 64 from 64 px"


def test_time_never_falls_with_resolution() -> None:
    times = [*made([20.0] * 9), *made([10.0] * 9, Kind("a", 64, 32))]
    found = TrainCosts(times).forecast(work(Kind("a", 128, 32)))
    assert found is not None
    assert math.exp(found.log) == pytest.approx(10)


def test_another_model_tells_nothing() -> None:
    assert TrainCosts(made([10.0] * 9)).forecast(work(Kind("b", 32, 32))) is None


def test_a_resumed_run_tells_of_its_steps_alone() -> None:
    resumed = TrainTime(Kind("a", 32, 32), 100, 5, 9.0, None, None, 0.0)
    assert forecast_range(TrainCosts([resumed]), work()).mid == pytest.approx(9)
    both = TrainCosts([resumed, *made([10.0] * 3)])
    assert forecast_range(both, work()).mid == pytest.approx(10)


def test_runs_that_stopped_early_make_the_range_reach_down_and_the_budget_is_its_end() -> None:
    stopped = [
        time
        for share in (0.3, 0.5, 0.7)
        for time in made(
            [10 * share] * 4, steps=int(100 * share), share=share, may_stop_early=True, epochs=0
        )
    ]
    costs = TrainCosts(stopped)
    early = costs.forecast(Work(Kind("a", 32, 32), 100, 0, may_stop_early=True))
    whole = costs.forecast(Work(Kind("a", 32, 32), 100, 0))
    assert early is not None
    assert whole is not None
    assert range_of(early, costs.noise).mid == pytest.approx(0.5 * range_of(whole, costs.noise).mid)
    drawn = draw([(early, costs.noise)] * 50)
    assert np.median(drawn) == pytest.approx(0.5 * range_of(whole, costs.noise).mid, rel=0.2)


def test_a_pilot_counts_until_a_run_of_its_kind_has_finished() -> None:
    pilot = PilotTime(Kind("a", 32, 32), Rates(0.2, 0.1, 1.0), 1.0, 0.0)
    alone = TrainCosts([], [pilot])
    found = alone.forecast(work())
    assert found is not None
    assert (found.basis, math.exp(found.log)) == ("a pilot", pytest.approx(21.5))
    both = TrainCosts(made([10.0] * 3), [pilot]).forecast(work())
    assert both is not None
    assert (both.basis, math.exp(both.log)) == ("3 runs", pytest.approx(10))


def test_jobs_that_are_measured_whole_are_carried_over_like_runs() -> None:
    times = [SimpleTime(Kind("a", 32, 1), 2.0, float(at)) for at in range(5)]
    costs = SimpleCosts("evaluate", times)
    found = costs.forecast(Kind("a", 64, 1))
    assert found is not None
    assert math.exp(found.log) == pytest.approx(8)
    assert costs.forecast(Kind("b", 32, 1)) is None
    assert SimpleCosts("evaluate", []).forecast(Kind("a", 32, 1)) is None


def test_models_that_differ_in_what_costs_no_time_are_one_kind_of_work() -> None:
    models = {
        "tiny_cnn": None,
        "low_rate": {"architecture": "tiny_cnn", "training": {"learning_rate": 1e-5}},
        "flips": {"architecture": "tiny_cnn", "augmentation": {"horizontal_flip": 0.5}},
        "wide": {"architecture": "tiny_cnn", "options": {"width": 9}},
    }
    codes = codes_of(small_plan(models=models))
    assert codes["tiny_cnn"] == codes["low_rate"]
    assert len({codes["tiny_cnn"], codes["flips"], codes["wide"]}) == 3


def test_a_small_training_set_makes_small_batches() -> None:
    plan = small_plan(training={"epochs": 10, "batch_size": 32})
    assert work_of(plan, "tiny_cnn", "a", 32, 8) == Work(Kind("a", 32, 8), 10, 10)
    assert work_of(plan, "tiny_cnn", "a", 32, 320) == Work(Kind("a", 32, 32), 100, 10)


times_of_jobs = st.lists(st.floats(0.01, 1000), min_size=1, max_size=30)


@given(times_of_jobs, st.integers(1, 12))
def test_no_schedule_beats_its_longest_job_or_an_even_share(
    durations: list[float], workers: int
) -> None:
    ends = makespan(durations, workers)
    assert ends >= max(*durations, sum(durations) / workers) * (1 - 1e-9)
    assert ends <= (sum(durations) / workers + max(durations)) * (1 + 1e-9)
    assert makespan(durations, 1) == pytest.approx(sum(durations))


def test_jobs_are_scheduled_in_their_order() -> None:
    assert makespan([1, 1, 4], 2) == 5
    assert makespan([4, 1, 1], 2) == 4
    assert makespan([], 3) == 0


@pytest.mark.parametrize(("alone", "expected"), [(True, 3 + 12 + 2 * 5), (False, 3 + 16)])
def test_the_wall_clock_has_preparation_first_and_profiles_alone(
    alone: bool, expected: float
) -> None:
    # 1 prepare (3), 3 runs of train (5) and evaluate (1), 2 profiles (5), 2 jobs at once.
    times = np.array([[3.0, *[5.0, 1.0] * 3, 5.0, 5.0]] * 30)
    columns = Columns([0], [(1, 2), (3, 4), (5, 6)], [7, 8])
    walls = wall_clock(times, columns, 2, 0.0, profiles_alone=alone)
    assert set(walls.tolist()) == {expected}


def test_the_time_between_jobs_counts_for_each_of_them() -> None:
    times = np.full((30, 4), 1.0)
    columns = Columns([], [(0, 1), (2, 3)], [])
    assert set(wall_clock(times, columns, 1, 0.5, profiles_alone=True).tolist()) == {6.0}


def job(start: float, end: float) -> Job:
    return Job("cpu", False, None, "here", start, end, end - start, "code")


def test_finished_jobs_tell_how_many_were_at_once_and_what_lay_between_them() -> None:
    jobs = [job(0, 10), job(0, 4), job(4.2, 10), job(10.2, 12), job(10.2, 13)]
    found = sitting(jobs)
    assert found.at_once == 2
    assert found.between_sec == pytest.approx(0.2)


def test_a_night_between_two_sittings_is_no_time_between_jobs() -> None:
    sittings = [job(start + at, start + at + 0.9) for start in (0, 50_000) for at in range(20)]
    assert sitting(sittings).between_sec == pytest.approx(0.1)
    assert sitting([]).at_once == 0
    assert sitting([job(0, 1)]).between_sec is None


def test_jobs_at_once_on_two_gpus_share_none() -> None:
    def on(gpu: str | None, start: float) -> Job:
        return replace(job(start, start + 10), gpu=gpu)

    assert most_on_one_gpu([on("a", 0), on("b", 1), on("a", 10)]) == 1
    assert most_on_one_gpu([on("a", 0), on("b", 1), on("a", 9)]) == 2
    assert most_on_one_gpu([on("a", 0), replace(on("a", 5), host="there")]) == 1
    assert most_on_one_gpu([on(None, 0), on(None, 1)]) == 0


def test_work_that_rested_has_no_wall_clock() -> None:
    assert stretch([job(5, 8), job(0, 4), job(1, 9), job(30, 40)]) == 40
    evening = [job(at, at + 4) for at in range(0, 50, 5)]
    assert stretch([*evening, job(1000, 1009)]) is None
    assert stretch([*evening, job(1, 2000), job(1000, 1009)]) == 2000
