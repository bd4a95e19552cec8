"""What a status says of failures: their kinds, where they were, who tries them again."""

from __future__ import annotations

import io
import json
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from studygrid.execution.failures import ADVICE, Failure
from studygrid.execution.holder import GONE_AFTER_SEC, this_process, write_holder
from studygrid.execution.locks import WRITER_FILE
from studygrid.execution.results_lock import RETRY
from studygrid.execution.slurm import SlurmError, SlurmJob
from studygrid.grid import Run
from studygrid.status import State, StudyReader, StudyState, study_state
from studygrid.status.document import document
from studygrid.status.other_jobs import JobView, OtherJobs, last_failure
from studygrid.status.processes import is_alive_elsewhere, running_snakemake
from studygrid.status.run_state import Phase
from studygrid.status.run_view import RunView
from studygrid.status.screen import expected_end, screen
from studygrid.status.sentences import advice
from studygrid.status.slurm import SlurmJobs
from studygrid.status.watch import has_ended
from studygrid.status.words import Words
from tests.unit.made_events import ZERO, Row, finished, row, state_of, trained, training, write_log
from tests.unit.made_records import small_plan

RUN = Run("a", 32, 64, 0)
OTHER = Run("a", 32, 64, 1)
NOW = ZERO + 100


def failing(failure: str | None, error: str = "why", at: float = 20.0, **facts: Any) -> Row:
    told: Row = {} if failure is None else {"failure": failure}
    return row("on_exception", at, error=error, **told, **facts)


def view(rows: Sequence[Row], **options: Any) -> RunView:
    return study_state({RUN: state_of(rows)}, NOW, **options).runs[0]


def shown(study: StudyState, width: int = 100, height: int | None = None) -> str:
    console = Console(width=width, file=io.StringIO(), record=True, highlight=False)
    console.print(screen(study, Words(zone=UTC), width, height))
    return console.export_text()


# Kinds


@pytest.mark.parametrize("kind", Failure)
def test_each_kind_is_named_with_its_reason_and_what_to_do(kind: Failure) -> None:
    is_result = kind in ("oom", "diverged")
    facts: Row = {"status": str(kind)} if is_result else {}
    rows = [*training(done=1), failing(kind, job="train", **facts)]
    found = view(rows)
    assert (found.state, found.failure, found.is_result) == (State.FAILED, kind, is_result)
    assert found.reason == f"{kind}: why"
    study = study_state({RUN: state_of(rows)}, NOW, folder="results")
    log = "" if is_result else " (results/runs/a/res32/n64/seed0/training.log)"
    assert advice(study)[0] == f"{kind}, 1 run: {ADVICE[kind]}{log}"
    assert len(advice(study)) == (1 if is_result else 2)
    assert f"{kind}, 1 run:" in shown(study, 200)


def test_a_line_without_a_kind_is_shown_as_it_is() -> None:
    found = view([*training(done=1), failing(None, "OSError: disk")])
    assert (found.failure, found.reason) == (None, "OSError: disk")
    old = view([*training(done=1), failing(None, "loss is nan", status="diverged")])
    assert (old.failure, old.reason, old.is_result) == ("diverged", "diverged: loss is nan", True)


def test_a_kind_of_a_later_version_is_shown_though_nothing_is_known_of_it() -> None:
    study = study_state({RUN: state_of([failing("melted")])}, NOW)
    assert study.runs[0].reason == "melted: why"
    assert advice(study)[0].startswith("melted, 1 run: the log says more (")


def test_a_memory_shortage_that_is_tried_again_with_half_is_no_result() -> None:
    rows = [*training(done=1), failing("oom", "CUDA; starts again", job="train")]
    assert (view(rows).failure, view(rows).is_result) == ("oom", False)
    assert view([*rows, *training(70, done=1)]).state is State.RUNNING


def test_a_job_that_failed_before_it_started_training_has_failed() -> None:
    found = view([failing("missing_dependency", "ImportError: no timm", job="train")])
    assert found.state is State.FAILED
    assert found.reason == "missing_dependency: ImportError: no timm"


# Where


def test_a_run_that_is_trained_and_whose_evaluation_failed_says_so() -> None:
    for rows in (
        [*trained(), failing("killed", "the job was killed", at=60, job="evaluate")],
        [*trained(), failing("killed", "the job was killed", at=60)],  # an older line
    ):
        found = view(rows)
        assert found.reason == "killed: in evaluation: the job was killed"
        assert found.log.in_evaluation
    full = row("on_test_end", 60, status="oom", reason="in evaluation: CUDA out of memory")
    found = view([*trained(), full])
    assert (found.reason, found.is_result) == ("oom: in evaluation: CUDA out of memory", True)


def test_a_training_whose_record_could_not_be_written_failed_in_training() -> None:
    found = view([*trained(), failing("disk_full", "OSError", at=60, job="train")])
    assert (found.reason, found.log.in_evaluation) == ("disk_full: OSError", False)
    assert document(study_state({RUN: found.log}, NOW))["runs"][0]["failed_in"] == "training"


def test_the_document_names_kinds_with_their_counts() -> None:
    logs = {
        RUN: state_of([*training(done=1), failing("killed", slurm_job="7")]),
        OTHER: state_of(finished(status="diverged")),
    }
    jobs = [
        JobView("profile", "a", 32, State.FAILED, "oom", "oom: too much", is_result=True),
        JobView("prepare", None, 32, State.DONE),
    ]
    content = json.loads(json.dumps(document(study_state(logs, NOW, jobs=jobs)), allow_nan=False))
    counts = {count["failure"]: count for count in content["failures"]}
    assert list(counts) == ["diverged", "oom", "killed"]
    assert (counts["oom"]["profiles"], counts["oom"]["runs"]) == (1, 0)
    assert (counts["killed"]["runs"], counts["killed"]["is_result"]) == (1, False)
    assert [run["failure"] for run in content["runs"]] == ["killed", "diverged"]
    assert content["runs"][0]["slurm_job"] == "7"
    assert [job["state"] for job in content["jobs"]] == ["failed", "done"]


# Re-opened


def test_a_re_opened_run_waits_and_a_re_opened_evaluation_is_to_do() -> None:
    rows = finished(status="diverged")
    again = [*rows, row("on_retry", 70, job="train", status="diverged", reason="nan")]
    assert (view(again).state, view(again).log.attempts) == (State.WAITING, 1)
    assert view([*again, *training(80, done=1)]).log.attempts == 2
    full = row("on_test_end", 60, status="oom", reason="in evaluation: CUDA out of memory")
    retry = row("on_retry", 70, job="evaluate", status="oom", reason="in evaluation: CUDA")
    tested = view([*trained(), full, retry])
    assert (tested.state, tested.log.phase) == (State.TO_EVALUATE, Phase.TRAINED)
    done = row("on_test_end", 80, status="ok")
    assert view([*trained(), full, retry, done]).state is State.DONE


# Slurm


def slurm_view(state: str, rows: Sequence[Row], why: str = "") -> RunView:
    return view(rows, slurm_jobs={"7": SlurmJob("7", state, why)})


GOING = training(80, done=1, slurm_job="7")
STOPPED = [*GOING, failing("stopped", at=95, slurm_job="7")]


@pytest.mark.parametrize(
    ("state", "failure"),
    [
        ("TIMEOUT", "out_of_time"),
        ("NODE_FAIL", "node_lost"),
        ("OUT_OF_MEMORY", "host_memory"),
        ("CANCELLED", "stopped"),
        ("FAILED", "killed"),
    ],
)
def test_a_silent_run_whose_job_has_ended_says_how(state: str, failure: str) -> None:
    found = slurm_view(state, GOING)
    assert (found.state, found.failure) == (State.FAILED, failure)
    told = state.lower().replace("_", " ")
    assert found.reason == f"{failure}: job 7 of Slurm has ended: {told}; it left no word"


@pytest.mark.parametrize("rows", [GOING, STOPPED])
def test_a_run_whose_job_is_in_the_queue_again_waits(rows: list[Row]) -> None:
    found = slurm_view("PENDING", rows, "BeginTime")
    assert found.state is State.WAITING
    assert found.reason == "job 7 of Slurm is pending (BeginTime); it goes on then"
    study = study_state({RUN: found.log}, NOW, slurm_jobs={"7": SlurmJob("7", "PENDING")})
    assert "waiting: job 7 of Slurm is pending; it goes on then" in shown(study)
    assert not has_ended(study)


def test_a_first_epoch_may_be_long_where_slurm_says_that_the_job_runs() -> None:
    rows = training(-9000, done=0, slurm_job="7")
    assert view(rows).state is State.SILENT
    assert slurm_view("RUNNING", rows).state is State.RUNNING
    late = slurm_view("RUNNING", training(-9000, done=2, slurm_job="7"))
    assert late.state is State.SILENT
    assert late.reason == "its process is alive; job 7 of Slurm is running"


def test_a_job_that_went_well_is_no_failure_of_a_run_whose_log_is_seen_late() -> None:
    assert slurm_view("COMPLETED", GOING).state is State.RUNNING


class Slurm:
    """Answers as Slurm does, and counts the questions."""

    def __init__(self, queue: str = "", accounts: str | Exception = "") -> None:
        self.queue: str | Exception = queue
        self.accounts, self.asked, self.now = accounts, [""], 0.0
        self.jobs = SlurmJobs(self._answer, lambda: self.now)
        self.asked.clear()

    def _answer(self, command: Sequence[str]) -> str:
        self.asked.append(f"{command[0]} {command[-1]}")
        answer = self.queue if command[0] == "squeue" else self.accounts
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_slurm_is_asked_once_for_all_jobs_and_again_after_a_while() -> None:
    slurm = Slurm("7|RUNNING|None\n8|PENDING|Priority\n", "9|CANCELLED by 0\n")
    found = slurm.jobs.refresh(["9", "7", "8", "x; rm", "7"])
    assert slurm.asked == ["squeue --jobs=7,8,9", "sacct --jobs=9"]
    assert {number: job.state for number, job in found.items()} == {
        "7": "RUNNING",
        "8": "PENDING",
        "9": "CANCELLED",
    }
    assert str(found["8"]) == "job 8 of Slurm is pending (Priority)"
    slurm.now = 5
    assert slurm.jobs.refresh(["7", "8", "9"]) == found
    assert len(slurm.asked) == 2
    slurm.jobs.refresh(["7", "8", "9", "10"])
    assert slurm.asked[2:] == ["squeue --jobs=7,8,9,10", "sacct --jobs=10"]
    slurm.now, slurm.queue = 50, "7|TIMEOUT|None"
    assert slurm.jobs.refresh(["7"])["7"].failure == "out_of_time"


def test_a_job_that_nobody_remembers_is_not_known_any_more() -> None:
    slurm = Slurm("7|RUNNING|None", SlurmError("sacct failed: accounting is disabled"))
    slurm.jobs.refresh(["7"])
    slurm.now, slurm.queue = 60, ""
    assert slurm.jobs.refresh(["7"]) == {}
    assert slurm.jobs.problem is None


def test_where_slurm_is_not_there_it_is_asked_once_and_nothing_is_said() -> None:
    slurm = Slurm()
    slurm.queue = SlurmError("there is no squeue here", "missing")
    for slurm.now in (0, 100, 1000):
        assert slurm.jobs.refresh(["7"]) == {}
    assert (len(slurm.asked), slurm.jobs.problem) == (1, None)


@pytest.mark.parametrize(
    "error",
    [
        SlurmError("squeue gave no answer in 5 s", "silent"),
        SlurmError("squeue failed: Unable to contact slurm controller"),
    ],
)
def test_a_slurm_that_gives_no_answer_is_said_and_left_alone_for_a_minute(
    error: SlurmError,
) -> None:
    slurm = Slurm("7|RUNNING|None")
    slurm.jobs.refresh(["7"])
    slurm.now, slurm.queue = 20, error
    assert slurm.jobs.refresh(["7"])["7"].state == "RUNNING"
    assert slurm.jobs.problem == str(error)
    slurm.now = 60
    slurm.jobs.refresh(["7", "8"])
    assert len(slurm.asked) == 2
    slurm.now, slurm.queue = 90, "7|COMPLETED|None"
    assert slurm.jobs.refresh(["7"])["7"].has_ended
    assert slurm.jobs.problem is None


def test_accounts_that_hold_a_screen_up_are_left_alone_for_a_minute() -> None:
    slurm = Slurm("", SlurmError("sacct gave no answer in 5 s", "silent"))
    for slurm.now in (0, 30):
        slurm.jobs.refresh(["7"])
    assert slurm.asked == ["squeue --jobs=7", "sacct --jobs=7"]
    assert slurm.jobs.problem == "sacct gave no answer in 5 s"


# Files

PLAN = small_plan(name="Cells", training={"steps": 100, "validations": 5})


@pytest.fixture
def results(tmp_path: Path) -> Path:
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(PLAN.resolved(), sort_keys=False))
    return tmp_path


def read(results: Path, **options: Any) -> StudyState:
    return StudyReader(results, options or None).read(NOW)


def test_profile_and_prepare_jobs_are_told_from_their_records_and_logs(results: Path) -> None:
    (model, side), *_ = PLAN.profiled
    assert {job.state for job in read(results).jobs} == {State.WAITING}
    log = results / "profiles" / model / f"res{side}.log"
    log.parent.mkdir(parents=True)
    log.write_text(
        "2026-11-22 08:28:52,449 INFO has GPU-1\n"
        "2026-11-22T08:28:53.123+00:00 ERROR killed: the job was killed by SIGKILL; "
        f"{ADVICE[Failure.KILLED]}\n"
    )
    study = read(results)
    (failed,) = (job for job in study.jobs if job.state is State.FAILED)
    assert (failed.name, failed.failure) == (f"profile {model}/res{side}", "killed")
    assert failed.reason == "killed: the job was killed by SIGKILL"
    text = shown(study, 160)
    assert f"✗ profile {model}/res{side}  failed: killed: the job was killed by SIGKILL" in text
    assert "killed, 1 profile job: run again" in text
    assert f"profile 0/{len(PLAN.profiled)} done, 1 failed" in text
    record = log.with_suffix(".json")
    record.write_text(json.dumps({"status": "oom", "reason": "CUDA"}))
    assert not failed.is_result
    (failed,) = (job for job in read(results).jobs if job.state is State.FAILED)
    assert (failed.failure, failed.reason, failed.is_result) == ("oom", "oom: CUDA", True)
    record.write_text(json.dumps({"status": "ok", "reason": None}))
    assert State.FAILED not in {job.state for job in read(results).jobs}


def test_a_selection_leaves_out_the_profiles_of_other_models(results: Path) -> None:
    (model, side), *_ = PLAN.profiled
    jobs = read(results, model=[model], resolution=[str(side)]).jobs
    assert {(job.rule, job.model, job.resolution) for job in jobs} == {
        ("prepare", None, side),
        ("profile", model, side),
    }


def test_a_job_that_was_started_again_has_not_failed_any_more(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    error = "2026-11-22 08:28:52,449 ERROR bad_data: a.png: torn\n"
    log.write_text(f"{error}Traceback (most recent call last):\n  ERROR x: y\n")
    assert last_failure(log) == ("bad_data", "a.png: torn")
    log.write_text(f"{error}2026-11-22 08:28:53,449 INFO has GPU-1\n")
    assert last_failure(log) is None


def test_a_record_that_has_not_changed_is_not_read_again(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = OtherJobs(results)
    before = jobs.views([16], PLAN.profiled)
    monkeypatch.setattr("studygrid.status.other_jobs._read", None)
    assert jobs.views([16], PLAN.profiled) == before


def test_a_run_that_was_done_with_other_settings_waits_and_says_what_differs(
    results: Path,
) -> None:
    changed, same, *_ = PLAN.runs
    for run in (changed, same):
        write_log(results, run, finished())
        spec = PLAN.train_spec(run)
        if run == changed:
            spec = spec.model_copy(update={"loss": {"label_smoothing": 0.5}})
        path = results / "runs" / run.path / "train.json"
        path.write_text(json.dumps({"spec": json.loads(spec.to_json())}))
    study = read(results)
    views = {view.run: view for view in study.runs}
    assert views[same].state is State.DONE
    assert (views[changed].state, study.counts[State.DONE]) == (State.WAITING, 1)
    told = "done before with other settings (loss.class_weights, loss.label_smoothing): due again"
    assert views[changed].reason == told
    assert f"waiting: {told}" in shown(study, 160)


def test_the_snakemake_that_runs_is_named_and_a_watch_waits_for_it(results: Path) -> None:
    lock = results / ".session.lock"
    crashed = {RUN: state_of([*training(-500, done=1), failing("killed", at=-400)])}
    assert running_snakemake(results) is None
    assert has_ended(study_state(crashed, NOW))
    me = this_process("local")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT)
    write_holder(descriptor, me)
    assert running_snakemake(results) == me
    study = study_state(crashed, NOW, snakemake=me)
    assert not has_ended(study)
    assert "tries again by itself" in advice(study)[-1]
    assert has_ended(study_state({RUN: state_of(trained(status="oom"))}, NOW, snakemake=me))
    write_holder(descriptor, replace(me, executor=RETRY))
    assert running_snakemake(results) is None
    write_holder(descriptor, replace(me, started=me.started - 1000))
    assert running_snakemake(results) is None
    write_holder(descriptor, replace(me, host="elsewhere"))
    assert running_snakemake(results) is not None
    long_ago = time.time() - GONE_AFTER_SEC - 5
    os.utime(lock, (long_ago, long_ago))
    assert running_snakemake(results) is None
    os.close(descriptor)


def test_a_process_of_another_host_is_alive_while_it_keeps_its_lock_fresh(tmp_path: Path) -> None:
    state = state_of(training(done=0, process=12, host="elsewhere"))
    lock = tmp_path / WRITER_FILE
    assert is_alive_elsewhere(state, tmp_path) is None
    holder = replace(this_process(), host="elsewhere", process=12)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT)
    write_holder(descriptor, holder)
    assert is_alive_elsewhere(state, tmp_path) is True
    write_holder(descriptor, replace(holder, process=13))
    assert is_alive_elsewhere(state, tmp_path) is None
    write_holder(descriptor, holder)
    os.close(descriptor)
    os.utime(lock, (1, 1))
    assert is_alive_elsewhere(state, tmp_path) is None
    assert socket.gethostname() != "elsewhere"


@pytest.mark.parametrize("height", [24, 40])
def test_failures_of_many_kinds_fit_a_terminal(height: int) -> None:
    states = {
        Run("a", 32, 64, seed): state_of([*training(done=1), failing(kind, "a long reason " * 9)])
        for seed, kind in enumerate(list(Failure) * 3)
    }
    lines = shown(study_state(states, NOW, name="Many"), 80, height).splitlines()
    assert len(lines) <= height


def test_a_study_whose_last_run_was_killed_has_not_ended() -> None:
    logs = {RUN: state_of([*training(done=1), failing("killed")]), OTHER: state_of(finished())}
    assert expected_end(study_state(logs, NOW), Words()) == "nothing runs; 1 run to go on with"
    logs[RUN] = state_of(trained(status="oom"))
    assert expected_end(study_state(logs, NOW), Words()) == "all runs have ended"


def test_a_study_of_one_run_says_in_a_file_what_to_do() -> None:
    study = study_state({RUN: state_of([*training(done=1), failing("killed")])}, NOW)
    console = Console(width=100, file=io.StringIO(), record=True, highlight=False)
    console.print(screen(study, Words(zone=UTC), 100, whole=True))
    assert "killed, 1 run: run again" in console.export_text()
