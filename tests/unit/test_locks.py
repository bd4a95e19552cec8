"""Locks keep writers apart and die with their holder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from studygrid.execution import locks
from studygrid.execution.session import drop_stale_locks
from studygrid.records import write_atomically

HOLD = """
import sys, time
from pathlib import Path
from studygrid.execution import locks
with {how}:
    print("held", time.monotonic(), flush=True)
    time.sleep({seconds})
    released = time.monotonic()
print(released, flush=True)
"""


def hold(how: str, seconds: float, folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(how=how, seconds=seconds)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    assert process.stdout is not None
    word, at = process.stdout.readline().split()
    assert word == "held"
    process.held_at = float(at)  # type: ignore[attr-defined]
    return process


def test_a_second_writer_waits_for_the_first_and_says_for_whom(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = hold(f"locks.sole_writer(Path({str(tmp_path)!r}))", 0.5, tmp_path)
    with locks.sole_writer(tmp_path):
        assert process.wait(timeout=10) == 0
    assert f"process {process.pid} on " in capsys.readouterr().err


def test_the_lock_of_a_killed_writer_is_gone(tmp_path: Path) -> None:
    process = hold(f"locks.sole_writer(Path({str(tmp_path)!r}))", 60, tmp_path)
    process.kill()
    process.wait()
    with locks.sole_writer(tmp_path):
        pass


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True), (True, True)])
def test_a_job_that_wants_the_machine_alone_has_it_alone(
    tmp_path: Path, first: bool, second: bool
) -> None:
    process = hold(f"locks.machine_share(alone={first})", 0.5, tmp_path)
    other = hold(f"locks.machine_share(alone={second})", 0, tmp_path)
    released_at = float(process.communicate(timeout=10)[0])
    assert other.held_at >= released_at  # type: ignore[attr-defined]
    other.wait()


def test_jobs_share_the_machine(tmp_path: Path) -> None:
    process = hold("locks.machine_share(alone=False)", 60, tmp_path)
    other = hold("locks.machine_share(alone=False)", 0, tmp_path)
    assert process.poll() is None
    process.kill()
    assert other.wait(timeout=10) == 0


def test_stale_locks_are_dropped_only_when_no_other_call_lives(tmp_path: Path) -> None:
    stale = tmp_path / "locks" / "0.input.lock"
    stale.parent.mkdir()
    stale.write_text("file\n")
    how = f"open(locks.try_hold(Path({str(tmp_path / 'studygrid.lock')!r})))"
    process = hold(how, 60, tmp_path)
    assert drop_stale_locks(tmp_path) is None
    assert stale.exists()
    process.kill()
    process.wait()
    time.sleep(0.01)
    held = drop_stale_locks(tmp_path)
    assert held is not None
    assert not stale.exists()
    os.close(held)


def test_what_a_killed_writer_left_is_deleted_by_the_next_write(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    host = socket.gethostname()
    left = tmp_path / f".file.json.{host}.{dead.pid}.abc.part"
    alive = tmp_path / f".file.json.{host}.{os.getppid()}.abc.part"
    for path in (left, alive):
        path.write_text("half")
    write_atomically(tmp_path / "file.json", b"whole")
    assert not left.exists()
    assert alive.exists()
    assert (tmp_path / "file.json").read_bytes() == b"whole"
