"""Kinds of failure are told apart: by the error, by the kernel, by the scheduler."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from studygrid.errors import DataError, RecordError
from studygrid.execution import kills, workers
from studygrid.execution.events import Events, append_line
from studygrid.execution.failures import ADVICE, Failure, failure_of
from studygrid.execution.slurm import ending_of
from studygrid.grid import Run

RUN = Run("tiny", 16, 32, 0)


def caused_by(cause: Exception) -> Exception:
    try:
        raise RuntimeError("the task failed") from cause
    except RuntimeError as error:
        return error


def missing_library() -> OSError:
    return OSError("libcudart.so.13: cannot open shared object file: No such file or directory")


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), Failure.OOM),
        (RuntimeError("CUDA error: out of memory"), Failure.OOM),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), Failure.OOM),
        (MemoryError(), Failure.HOST_MEMORY),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
            Failure.HOST_MEMORY,
        ),
        (OSError(errno.ENOSPC, "No space left on device", "a.json"), Failure.DISK_FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "a.json"), Failure.DISK_FULL),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), Failure.HOST_MEMORY),
        (PermissionError(errno.EACCES, "Permission denied", "a.json"), Failure.ERROR),
        (ModuleNotFoundError("No module named 'timm'"), Failure.MISSING_DEPENDENCY),
        (missing_library(), Failure.MISSING_DEPENDENCY),
        (DataError("a.png: cannot be read"), Failure.BAD_DATA),
        (RecordError("train.json: missing"), Failure.BAD_DATA),
        (RuntimeError("CUDA error: device-side assert triggered"), Failure.DEVICE_FAULT),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), Failure.ERROR),
        (caused_by(OSError(errno.ENOSPC, "No space left on device")), Failure.DISK_FULL),
        (caused_by(ValueError("wrong")), Failure.ERROR),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_error_is_told_by_what_it_is_or_says(error: Exception, failure: Failure) -> None:
    assert failure_of(error) is failure


def test_a_circle_of_errors_has_an_end() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert failure_of(first) is Failure.ERROR


def test_every_kind_says_what_to_do() -> None:
    assert set(ADVICE) == set(Failure)
    assert all(ADVICE.values())


# --- The scheduler


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put an scontrol and an sacct on the path that print the files of their names."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("scontrol", "sacct"):
        program = folder / name
        program.write_text(f"#!/bin/sh\ncat {folder / 'says'}.{name}\n")
        program.chmod(0o755)
        (folder / f"says.{name}").write_text("")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


LINE = "JobId=7 JobName=x JobState={} Reason=None RunTime={} TimeLimit={} NodeList=n1"


@pytest.mark.parametrize(
    ("state", "ran", "limit", "failure"),
    [
        ("TIMEOUT", "00:01:27", "00:01:00", Failure.OUT_OF_TIME),
        ("COMPLETING", "00:01:27", "00:01:00", Failure.OUT_OF_TIME),
        ("COMPLETING", "1-00:00:01", "1-00:00:00", Failure.OUT_OF_TIME),
        ("COMPLETING", "00:00:27", "00:01:00", None),
        ("COMPLETING", "00:00:27", "UNLIMITED", None),
        ("OUT_OF_MEMORY", "00:00:27", "00:01:00", Failure.HOST_MEMORY),
        ("NODE_FAIL", "00:00:27", "00:01:00", Failure.NODE_LOST),
        ("CANCELLED", "00:00:27", "00:01:00", Failure.STOPPED),
        ("PREEMPTED", "00:00:27", "00:01:00", Failure.STOPPED),
        ("RUNNING", "00:02:27", "00:01:00", None),
        ("FAILED", "00:00:27", "00:01:00", None),
    ],
)
def test_slurm_says_why_it_ended_a_job(
    slurm: Path, state: str, ran: str, limit: str, failure: Failure | None
) -> None:
    (slurm / "says.scontrol").write_text(LINE.format(state, ran, limit))
    assert ending_of("7") is failure


def test_the_accounting_is_asked_of_a_job_that_slurm_has_forgotten(slurm: Path) -> None:
    (slurm / "says.sacct").write_text("CANCELLED by 0\n")
    assert ending_of("7") is Failure.STOPPED


@pytest.mark.parametrize("job", ["7", "", "7; rm", "--help"])
def test_without_slurm_nothing_is_said(job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert ending_of(job) is None


# --- The log of a run


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("last", ["on_start", "on_epoch_end"])
def test_an_attempt_that_ended_without_a_word_is_closed_by_the_next(
    tmp_path: Path, last: str
) -> None:
    events = Events(tmp_path, RUN)
    events.add(last, step=0)
    events.close_earlier_attempt()
    row = rows(tmp_path)[-1]
    assert (row["moment"], row["failure"]) == ("on_exception", "killed")
    assert f"process {os.getpid()} on " in row["error"]
    events.close_earlier_attempt()
    assert len(rows(tmp_path)) == 2


def test_the_scheduler_says_how_the_attempt_before_ended(
    tmp_path: Path, slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (slurm / "says.scontrol").write_text(LINE.format("NODE_FAIL", "00:00:27", "00:01:00"))
    events = Events(tmp_path, RUN)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    events.add("on_start", step=0)
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    events.close_earlier_attempt()
    row = rows(tmp_path)[-1]
    assert (row["failure"], row["slurm_job"]) == ("node_lost", "8")
    assert "job 7 of Slurm" in row["error"]


@pytest.mark.parametrize("last", ["on_train_end", "on_test_end", "on_exception", None])
def test_an_attempt_that_said_how_it_ended_is_left_alone(tmp_path: Path, last: str | None) -> None:
    events = Events(tmp_path, RUN)
    if last is not None:
        events.add(last)
    events.close_earlier_attempt()
    assert not (tmp_path / "events.jsonl").exists() or len(rows(tmp_path)) == 1


@pytest.mark.parametrize("torn", [b'{"moment": "on_st', b"\xff\xfe", b"[1, 2]\n", b"\n\n"])
def test_a_torn_line_is_ended_and_no_row_is_lost(tmp_path: Path, torn: bytes) -> None:
    events = Events(tmp_path, RUN)
    events.add("on_start", step=0)
    path = tmp_path / "events.jsonl"
    path.write_bytes(path.read_bytes() + torn)
    events.close_earlier_attempt()
    last = path.read_bytes().splitlines()[-1]
    assert json.loads(last)["moment"] == "on_exception"


def test_a_line_that_does_not_fit_on_the_disk_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "epochs.jsonl"
    append_line(path, {"epoch": 1})
    before, write = path.read_bytes(), os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:5]))
    with pytest.raises(OSError, match="No space left"):
        append_line(path, {"epoch": 2})
    assert path.read_bytes() == before


def test_the_last_failure_is_told_until_something_comes_after_it(tmp_path: Path) -> None:
    events = Events(tmp_path, RUN)
    assert events.last_failure() is None
    events.fail("train", Failure.DISK_FULL, "no room")
    assert events.last_failure() == "disk_full: no room"
    events.add("on_start", step=0)
    assert events.last_failure() is None
    events.fail("train", Failure.OOM, "too large", status="oom")
    assert events.last_failure() is None  # a result: its record says so


# --- Kills

JOB = """
import os, signal, sys
def main():
    os.kill(os.getpid(), int(os.environ["KILL"]))
"""


def test_who_waited_for_a_killed_job_says_so_in_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / RUN.path
    folder.mkdir(parents=True)
    (tmp_path / "killed.py").write_text(JOB)
    for number in (signal.SIGKILL, signal.SIGSEGV):
        done = subprocess.run(
            [
                *(
                    sys.executable,
                    "-c",
                    "from studygrid.execution.workers import run; run('killed')",
                ),
                *("--output", str(folder / "train.json"), "--log", str(folder / "training.log")),
            ],
            env={**os.environ, "KILL": str(int(number)), "PYTHONPATH": python_path(tmp_path)}
            | {"PYTHONSAFEPATH": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 128 + number
        row = rows(folder)[-1]
        assert row["failure"] in ("killed", "host_memory")  # memory may run out for others
        assert number.name in row["error"]
        assert number.name in done.stderr
        assert number.name in (folder / "training.log").read_text()
        assert {axis: row[axis] for axis in vars(RUN)} == vars(RUN)


def python_path(folder: Path) -> str:
    source = Path(workers.__file__).parents[2]
    return os.pathsep.join([str(folder), str(source)])


def test_a_kill_while_the_kernel_ran_out_of_memory_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "runs" / RUN.path
    argv = ["train.py", "--output", str(folder / "train.json")]
    kills.report_kill(argv, signal.SIGKILL, memory_ran_out=True)
    assert rows(folder)[-1]["failure"] == "host_memory"
    assert "mem_mb" in capsys.readouterr().err
    kills.report_kill(argv, signal.SIGSEGV, memory_ran_out=True)
    assert rows(folder)[-1]["failure"] == "killed"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_job_that_was_asked_to_stop_before_it_could_heed_it_was_stopped(
    tmp_path: Path, number: int
) -> None:
    folder = tmp_path / "runs" / RUN.path
    kills.report_kill(["train.py", "--output", str(folder / "train.json")], number, False)
    assert rows(folder)[-1]["failure"] == "stopped"


def test_a_kill_of_a_job_without_a_run_is_only_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kills.report_kill(["prepare.py", "--output", str(tmp_path / "data.json")], None, False)
    assert "the job was killed" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_kernels_count_is_read() -> None:
    before = kernels_count()
    counted = workers.memory_kills()
    assert before <= counted <= kernels_count()


def kernels_count() -> int:
    try:
        text = Path("/proc/vmstat").read_text()
    except OSError:
        pytest.skip("there is no /proc/vmstat here")
    found = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
    if found is None:
        pytest.skip("this kernel does not count them")
    return int(found[1])


def test_the_kernels_count_is_found_among_counts_of_like_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("oom_kill_disable 4\nnr_oom_kill 5\noom_kill 3\nswap_ra 6\n")
    monkeypatch.setattr(workers, "Path", {"/proc/vmstat": vmstat}.__getitem__)
    assert workers.memory_kills() == 3
