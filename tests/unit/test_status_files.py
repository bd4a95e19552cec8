"""Reading a results folder again and again: only what is new, whatever happens to its files."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from studygrid.errors import NoRunsError, SelectionError
from studygrid.grid import Run
from studygrid.plan import Plan
from studygrid.status import State, StudyReader, StudyState
from studygrid.status.logs import EventLogs
from studygrid.status.run_state import Phase
from tests.unit.made_events import ZERO, finished, log_text, trained, training, write_log
from tests.unit.made_records import small_plan

PLAN = small_plan(name="Cells", training={"steps": 100, "validations": 5})
RUN = PLAN.runs[0]


def write_plan(results: Path, plan: Plan = PLAN) -> None:
    results.mkdir(parents=True, exist_ok=True)
    (results / "study.yaml").write_text(yaml.safe_dump(plan.resolved(), sort_keys=False))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    write_plan(tmp_path / "results")
    return tmp_path / "results"


def read(results: Path, now: float = 0.0, **options: list[str]) -> StudyState:
    return StudyReader(results, options or None).read(ZERO + now)


# Logs


def test_only_what_was_appended_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs, rows = EventLogs(tmp_path), finished()
    path = write_log(tmp_path, RUN, rows[:3])
    asked: list[tuple[str, int]] = []

    def spy(name: str, offset: int) -> bytes:
        asked.append((name, offset))
        return Path(name).read_bytes()[offset:]

    monkeypatch.setattr("studygrid.status.logs._content", spy)
    assert logs.refresh([RUN]) == 1
    assert logs.refresh([RUN]) == 0
    size = path.stat().st_size
    write_log(tmp_path, RUN, rows[3:], append=True)
    assert logs.refresh([RUN]) == 1
    assert logs.states[RUN].phase is Phase.DONE
    assert asked == [(str(path), 0), (str(path), size)]


def test_a_torn_line_is_read_when_its_rest_has_come(tmp_path: Path) -> None:
    logs, text = EventLogs(tmp_path), log_text(training(done=2))
    path = write_log(tmp_path, RUN, [])
    path.write_text(text[:-20])
    logs.refresh([RUN])
    assert (logs.states[RUN].epoch, logs.unreadable_lines) == (1, {})
    path.write_text(text)
    logs.refresh([RUN])
    assert (logs.states[RUN].epoch, logs.unreadable_lines) == (2, {})


def test_a_log_that_was_written_anew_is_read_from_its_start(tmp_path: Path) -> None:
    logs = EventLogs(tmp_path)
    path = write_log(tmp_path, RUN, finished())
    logs.refresh([RUN])
    path.write_text(log_text(training(done=1)))
    logs.refresh([RUN])
    assert (logs.states[RUN].phase, logs.states[RUN].attempts) == (Phase.TRAINING, 1)
    other = path.with_name("other")
    other.write_text(log_text(finished(epochs=9, done=9, steps=900)))
    other.replace(path)
    logs.refresh([RUN])
    assert (logs.states[RUN].phase, logs.states[RUN].epoch) == (Phase.DONE, 9)
    path.unlink()
    logs.refresh([RUN])
    assert logs.states[RUN].phase is Phase.WAITING


def test_unreadable_lines_are_counted_over_all_readings(tmp_path: Path) -> None:
    logs = EventLogs(tmp_path)
    path = write_log(tmp_path, RUN, training(done=1))
    for _ in range(2):
        with path.open("a") as file:
            file.write("junk\n")
        logs.refresh([RUN])
    assert logs.unreadable_lines == {RUN: 2}
    assert logs.states[RUN].epoch == 1


def test_a_log_that_cannot_be_opened_is_said_and_its_last_state_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = EventLogs(tmp_path)
    path = write_log(tmp_path, RUN, training(done=1))
    logs.refresh([RUN])
    write_log(tmp_path, RUN, finished(), append=True)
    with monkeypatch.context() as patch:
        patch.setattr("studygrid.status.logs._content", refuse)
        logs.refresh([RUN])
    assert logs.problems == {RUN: "Permission denied"}
    assert logs.states[RUN].phase is Phase.TRAINING
    logs.refresh([RUN])
    assert logs.problems == {}
    assert logs.states[RUN].phase is Phase.DONE
    path.unlink()
    path.mkdir()
    logs.refresh([RUN])
    assert logs.problems == {RUN: "Is a directory"}


def refuse(path: str, offset: int) -> bytes:
    raise PermissionError(13, "Permission denied")


def test_found_runs_are_sorted_by_their_axes(tmp_path: Path) -> None:
    runs = [
        Run("a", 32, 64, 2),
        Run("a", 32, 64, 10),
        Run("a", 32, 128, 0),
        Run("a", 32, "all", 0),
        Run("a", 112, 64, 0),
        Run("b", 32, 64, 0),
    ]
    for run in reversed(runs):
        write_log(tmp_path, run, [])
    (tmp_path / "runs" / "a" / "res32" / "n64" / "seed2.bak").mkdir()
    assert EventLogs(tmp_path).found() == runs


# The plan


def test_every_planned_run_is_there_in_the_order_of_the_plan(results: Path) -> None:
    write_log(results, PLAN.runs[3], finished())
    study = read(results, 100)
    assert study.name == "Cells"
    assert [view.run for view in study.runs] == PLAN.runs
    assert study.counts[State.WAITING] == len(PLAN.runs) - 1
    assert study.notes.plan_problem is None


def test_without_a_plan_the_run_folders_are_shown_and_it_is_said(tmp_path: Path) -> None:
    write_log(tmp_path, RUN, finished())
    study = read(tmp_path, 100)
    assert [view.run for view in study.runs] == [RUN]
    assert study.notes.plan_problem == f"{tmp_path / 'study.yaml'} is not there"


def test_a_plan_that_cannot_be_used_is_said(results: Path) -> None:
    (results / "study.yaml").write_text("family: knitting\n")
    write_log(results, RUN, finished())
    study = read(results, 100)
    assert [view.run for view in study.runs] == [RUN]
    assert "knitting" in (study.notes.plan_problem or "")


def test_a_plan_that_comes_or_changes_is_read_again(tmp_path: Path) -> None:
    write_log(tmp_path, RUN, finished())
    reader = StudyReader(tmp_path)
    assert len(reader.read(ZERO).runs) == 1
    write_plan(tmp_path)
    assert len(reader.read(ZERO).runs) == len(PLAN.runs)
    small = small_plan(grid={"resolution": [64], "n_train": [64], "seed": 1})
    write_plan(tmp_path, small)
    study = reader.read(ZERO)
    assert [view.run for view in study.runs] == small.runs
    assert [view.run for view in study.notes.outside] == [RUN]
    (tmp_path / "study.yaml").unlink()
    assert [view.run for view in reader.read(ZERO).runs] == [RUN]


def test_waiting_runs_are_estimated_by_the_steps_of_the_plan(tmp_path: Path) -> None:
    plan = small_plan(
        models={"tiny_cnn": None},
        grid={"resolution": [32], "n_train": [64, 320, "all"], "seed": 1},
        training={"epochs": 5, "batch_size": 16},
    )
    write_plan(tmp_path, plan)
    write_log(tmp_path, plan.runs[0], finished(steps=20))
    study = read(tmp_path, 60)
    assert study.remaining_sec == pytest.approx(50 / 20 * 100)
    # How many samples `all` are, only a run of them tells.
    assert study.without_estimate == 1


def test_a_selection_restricts_the_plan_and_what_is_outside_of_it(results: Path) -> None:
    for seed in (0, 99):
        write_log(results, Run("simple_cnn", 48, 64, seed), finished())
    study = read(results, model=["simple_cnn"], seed=["0"])
    assert {(view.run.model, view.run.seed) for view in study.runs} == {("simple_cnn", 0)}
    assert not study.notes.outside
    assert [view.run.seed for view in read(results).notes.outside] == [99]
    with pytest.raises(SelectionError, match="no run has model=resnet"):
        read(results, model=["resnet"])
    with pytest.raises(SelectionError, match="is no axis"):
        StudyReader(results, {"colour": ["red"]})


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir])
def test_a_folder_without_a_study_says_what_to_do(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    folder = tmp_path / "nowhere"
    make(folder)
    words = "snakemake --cores" if folder.exists() else "name the results folder"
    with pytest.raises(NoRunsError, match=words):
        read(folder)


# Processes


def dead_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_a_run_of_this_machine_whose_process_is_gone_has_failed(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psutil.Process.create_time", lambda self: ZERO - 5)
    here, gone = socket.gethostname(), dead_process()
    runs = PLAN.runs[:4]
    write_log(results, runs[0], training(done=1, process=os.getpid(), host=here))
    write_log(results, runs[1], training(done=1, process=gone, host=here))
    write_log(results, runs[2], training(done=1, process=gone, host="elsewhere"))
    write_log(results, runs[3], training(done=1, process=gone))
    states = [view.state for view in read(results, 11).runs[:4]]
    assert states == [State.RUNNING, State.FAILED, State.RUNNING, State.RUNNING]


def test_a_younger_process_of_the_same_number_is_another_one(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = training(done=1, process=os.getpid(), host=socket.gethostname())
    write_log(results, RUN, rows)
    for born, state in ((ZERO - 5, State.RUNNING), (ZERO + 500, State.FAILED)):
        monkeypatch.setattr("psutil.Process.create_time", lambda self, at=born: at)
        assert read(results, 11).runs[0].state is state


def test_what_a_process_wrote_last_is_read_before_it_is_called_gone(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = socket.gethostname()
    write_log(results, RUN, training(done=1, process=1234, host=here))

    def ends_just_now(state: object) -> bool:
        rows = trained(process=1234, host=here)[2:]
        write_log(results, RUN, rows, append=True)
        return False

    monkeypatch.setattr("studygrid.status.reader.is_alive_here", ends_just_now)
    assert read(results, 11).runs[0].state is State.TO_EVALUATE


def test_an_event_says_which_machine_and_which_job_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studygrid.execution.events import Events

    monkeypatch.setenv("SLURM_JOB_ID", "12")
    folder = tmp_path / "runs" / RUN.path
    Events(folder, RUN).add("on_start", step=0, steps=10, epochs=2)
    logs = EventLogs(tmp_path)
    logs.refresh([RUN])
    state = logs.states[RUN]
    assert (state.host, state.process) == (socket.gethostname(), os.getpid())
    assert (state.steps, state.epochs, state.slurm_job) == (10, 2, "12")
