"""A session refuses, with what to do, what would mix or lose results."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from studygrid.execution import holder, locks, results_lock, slurm
from studygrid.execution.results_folder import (
    FolderError,
    check_same_study,
    check_writable,
    make_folder,
)
from studygrid.execution.session import Session
from studygrid.plan import Plan, make_plan

CALL = "0123abcd-12ab-34cd-56ef-0123456789ab"
OTHER_CALL = "fedcba98-12ab-34cd-56ef-0123456789ab"


class RefusedError(Exception):
    """What Snakemake is given to print."""


@pytest.fixture
def plan(config: dict[str, Any]) -> Plan:
    return make_plan(config)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working folder, in which the test is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def executor(name: str, *, dry: bool = False) -> SimpleNamespace:
    return SimpleNamespace(name=name, common_settings=SimpleNamespace(dryrun_exec=dry))


def call(
    plan: Plan,
    name: str = "local",
    *,
    targets: tuple[str, ...] = (),
    dry: bool = False,
    run_id: str | None = None,
) -> dict[str, Any]:
    """Call Snakemake as its API does; return what was seen while it ran."""
    seen: dict[str, Any] = {}

    def execute(executor_plugin: object) -> None:
        path = Path("results") / results_lock.LOCK_FILE
        if run_id is not None:
            named = SimpleNamespace(run_uuid=run_id)
            workflow.scheduler = SimpleNamespace(_executor=named)
            session.start()
        seen.update(ran=True, holder=holder.read_holder(path))

    workflow = SimpleNamespace(
        is_main_process=True,
        execute=execute,
        dag=SimpleNamespace(needrun_jobs=tuple, jobs=()),
        local_exec=False,
        dag_settings=SimpleNamespace(targets=frozenset(targets)),
    )
    session = Session(plan, Path("results"), workflow, RefusedError)
    session.greet()
    workflow.execute(executor_plugin=executor(name, dry=dry))
    return seen


def write_study(plan: Plan, **changed: Any) -> None:
    Path("results").mkdir()
    text = yaml.safe_dump({**plan.resolved(), **changed})
    (Path("results") / "study.yaml").write_text(text)


@contextmanager
def another_snakemake(in_background: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Hold the results folder from another process."""
    code = (
        "import signal, time; from pathlib import Path\n"
        f"signal.signal(signal.SIGINT, signal.{'SIG_IGN' if in_background else 'SIG_DFL'})\n"
        "from studygrid.execution import holder, results_lock\n"
        "results_lock.hold_results(Path('results')).name(holder.this_process('local'))\n"
        "print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_session_holds_the_results_while_it_runs_and_no_longer(folder: Path, plan: Plan) -> None:
    seen = call(plan)
    assert seen["holder"].process == os.getpid()
    assert holder.read_holder(folder / "results" / results_lock.LOCK_FILE) is None
    assert call(plan)["ran"]


@pytest.mark.parametrize(("in_background", "signal"), [(False, "INT"), (True, "TERM")])
def test_a_second_session_is_refused_and_told_who_holds_the_results(
    folder: Path, plan: Plan, in_background: bool, signal: str
) -> None:
    with another_snakemake(in_background) as other, pytest.raises(RefusedError) as refused:
        call(plan)
    text = str(refused.value)
    for words in (
        f"process {other.pid} on {socket.gethostname()}, since ",
        f"in {folder}",
        "studygrid status results --watch",
        "snakemake --cores 1 partial",
        f"kill {other.pid}",
        f"kill -{signal} -{os.getpgid(0)}",
    ):
        assert words in text, words


@pytest.mark.parametrize("how", [{"dry": True}, {"targets": ("partial",)}])
@pytest.mark.usefixtures("folder")
def test_what_only_reads_is_not_refused_beside_a_session(plan: Plan, how: dict[str, Any]) -> None:
    with another_snakemake():
        assert call(plan, **how)["ran"]
        with pytest.raises(RefusedError):
            call(plan, targets=("partial", "all"))


def test_a_dry_run_makes_no_folder(folder: Path, plan: Plan) -> None:
    assert call(plan, dry=True)["ran"]
    assert not (folder / "results").exists()


@pytest.mark.usefixtures("folder")
def test_after_a_sigkill_the_next_session_goes_on_at_once_and_says_so(
    plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    with another_snakemake() as other:
        other.kill()
        other.wait()
        assert call(plan)["ran"]
    said = capsys.readouterr().err
    assert f"an earlier Snakemake did not end by itself: process {other.pid} on " in said


def test_the_processes_that_snakemake_starts_hold_and_check_nothing(
    folder: Path, plan: Plan
) -> None:
    workflow = SimpleNamespace(is_main_process=False)
    session = Session(plan, Path("results"), workflow, RefusedError)
    session.greet()
    session.start()
    assert vars(workflow) == {"is_main_process": False}
    assert not list(folder.iterdir())


def test_a_holder_on_another_host_is_refused_with_its_last_sign_of_life(
    folder: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "locks_reach_all_hosts", lambda path: False)
    (folder / "results").mkdir()
    path = folder / "results" / results_lock.LOCK_FILE
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    holder.write_holder(descriptor, replace(holder.this_process("slurm"), host="login2"))
    os.close(descriptor)
    then = time.time() - 50
    os.utime(path, (then, then))
    with pytest.raises(RefusedError, match=r"if login2 is gone: .* (49|5\d) s old; 120 s after"):
        call(plan)


# -- the folder ----------------------------------------------------------------------------------


def test_a_results_folder_that_is_a_file_is_named(folder: Path, plan: Plan) -> None:
    (folder / "results").write_text("")
    with pytest.raises(RefusedError, match=r"results: cannot be written; .* is a file"):
        call(plan)


def test_a_parent_that_is_a_file_is_told_and_one_that_is_missing_is_made(folder: Path) -> None:
    make_folder(folder / "a" / "b" / "results")
    (folder / "file").write_text("")
    with pytest.raises(FolderError, match="a folder above it, is a file"):
        make_folder(folder / "file" / "results")


def test_every_place_that_jobs_could_not_write_is_told_once(folder: Path) -> None:
    (folder / "file").write_text("")
    open_files = [str(folder / "new" / "run" / "train.json")]
    check_writable(open_files)
    closed = [str(folder / "file" / seed / "train.json") for seed in ("seed0", "seed1")]
    with pytest.raises(FolderError) as refused:
        check_writable([*open_files, *closed])
    assert str(refused.value).count(str(folder / "file")) == 1
    assert str(folder / "new") not in str(refused.value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"family": "segmentation"}, "its family is segmentation, not classification"),
        ({"dataset": {"name": "digits"}}, "its dataset is digits, not image_folder"),
        ({"models": {"other": {}}}, "none of this study's models (its own: other)"),
    ],
)
@pytest.mark.parametrize("dry", [False, True])
@pytest.mark.usefixtures("folder")
def test_a_folder_of_another_study_is_refused_with_what_to_do(
    plan: Plan, changed: dict[str, Any], said: str, dry: bool
) -> None:
    write_study(plan, **changed)
    with pytest.raises(RefusedError) as refused:
        call(plan, dry=dry)
    assert said in str(refused.value)
    assert "Name another folder as `results`" in str(refused.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "Another title"},
        {"models": {"tiny_cnn": {}, "gone": {}}},
        {"grid": {"n_train": [9], "seed": 99, "resolution": [1]}},
        {"dataset": {"name": "image_folder", "root": "/moved"}},
    ],
)
@pytest.mark.usefixtures("folder")
def test_another_title_size_or_part_of_the_models_is_the_same_study(
    plan: Plan, changed: dict[str, Any]
) -> None:
    write_study(plan, **changed)
    assert call(plan)["ran"]


@pytest.mark.parametrize("content", [b"", b"{", b"- 1", b"models: 3", b"\xff\xfe", b"a: !!x y"])
@pytest.mark.usefixtures("folder")
def test_a_damaged_study_file_is_no_other_study(plan: Plan, content: bytes) -> None:
    Path("results").mkdir()
    (Path("results") / "study.yaml").write_bytes(content)
    assert call(plan)["ran"]


def test_a_model_whose_folder_is_another_s_without_case_is_refused(
    folder: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = folder / "results" / "runs"
    (runs / "Tiny_CNN").mkdir(parents=True)
    check_same_study(plan, folder / "results")
    exists = Path.exists
    folded = {path.name.casefold() for path in runs.iterdir()}

    def ignoring_case(path: Path, **options: Any) -> bool:
        in_runs = path.parent == runs and path.name.casefold() in folded
        return in_runs or exists(path, **options)

    monkeypatch.setattr(Path, "exists", ignoring_case)
    with pytest.raises(FolderError, match=r"Tiny_CNN: this file system takes it for .* tiny_cnn"):
        check_same_study(plan, folder / "results")


# -- Slurm ---------------------------------------------------------------------------------------


@pytest.fixture
def squeue(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a `squeue` on PATH that prints what stands in a file; return the file."""
    place = tmp_path_factory.mktemp("slurm")
    program, answer = place / "squeue", place / "answer"
    answer.write_text("")
    program.write_text(f'#!/bin/sh\necho "$@" > {place}/asked\ncat {answer}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(place), prepend=os.pathsep)
    return answer


def line(number: str, place: Path, call_name: str = CALL, state: str = "RUNNING") -> str:
    return f"{number}|{call_name}|{state}|{place}|rule_train_wildcards_tiny_cnn_16_32_0\n"


def killed(place: Path, executor_name: str = "slurm", call_name: str = "") -> None:
    """Leave the name of a Snakemake that worked in a folder and was killed."""
    Path("results").mkdir(exist_ok=True)
    path = Path("results") / results_lock.LOCK_FILE
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    gone = replace(holder.this_process(executor_name), process=2**22 + 1, folder=str(place))
    holder.write_holder(descriptor, replace(gone, call=call_name))
    os.close(descriptor)


@pytest.mark.parametrize("call_name", ["", CALL])
@pytest.mark.parametrize("name", ["slurm", "local"])
def test_jobs_of_a_killed_snakemake_are_refused_with_how_to_cancel_them(
    folder: Path, plan: Plan, squeue: Path, name: str, call_name: str
) -> None:
    squeue.write_text(line("17", folder) + line("18", folder, state="PENDING"))
    killed(folder, call_name=call_name)
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            call(plan, name)
        text = str(refused.value)
        assert "in the queue are 2 Slurm jobs of an earlier Snakemake:" in text
        assert "17 running rule_train_wildcards_tiny_cnn_16_32_0" in text
        assert "18 pending" in text
        assert text.count(f"scancel --name {CALL}") == 1
        assert "or wait" in text
        assert "--me" in (squeue.parent / "asked").read_text()
    squeue.write_text("")
    assert call(plan, name)["ran"]
    squeue.write_text(line("19", folder))
    assert call(plan, name)["ran"]


def test_one_job_is_told_of_as_one(folder: Path, plan: Plan, squeue: Path) -> None:
    squeue.write_text(line("17", folder))
    killed(folder)
    with pytest.raises(RefusedError, match="in the queue is 1 Slurm job of an earlier Snakemake:"):
        call(plan, "slurm")


def test_jobs_of_another_study_in_the_same_clone_are_no_hindrance(
    folder: Path, plan: Plan, squeue: Path
) -> None:
    squeue.write_text(line("17", folder, OTHER_CALL))
    assert call(plan, "slurm")["ran"]
    # Nor once a Snakemake of this study was killed: its own jobs are known by its name.
    killed(folder, call_name=CALL)
    assert call(plan, "slurm")["ran"]
    # One on this machine has no jobs there.
    killed(folder, "local")
    assert call(plan, "slurm")["ran"]


def test_what_slurm_calls_the_jobs_of_a_call_is_written_down_as_it_starts(
    folder: Path, plan: Plan
) -> None:
    assert call(plan, "slurm")["holder"].call == ""
    seen = call(plan, "slurm", run_id=CALL)["holder"]
    assert (seen.call, seen.executor, seen.process) == (CALL, "slurm", os.getpid())
    assert holder.read_holder(folder / "results" / results_lock.LOCK_FILE) is None


def test_jobs_of_a_call_that_the_user_gave_a_prefix_are_found(
    folder: Path, plan: Plan, squeue: Path
) -> None:
    squeue.write_text(line("17", folder, f"my-study_{CALL}"))
    killed(folder)
    with pytest.raises(RefusedError, match=f"scancel --name my-study_{CALL}"):
        call(plan, "slurm")


def test_jobs_of_other_folders_and_of_other_programs_are_no_hindrance(
    folder: Path, plan: Plan, squeue: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    squeue.write_text(line("17", elsewhere) + line("18", folder, "my_own_job") + "nonsense\n")
    killed(folder)
    assert call(plan, "slurm")["ran"]
    assert (squeue.parent / "asked").exists()


def test_a_snakemake_that_was_killed_in_another_clone_is_asked_for_there(
    folder: Path, plan: Plan, squeue: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clone = tmp_path_factory.mktemp("clone")
    squeue.write_text(line("17", clone) + line("18", folder, OTHER_CALL))
    killed(clone)
    with pytest.raises(RefusedError, match=f"scancel --name {CALL}") as refused:
        call(plan, "local")
    assert OTHER_CALL not in str(refused.value)


def test_a_refused_call_leaves_the_killed_one_s_name_where_locks_are_of_one_host(
    folder: Path, plan: Plan, squeue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "locks_reach_all_hosts", lambda path: False)
    monkeypatch.setattr(locks, "_SETTLE_SEC", 0.01)
    squeue.write_text(line("17", folder))
    killed(folder, call_name=CALL)
    path = folder / "results" / results_lock.LOCK_FILE
    before = holder.read_holder(path)
    with pytest.raises(RefusedError, match=f"scancel --name {CALL}"):
        call(plan, "local")
    assert holder.read_holder(path) == before


def test_who_comes_before_a_holder_has_written_its_name_is_told_to_try_again(
    folder: Path, plan: Plan
) -> None:
    lock = results_lock.hold_results(folder / "results")
    with pytest.raises(RefusedError, match="has not written its name yet; try again in a moment"):
        call(plan)
    killed(folder)  # an earlier one's name still stands there
    with pytest.raises(RefusedError, match="has not written its name yet; try again in a moment"):
        call(plan)
    lock.release()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exec sleep 60", "squeue gave no answer in 0.2 s"),
        ("echo 'slurm_load_jobs error: no route' >&2; exit 1", "squeue failed: slurm_load_jobs"),
    ],
)
def test_a_slurm_that_does_not_answer_is_a_warning(
    folder: Path,
    plan: Plan,
    squeue: Path,
    script: str,
    why: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slurm, "_ASK_SEC", 0.2)
    killed(folder)
    (squeue.parent / "squeue").write_text(f"#!/bin/sh\n{script}\n")
    assert call(plan, "slurm")["ran"]
    assert f"warning: whether jobs of an earlier Snakemake still run is not known: {why}" in (
        capsys.readouterr().err
    )
