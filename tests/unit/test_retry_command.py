"""``studygrid retry``: what it re-opens, what it keeps, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from studygrid import cli, retry
from studygrid.errors import StudygridError
from studygrid.execution.holder import read_holder, this_process
from studygrid.execution.locks import WRITER_FILE, HeldLock, take
from studygrid.execution.results_lock import LOCK_FILE, RETRY, BusyError, hold_results
from studygrid.execution.slurm import QueuedJob
from studygrid.records import Status, write_record
from tests.unit.made_events import finished, row, write_log
from tests.unit.made_records import (
    evaluate_record,
    profile_record,
    small_plan,
    train_record,
    write_profiles,
    write_run,
)

PLAN = small_plan(name="Cells")
FINE, WILD, FULL, TEST_FULL, KILLED, *_ = PLAN.runs
CUDA = "CUDA out of memory.\nTried to allocate 20 GiB"
Say = Callable[..., str]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A study with a failure of each sort."""
    folder = tmp_path / "results"
    write_run(PLAN, folder, FINE)
    write_run(PLAN, folder, WILD, status=Status.DIVERGED, reason="nan", checkpoint=None)
    write_run(PLAN, folder, FULL, status=Status.OOM, reason=CUDA, checkpoint=None)
    train = train_record(PLAN, TEST_FULL)
    oom = {"status": Status.OOM, "reason": f"in evaluation: {CUDA}"}
    place = folder / "runs" / TEST_FULL.path
    write_record(place / "train.json", train)
    write_record(place / "evaluate.json", evaluate_record(PLAN, train, **oom))
    (place / "best_model.pth").write_bytes(b"weights")
    write_log(folder, KILLED, [row("on_exception", 1, error="SIGKILL", failure="killed")])
    write_log(folder, WILD, finished(status="diverged"))
    write_profiles(PLAN, folder)
    model, side = PLAN.profiled[0]
    profile = profile_record(PLAN, model, side, status=Status.OOM, reason=CUDA)
    write_record(folder / "profiles" / model / f"res{side}.json", profile)
    (folder / "study.yaml").write_text(yaml.safe_dump(PLAN.resolved(), sort_keys=False))
    return folder


@pytest.fixture
def say(results: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Return a function that gives a command and returns all that is printed."""

    def command(*arguments: str, status: int = 0) -> str:
        assert cli.main(["retry", str(results), *arguments]) == status
        printed = capsys.readouterr()
        return printed.out + printed.err

    return command


def records(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.json") if path.is_file()}


def of(run: object, *kinds: str) -> set[str]:
    return {f"runs/{run.path}/{kind}.json" for kind in kinds}  # type: ignore[attr-defined]


def events(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


# What is re-opened


def test_a_run_that_failed_in_training_loses_both_records(results: Path, say: Say) -> None:
    before = records(results)
    text = say("--reason", "diverged", "--yes")
    assert "re-opened 1: `snakemake --cores all` or `studygrid run` runs them again" in text
    assert before - records(results) == of(WILD, "train", "evaluate")


def test_a_run_that_failed_in_evaluation_keeps_its_training(results: Path, say: Say) -> None:
    before = records(results)
    say("--reason", "oom", "--yes")
    model, side = PLAN.profiled[0]
    profile = {f"profiles/{model}/res{side}.json"}
    gone = of(FULL, "train", "evaluate") | of(TEST_FULL, "evaluate") | profile
    assert before - records(results) == gone
    assert (results / "runs" / TEST_FULL.path / "best_model.pth").read_bytes() == b"weights"


def test_what_the_records_said_is_written_down_before_they_go(
    results: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "events.jsonl")

    before = records(results)
    with monkeypatch.context() as patch:
        patch.setattr(retry, "append_line", refuse)
        patch.setattr(retry.Events, "add", refuse)
        say("--reason", "all", "--yes", status=1)
    assert records(results) == before
    say("--reason", "all", "--yes")
    rows = [e for e in events(results / "runs" / WILD.path) if e["moment"] == "on_retry"]
    assert [(e["job"], e["status"], e["reason"]) for e in rows] == [("train", "diverged", "nan")]
    (told,) = events(results / "runs" / TEST_FULL.path)
    assert (told["job"], told["reason"]) == ("evaluate", f"in evaluation: {CUDA}")
    model, side = PLAN.profiled[0]
    (told,) = events(results / "profiles" / model)
    assert (told["job"], told["profile"], told["reason"]) == ("profile", f"{model}/res{side}", CUDA)


def test_a_second_time_there_is_nothing_to_re_open(results: Path, say: Say) -> None:
    say("--reason", "all", "--yes")
    before = records(results)
    text = say("--reason", "all", "--yes", status=1)
    assert "nothing chosen failed as all (failed results there: none at all)" in text
    assert records(results) == before


def test_a_run_whose_train_record_is_gone_already_is_not_listed(results: Path, say: Say) -> None:
    (results / "runs" / WILD.path / "train.json").unlink()
    assert "diverged" not in say("--reason", "all", "--dry-run").split("would")[0]
    assert not (results / "runs" / WILD.path / "train.json").exists()


def test_a_selection_of_seeds_leaves_profiles_alone(results: Path, say: Say) -> None:
    model, side = PLAN.profiled[0]
    profile = f"profiles/{model}/res{side}.json"
    say("--reason", "oom", "--yes", "--select", f"seed={FULL.seed}")
    assert profile in records(results)
    assert not of(FULL, "train") & records(results)
    say("--reason", "oom", "--yes", "--select", f"model={model}", f"resolution={side}")
    assert profile not in records(results)


# What is said


def test_without_a_reason_the_choices_are_listed_with_their_counts(results: Path, say: Say) -> None:
    before = records(results)
    text = say()
    assert "diverged: 1 in training" in text
    assert "oom: 1 in training, 1 in evaluation, 1 in profiling" in text
    assert "failed by a machine, 1 killed: no re-opening is needed" in text
    assert "--reason diverged or oom or all" in text
    assert records(results) == before


def test_a_failure_of_a_machine_needs_no_re_opening(results: Path, say: Say) -> None:
    text = say("--reason", "killed")
    assert "1 killed: no re-opening is needed, the command that started the study" in text
    assert say("--reason", "node_lost") == "nothing failed as node_lost\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--reason", "omm"], "did you mean 'oom'? (results, which can be re-opened: diverged"),
        (["--reason", "diverged", "--select", "seed=2"], "(failed results there: 1 oom)"),
        (["--reason", "oom", "--select", "model=nobody"], "no run has model=nobody"),
        (["--reason", "oom"], "--yes is needed to re-open 2 runs and 1 profile"),
    ],
)
def test_what_cannot_be_done_says_what_can(
    results: Path, say: Say, arguments: list[str], told: str
) -> None:
    before = records(results)
    text = say(*arguments, status=1)
    assert told in text
    assert records(results) == before


def test_a_dry_run_names_what_would_be_re_opened(results: Path, say: Say) -> None:
    before = records(results)
    text = say("--reason", "oom,diverged", "--dry-run")
    assert f"train     {FULL.path}  oom: CUDA out of memory. Tried to allocate 20 GiB" in text
    assert f"evaluate  {TEST_FULL.path}  oom: in evaluation: CUDA" in text
    assert "diverges again" in text
    assert "would re-open 3 runs and 1 profile; nothing was changed" in text
    assert records(results) == before
    assert not (results / LOCK_FILE).exists()


def test_on_a_terminal_it_asks_which_and_whether(
    results: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = records(results)
    monkeypatch.setattr("studygrid.commands.retry._is_terminal", lambda: True)
    asked: list[str] = []

    def answers(*given: str) -> None:
        left = iter(given)

        def reply(question: str) -> str:
            asked.append(question)
            return next(left)

        monkeypatch.setattr("builtins.input", reply)

    for given, status in ((["none"], 1), (["melted"], 1), (["oom", "n"], 0), (["oom", ""], 0)):
        answers(*given)
        assert "nothing was changed" in say(status=status)
        assert records(results) == before
    answers("diverged", "y")
    say()
    assert before - records(results) == of(WILD, "train", "evaluate")
    assert asked[-2:] == ["re-open which? [diverged/oom/all/none] ", "re-open 1 run? [y/N] "]


def test_a_folder_without_a_study_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["retry", str(tmp_path / "nowhere"), "--reason", "oom"]) == 1
    assert "name the results folder of a study: studygrid retry FOLDER" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


# Who else writes


def test_nothing_is_re_opened_while_a_snakemake_holds_the_folder(results: Path, say: Say) -> None:
    before = records(results)
    lock = take(results / LOCK_FILE)
    assert isinstance(lock, HeldLock)
    lock.name(this_process("local"))
    text = say("--reason", "all", "--yes", status=1)
    assert "another Snakemake runs this study: process" in text
    assert records(results) == before
    lock.release()
    say("--reason", "all", "--yes")


def test_a_run_that_a_job_writes_is_left_and_named(results: Path, say: Say) -> None:
    folder = results / "runs" / WILD.path
    lock = take(folder / WRITER_FILE)
    assert isinstance(lock, HeldLock)
    lock.name(this_process())
    text = say("--reason", "all", "--yes", status=1)
    assert "re-opened 3" in text
    assert "1 were left as they are" in text
    assert f"{folder}: wait for process" in text
    assert of(WILD, "train", "evaluate") <= records(results)
    assert "on_retry" not in {event["moment"] for event in events(folder)}
    lock.release()
    assert "re-opened 1" in say("--reason", "all", "--yes")


def test_slurm_jobs_of_a_killed_snakemake_keep_it_from_re_opening(
    results: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = take(results / LOCK_FILE)
    assert isinstance(lock, HeldLock)
    lock.name(this_process("slurm"))
    lock.release(forget=False)  # as a kill leaves it
    before = records(results)
    jobs = [QueuedJob("12", "1e09f901-0000-0000-0000-000000000000", "RUNNING", "/", "rule_train")]
    monkeypatch.setattr(retry, "jobs_of", lambda holder: jobs)
    assert "scancel --name 1e09f901" in say("--reason", "all", "--yes", status=1)
    assert records(results) == before
    monkeypatch.setattr(retry, "jobs_of", lambda holder: [])
    say("--reason", "all", "--yes")
    # The next Snakemake still asks for the jobs of the killed one.
    holder = read_holder(results / LOCK_FILE)
    assert holder is not None
    assert holder.executor == "slurm"


def test_who_comes_while_failures_are_re_opened_is_told_what_holds_the_study(
    results: Path,
) -> None:
    with (
        retry.nobody_writes(results),
        pytest.raises(BusyError, match=f"`{RETRY}` re-opens .*: process .* try again") as refused,
    ):
        hold_results(results)
    assert "Snakemake" not in str(refused.value)
    assert read_holder(results / LOCK_FILE) is None


def test_a_retry_that_was_killed_leaves_nothing_behind(results: Path) -> None:
    lock = take(results / LOCK_FILE)
    assert isinstance(lock, HeldLock)
    lock.name(this_process(RETRY))
    lock.release(forget=False)
    with retry.nobody_writes(results):
        pass
    assert read_holder(results / LOCK_FILE) is None


def test_reopen_says_who_writes(results: Path) -> None:
    (failed, *_) = retry.failed_results(PLAN, results)
    lock = take(failed.path.parent / WRITER_FILE)
    assert isinstance(lock, HeldLock)
    with pytest.raises(StudygridError, match=r"wait for .*: it is writing here"):
        retry.reopen(failed)
    lock.release()
