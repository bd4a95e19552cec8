"""The state of a study at a moment: who runs, who is silent, what is left, when it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from studygrid.grid import Run
from studygrid.status import State, StudyState, study_state
from studygrid.status.activity import PAUSE_SEC, WINDOW_SEC, activity
from studygrid.status.events import read_lines
from studygrid.status.run_state import RunState, run_state
from studygrid.status.run_view import RunView
from tests.unit.made_events import ZERO, Row, finished, log_text, row, trained, training

RUN = Run("a", 32, 64, 0)


def log(rows: Sequence[Row]) -> RunState:
    return run_state(read_lines(log_text(rows).encode()).events)


def study(logs: Mapping[Run, Sequence[Row]], now: float, **options: Any) -> StudyState:
    return study_state({run: log(rows) for run, rows in logs.items()}, ZERO + now, **options)


def view(rows: Sequence[Row], now: float, **options: Any) -> RunView:
    return study({RUN: rows}, now, **options).runs[0]


def test_each_state_is_told_from_the_last_events() -> None:
    states = {
        "waiting": [],
        "running": training(done=2),
        "to evaluate": trained(epochs=2),
        "done": finished(epochs=2),
        "failed": trained(epochs=2, status="oom"),
    }
    for state, rows in states.items():
        assert str(view(rows, 30).state) == state
    assert view(trained(epochs=2), 1e6).state is State.TO_EVALUATE


# Silence


def test_a_run_is_silent_after_five_of_its_epochs() -> None:
    rows = training(epochs=10, done=3, epoch_sec=100)
    assert view(rows, 300 + 500).state is State.RUNNING
    silent = view(rows, 300 + 501)
    assert (silent.state, silent.age_sec) == (State.SILENT, 501)
    assert silent.reason == "perhaps killed"


def test_a_run_of_quick_epochs_is_silent_after_a_minute() -> None:
    rows = training(done=3, epoch_sec=0.1)
    assert view(rows, 60.3).state is State.RUNNING
    assert view(rows, 60.4).state is State.SILENT


def test_a_first_epoch_is_measured_by_runs_that_are_done() -> None:
    logs = {RUN: training(1000, done=0), Run("a", 32, 64, 1): finished(epochs=5, epoch_sec=40)}
    assert study(logs, 1000 + 200).runs[0].state is State.RUNNING
    assert study(logs, 1000 + 201).runs[0].state is State.SILENT


def test_a_first_epoch_of_which_nothing_is_known_is_given_time() -> None:
    rows = training(done=0)
    assert view(rows, 600).state is State.RUNNING
    assert view(rows, 601).state is State.SILENT
    assert view(rows, 9000, is_alive=lambda state: True).state is State.RUNNING


def test_a_run_whose_process_is_gone_was_killed() -> None:
    rows = training(done=2, process=4711, host="here")
    found = view(rows, 20.5, is_alive=lambda state: state.process != 4711)
    assert (found.state, found.failure, found.is_result) == (State.FAILED, "killed", False)
    assert found.reason == "killed: its process 4711 on here is gone without a word"


def test_a_run_that_hangs_is_silent_though_its_process_is_alive() -> None:
    found = view(training(done=2), 500, is_alive=lambda state: True)
    assert (found.state, found.reason) == (State.SILENT, "its process is alive")


def test_a_clock_that_is_ahead_makes_no_negative_age() -> None:
    found = study({RUN: training(1000, done=2)}, 0)
    assert found.runs[0].state is State.RUNNING
    assert found.runs[0].age_sec == 0
    assert found.runs[0].left_sec == pytest.approx(30)
    assert study({RUN: finished(1000)}, 0).end_in_sec == 0


# Time left


def test_the_time_left_is_of_the_runs_own_rate() -> None:
    other = {Run("a", 32, 64, 1): finished(epoch_sec=1000)}
    found = study({RUN: training(done=2, epoch_sec=10), **other}, 25).runs[0]
    assert found.left_sec == pytest.approx(30 - 5)
    assert study({RUN: training(done=2), **other}, 55).runs[0].left_sec == 0


def test_before_the_first_epoch_it_is_that_of_the_cell_then_of_the_steps_then_unknown() -> None:
    start = training(2000, done=0, steps=100)
    cell = {Run("a", 32, 64, seed): finished(epoch_sec=sec) for seed, sec in ((1, 8), (2, 12))}
    same = {Run("a", 32, 256, 0): finished(epoch_sec=30, steps=200)}
    other = {Run("a", 48, 64, 0): finished(), Run("b", 32, 64, 0): finished()}
    assert study({RUN: start, **cell, **same}, 2010).runs[0].left_sec == pytest.approx(40)
    assert study({RUN: start, **same, **other}, 2010).runs[0].left_sec == pytest.approx(75 - 10)
    assert study({RUN: start, **other}, 2010).runs[0].left_sec is None


def test_while_none_is_done_those_in_training_tell_of_the_others() -> None:
    going = {Run("a", 32, 64, 1): training(done=2, epoch_sec=10)}
    found = study({RUN: training(15, done=0), Run("a", 32, 256, 0): [], **going}, 20)
    assert found.runs[0].left_sec == pytest.approx(50 - 5)
    assert found.without_estimate == 1
    done = {Run("a", 32, 256, 1): finished(-100, epoch_sec=4)}
    assert study({RUN: training(15, done=0), **going, **done}, 20).runs[0].left_sec == 15


def test_a_silent_run_has_the_rest_of_its_steps_to_do() -> None:
    cell = {Run("a", 32, 64, 1): finished(100, epoch_sec=20)}
    found = study({RUN: training(done=2, epoch_sec=10), **cell}, 250)
    assert found.runs[0].state is State.SILENT
    assert found.remaining_sec == pytest.approx(60)


def test_a_resumed_run_has_only_its_rest_to_do() -> None:
    cell = {Run("a", 32, 64, 1): finished(epoch_sec=10)}
    start = training(2000, step=60, done=0)
    assert study({RUN: start, **cell}, 2000).runs[0].left_sec == pytest.approx(20)


def test_runs_that_failed_are_no_measure_of_others() -> None:
    cell = {Run("a", 32, 64, 1): finished(done=1, status="diverged")}
    assert study({RUN: training(100, done=0), **cell}, 100).runs[0].left_sec is None


# The end


def two_at_once(waiting: Mapping[Run, Sequence[Row]], **more: Any) -> StudyState:
    """Four runs of 50 s ended, two at a time; now, 100 s after, nothing but `waiting` remains."""
    done = {Run("a", 32, 64, seed): finished(50 * (seed // 2)) for seed in range(4)}
    return study({**done, **waiting}, 200, **more)


def test_the_end_is_the_work_that_remains_over_the_runs_at_once() -> None:
    found = two_at_once({Run("a", 32, 64, seed): [] for seed in range(10, 18)})
    recent = found.activity
    assert recent is not None
    assert (recent.window_sec, recent.runs_per_hour) == (200, pytest.approx(4 * 18))
    # Two at once in half of the window.
    assert recent.runs_in_training == pytest.approx(1.0)
    assert found.remaining_sec == pytest.approx(8 * 50)
    assert found.end_in_sec == pytest.approx(8 * 50)


def test_the_end_is_no_sooner_than_the_longest_run() -> None:
    done = {Run("a", 32, 64, seed): finished() for seed in range(4)}
    found = study({**done, Run("a", 32, 64, 10): []}, 50)
    assert found.activity is not None
    assert found.activity.runs_in_training == pytest.approx(4)
    assert found.end_in_sec == pytest.approx(50)


def test_the_end_is_unknown_while_some_run_cannot_be_estimated() -> None:
    found = two_at_once({Run("a", 32, 64, 10): [], Run("b", 32, 64, 0): []})
    assert (found.end_in_sec, found.without_estimate) == (None, 1)
    assert found.remaining_sec == pytest.approx(50)


def test_waiting_runs_of_other_sizes_are_estimated_by_their_planned_steps() -> None:
    waiting = {Run("a", 32, 512, 0): []}
    found = two_at_once(waiting, planned_steps=lambda run: 1000 if run.n_train == 512 else None)
    assert found.remaining_sec == pytest.approx(500)
    assert two_at_once(waiting).without_estimate == 1


def test_the_steps_of_a_size_are_those_that_a_run_of_it_had_at_another_resolution() -> None:
    started = {Run("a", 48, "all", 0): training(190, done=0, steps=300)}
    found = two_at_once({Run("a", 32, "all", 0): [], **started})
    assert found.runs[-2].state is State.WAITING
    assert found.remaining_sec == pytest.approx(150)
    assert found.without_estimate == 1


def test_the_end_is_unknown_when_nothing_was_in_training_lately() -> None:
    logs = {Run("a", 32, 64, 1): finished(), RUN: []}
    assert study(logs, 60).end_in_sec is not None
    idle = study(logs, 50 + PAUSE_SEC + 1)
    assert (idle.activity, idle.end_in_sec) == (None, None)


def test_the_end_is_unknown_when_only_evaluations_remain_and_now_when_nothing_does() -> None:
    assert study({RUN: trained()}, 60).end_in_sec is None
    assert study({RUN: finished()}, 60).end_in_sec == 0
    assert study({RUN: trained(status="oom")}, 60).end_in_sec == 0


def test_runs_outside_the_plan_are_kept_apart_but_tell_of_the_machines() -> None:
    other = Run("gone", 32, 64, 0)
    found = study({RUN: []}, 60, outside={other: log(finished())})
    assert [view.run for view in found.runs] == [RUN]
    assert [view.run for view in found.notes.outside] == [other]
    assert found.activity is not None


# Activity


def test_the_window_starts_after_the_last_long_pause() -> None:
    sitting = [(0.0, 100.0), (1000.0, 1050.0), (1060.0, 1100.0)]
    recent = activity(sitting, [100.0, 1050.0, 1100.0], 1100.0)
    assert recent is not None
    assert recent.window_sec == 100
    assert recent.runs_in_training == pytest.approx(0.9)
    assert recent.runs_per_hour == pytest.approx(2 * 36)


def test_the_window_is_no_longer_than_an_hour() -> None:
    now = 10 * WINDOW_SEC
    recent = activity([(0.0, now), (now - 1800, now)], [], now)
    assert recent is not None
    assert (recent.window_sec, recent.runs_in_training) == (WINDOW_SEC, 1.5)


def test_a_killed_run_was_in_training_until_its_last_event() -> None:
    logs = {RUN: training(done=2, epoch_sec=10), Run("a", 32, 64, 1): training(0, done=12)}
    found = study(logs, 100)
    assert [view.state for view in found.runs] == [State.SILENT, State.RUNNING]
    assert found.activity is not None
    assert found.activity.runs_in_training == pytest.approx(1.2)


def test_an_interrupted_attempt_counts_as_training_too() -> None:
    rows = [*training(done=4), *training(50, step=60, done=2)]
    found = study({RUN: rows}, 100)
    assert found.activity is not None
    assert found.activity.runs_in_training == pytest.approx((40 + 50) / 100)


def test_machine_failures_are_not_counted_as_runs_that_ended() -> None:
    failed = [*training(done=1), row("on_exception", 12, error="cable")]
    diverged = trained(done=1, status="diverged")
    for rows, expected in ((failed, 0), (diverged, 1)):
        recent = study({RUN: rows}, 36).activity
        assert recent is not None
        assert recent.runs_per_hour == pytest.approx(100 * expected)


def test_rates_are_the_sums_over_running_runs() -> None:
    logs = {Run("a", 32, 64, seed): training(done=2, epoch_sec=10) for seed in range(3)}
    found = study({**logs, RUN: training(20, done=0)}, 21)
    assert found.steps_per_sec == pytest.approx(2 * 2.0)
    assert found.samples_per_sec == pytest.approx(2 * 64.0)
    assert study({RUN: training(20, done=0)}, 21).steps_per_sec is None
