"""What an event log says of a run: every rule, and any prefix of any log."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studygrid.status.events import LAST_EPOCHS, Event, read_lines
from studygrid.status.run_state import Phase, RunState, advance, epochs_done, run_state
from studygrid.training.budget import Budget
from tests.unit.made_events import ZERO, Row, finished, log_text, row, seconds_of, trained, training

RANK = {
    Phase.WAITING: 0,
    Phase.TRAINING: 1,
    Phase.TRAINED: 2,
    Phase.DONE: 3,
    Phase.FAILED: 3,
}


def state_of(*rows: Row) -> RunState:
    lines = read_lines(log_text(rows).encode())
    assert lines.unreadable == 0
    return run_state(lines.events)


def test_a_run_without_events_waits() -> None:
    assert state_of() == RunState(phase=Phase.WAITING)


def test_a_run_goes_from_training_over_trained_to_done() -> None:
    rows = finished(epochs=2)
    phases = [state_of(*rows[: count + 1]).phase for count in range(len(rows))]
    assert phases == [Phase.TRAINING, Phase.TRAINING, Phase.TRAINING, Phase.TRAINED, Phase.DONE]


def test_the_rate_is_that_of_the_epochs_after_the_first_which_pays_for_loading() -> None:
    slow_start = [
        row("on_start", 0, step=0, steps=100, epochs=5),
        row("on_epoch_end", 100, epoch=1, step=20),
        row("on_epoch_end", 110, epoch=2, step=40),
        row("on_epoch_end", 120, epoch=3, step=60),
    ]
    assert state_of(*slow_start[:1]).steps_per_sec is None
    assert state_of(*slow_start[:2]).steps_per_sec == pytest.approx(0.2)
    assert state_of(*slow_start).steps_per_sec == pytest.approx(2.0)


@pytest.mark.parametrize("status", ["diverged", "oom"])
def test_a_run_that_diverged_or_ran_out_of_memory_failed_with_its_reason(status: str) -> None:
    for rows in (trained(status=status), finished(status=status)):
        state = state_of(*rows)
        assert (state.phase, state.status) == (Phase.FAILED, status)
        assert state.reason == "the loss is nan"


def test_out_of_memory_in_evaluation_is_a_failure() -> None:
    state = state_of(*trained(), row("on_test_end", 60, status="oom", reason="in evaluation: x"))
    assert (state.phase, state.reason) == (Phase.FAILED, "in evaluation: x")


def test_an_exception_is_a_machine_failure_until_the_next_start() -> None:
    crashed = [*training(done=1), row("on_exception", 15, error="RuntimeError: cable pulled")]
    state = state_of(*crashed)
    assert (state.phase, state.status) == (Phase.FAILED, "error")
    assert state.reason == "RuntimeError: cable pulled"
    again = state_of(*crashed, *training(30, done=0))
    assert (again.phase, again.reason, again.attempts) == (Phase.TRAINING, None, 2)


def test_a_run_that_was_evaluated_and_is_trained_again_is_in_training_from_its_start() -> None:
    again = state_of(*finished(), *training(500, done=1, process=9))
    assert again.phase is Phase.TRAINING
    assert (again.epoch, again.step, again.process) == (1, 20, 9)
    assert again.status is again.ended is again.tested_at is None
    assert again.earlier == ((ZERO, ZERO + 50),)


def test_a_resumed_run_starts_at_its_step_and_its_rate_counts_from_there() -> None:
    killed = training(done=4, epoch_sec=10)
    resumed = state_of(*killed, *training(100, step=60, done=0))
    assert (resumed.epoch, resumed.step) == (3, 60)
    assert resumed.steps_per_sec is None
    assert resumed.usual_epoch_sec == 10
    going = state_of(*killed, *training(100, step=60, done=1, epoch_sec=40))
    assert (going.epoch, going.step) == (4, 80)
    assert going.steps_per_sec == pytest.approx(20 / 40)
    assert state_of(*killed, *training(100, done=0)).usual_epoch_sec is None


def test_the_time_of_a_resumed_training_stands_for_all_its_steps() -> None:
    whole = state_of(*trained(epoch_sec=10))
    assert whole.training_sec == pytest.approx(50)
    resumed = state_of(*training(done=4), *trained(100, step=60, epoch_sec=10))
    assert resumed.training_sec == pytest.approx(20 * 100 / 40)
    assert state_of(*trained(status="diverged")).training_sec is None


def test_a_start_whose_line_is_lost_is_seen_from_the_process_of_the_next_epoch() -> None:
    epoch = row("on_epoch_end", 500, process=77, epoch=1, step=20)
    state = state_of(*finished(), epoch)
    assert (state.phase, state.process, state.epoch, state.step) == (Phase.TRAINING, 77, 1, 20)
    assert state.steps is state.epochs is None
    assert state_of(epoch).phase is Phase.TRAINING


def test_the_end_of_a_training_that_was_evaluated_already_changes_nothing() -> None:
    rows = finished()
    assert state_of(*rows, rows[-2]) == state_of(*rows)


def test_moments_of_later_versions_change_nothing() -> None:
    rows = training(done=2)
    assert state_of(*rows, row("on_lunch", 900)) == state_of(*rows)


@given(steps=st.integers(1, 400), epochs=st.integers(1, 40), step=st.integers(0, 400))
def test_epochs_are_counted_as_the_budget_cuts_them(steps: int, epochs: int, step: int) -> None:
    epochs, step = min(epochs, steps), min(step, steps)
    budget = Budget(count=64, batch_size=8, steps=steps, epochs=epochs, at_once=8)
    ends = [budget.end_of(epoch) for epoch in range(1, epochs + 1)]
    assert epochs_done(step, steps, epochs) == sum(end <= step for end in ends)


# Lines


def test_a_torn_last_line_waits_for_its_rest() -> None:
    content = log_text(training(done=2)).encode()
    torn = read_lines(content[:-30])
    assert (len(torn.events), torn.unreadable) == (2, 0)
    rest = read_lines(content[torn.length :])
    assert [event.count("epoch") for event in rest.events] == [2]


def test_a_line_that_was_torn_and_written_on_keeps_what_came_after() -> None:
    torn = log_text(training(done=1))[:-40]
    lines = read_lines((torn + log_text(training(100, done=0))).encode())
    assert [event.moment for event in lines.events] == ["on_start", "on_start"]
    assert lines.unreadable == 1


def test_holes_of_a_network_file_system_are_skipped_and_counted() -> None:
    lines = read_lines(b"\0" * 64 + log_text(training(done=0)).encode())
    assert [event.moment for event in lines.events] == ["on_start"]
    assert lines.unreadable == 1


@pytest.mark.parametrize(
    "line",
    [
        b"junk",
        b"[1]",
        b'"on_start"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"schema_version": 2, "moment": "on_start", "time_utc": "2026-01-01T00:00:00Z"}',
        b'{"schema_version": 1, "moment": "on_start"}',
        b'{"schema_version": 1, "moment": 3, "time_utc": "2026-01-01T00:00:00Z"}',
        b'{"schema_version": 1, "moment": "on_start", "time_utc": "yesterday"}',
        b'{"schema_version": 1, "moment": "on_start", "time_utc": 5}',
    ],
)
def test_a_line_that_is_no_event_is_counted_and_the_rest_is_read(line: bytes) -> None:
    good = log_text(training(done=1)).encode()
    lines = read_lines(line + b"\n" + good)
    assert lines.unreadable == 1
    assert lines.events == read_lines(good).events


def test_a_time_without_a_zone_is_utc() -> None:
    (event,) = read_lines(
        b'{"schema_version": 1, "moment": "on_start", "time_utc": "2026-03-01T12:00:00"}\n'
    ).events
    assert event.at == ZERO


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3 * LAST_EPOCHS), st.booleans())
def test_leaving_out_epochs_in_the_middle_changes_no_state(done: int, ended: bool) -> None:
    make = trained if ended else training
    rows = make(epochs=100, done=done, steps=1000)
    events = [event for line in rows for event in read_lines(log_text([line]).encode()).events]
    few = read_lines(log_text(rows).encode()).events
    assert len(few) <= LAST_EPOCHS + 3
    assert run_state(few) == run_state(events)


# Any log at all

junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
)
facts = st.dictionaries(
    st.sampled_from(
        ["step", "steps", "epochs", "epoch", "status", "reason", "error", "samples_per_sec"]
    ),
    st.one_of(st.integers(0, 50), st.sampled_from(["ok", "diverged", "oom"]), junk),
)
moments = st.sampled_from(
    ["on_start", "on_epoch_end", "on_train_end", "on_test_end", "on_exception", "on_lunch"]
)


@st.composite
def any_rows(draw: st.DrawFn, processes: tuple[int, ...] = (1, 2)) -> list[Row]:
    count = draw(st.integers(0, 12))
    return [
        row(
            draw(moments),
            draw(st.floats(-1e6, 1e6)),
            draw(st.sampled_from(processes)),
            **draw(facts),
        )
        for _ in range(count)
    ]


@settings(max_examples=60, deadline=None)
@given(any_rows(), st.data())
def test_no_prefix_of_any_log_crashes_a_reader(rows: list[Row], data: st.DataObject) -> None:
    content = "".join(json.dumps(line) + "\n" for line in rows).encode()
    cut = data.draw(st.integers(0, len(content)))
    lines = read_lines(content[:cut])
    state = run_state(lines.events)
    assert lines.length <= cut
    assert state.step >= 0
    assert state.epoch >= 0
    rates = (state.steps_per_sec, state.training_sec, state.usual_epoch_sec)
    assert all(value is None or value >= 0 for value in rates)
    # Read on from there, it is the state of the whole.
    rest = read_lines(content[lines.length :])
    assert lines.unreadable == rest.unreadable == 0
    assert run_state(rest.events, state) == run_state(read_lines(content).events)


@settings(max_examples=100, deadline=None)
@given(any_rows(processes=(1,)))
def test_within_an_attempt_a_run_never_goes_back(rows: list[Row]) -> None:
    """Back to an earlier phase, step or epoch it comes by a new start alone."""
    state = RunState()
    for event in read_lines(log_text(rows).encode()).events:
        before, state = state, advance(state, event)
        assert state.attempts >= before.attempts
        if state.attempts == before.attempts:
            assert RANK[state.phase] >= RANK[before.phase]
            assert state.epoch >= before.epoch
            assert state.step >= before.step


def test_facts_of_a_wrong_kind_count_as_unknown() -> None:
    facts: dict[str, Any] = {"a": True, "b": -1, "c": "3", "d": 10**400, "e": float("nan"), "f": ""}
    event = Event("on_start", 0.0, None, None, facts)
    assert [event.count(name) for name in "abcdefg"] == [None] * 7
    assert [event.number(name) for name in "acdefg"] == [None] * 6
    assert event.words("f") is event.words("a") is None
    assert seconds_of(row("on_start", 12.5)) == 12.5
