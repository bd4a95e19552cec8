"""Locks keep writers apart and die with their holder."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from studygrid.execution import filesystems, holder, locks
from studygrid.execution.session import drop_stale_locks
from studygrid.records import write_atomically

HOLD = """
import sys, time
from pathlib import Path
from studygrid.execution import devices, locks, session
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
    process = hold(f"devices.machine_share(alone={first})", 0.5, tmp_path)
    other = hold(f"devices.machine_share(alone={second})", 0, tmp_path)
    released_at = float(process.communicate(timeout=10)[0])
    assert other.held_at >= released_at  # type: ignore[attr-defined]
    other.wait()


def test_jobs_share_the_machine(tmp_path: Path) -> None:
    process = hold("devices.machine_share(alone=False)", 60, tmp_path)
    other = hold("devices.machine_share(alone=False)", 0, tmp_path)
    assert process.poll() is None
    process.kill()
    assert other.wait(timeout=10) == 0


def test_stale_locks_are_dropped_only_when_no_other_call_lives(tmp_path: Path) -> None:
    stale = tmp_path / "locks" / "0.input.lock"
    stale.parent.mkdir()
    stale.write_text("file\n")
    process = hold(f"open(session.drop_stale_locks(Path({str(tmp_path)!r})))", 60, tmp_path)
    assert not stale.exists()
    stale.write_text("file\n")
    os.close(drop_stale_locks(tmp_path))
    assert stale.exists()
    process.kill()
    process.wait()
    os.close(drop_stale_locks(tmp_path))
    assert not stale.exists()


@pytest.fixture
def no_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every flock fail, as on a file system of a network without locks."""

    def fail(descriptor: int, kind: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", fail)
    monkeypatch.setattr(locks, "_SETTLE_SEC", 0.05)


def named_in(path: Path, who: holder.Holder) -> None:
    """Leave a lock's file as its holder would."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    holder.write_holder(descriptor, who)
    os.close(descriptor)


def elsewhere() -> holder.Holder:
    return replace(holder.this_process("slurm"), host="another-host")


@pytest.mark.usefixtures("no_flock")
def test_without_flock_a_lock_is_held_by_who_is_named_and_alive(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = locks.take(path)
    assert isinstance(lock, locks.HeldLock)
    lock.name(holder.this_process())
    second = locks.take(path)
    assert isinstance(second, holder.Holder)
    assert (second.process, second.host) == (os.getpid(), socket.gethostname())
    lock.release()
    third = locks.take(path)
    assert isinstance(third, locks.HeldLock)
    third.release()


@pytest.mark.usefixtures("no_flock")
@pytest.mark.parametrize("process", [2**22 + 1, os.getpid()], ids=["gone", "another"])
def test_without_flock_a_dead_holder_of_this_host_is_followed_at_once(
    tmp_path: Path, process: int
) -> None:
    path = tmp_path / "lock"
    # Of another start than the process that has its number now: it was one before a power cut.
    named_in(path, replace(holder.this_process("local"), process=process, started=1.0))
    lock = locks.take(path)
    assert isinstance(lock, locks.HeldLock)
    assert lock.before is not None
    lock.release()


@pytest.mark.usefixtures("no_flock")
@pytest.mark.parametrize("skew", [-1, 1])
def test_without_flock_a_holder_of_another_host_holds_while_the_file_is_fresh(
    tmp_path: Path, skew: int
) -> None:
    path = tmp_path / "lock"
    named_in(path, elsewhere())
    assert isinstance(locks.take(path), holder.Holder)
    # Silent for long, or from before the file server's clock was set back.
    old = time.time() + skew * 2 * holder.GONE_AFTER_SEC
    os.utime(path, (old, old))
    lock = locks.take(path)
    assert isinstance(lock, locks.HeldLock)
    lock.release()


@pytest.mark.usefixtures("no_flock")
def test_without_flock_the_last_of_two_who_took_a_lock_at_once_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    monkeypatch.setattr(time, "sleep", lambda seconds: named_in(path, elsewhere()))
    taken = locks.take(path)
    assert isinstance(taken, holder.Holder)
    assert taken.host == "another-host"


@pytest.mark.usefixtures("no_flock")
def test_without_flock_jobs_write_and_wait_for_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".writer"
    dead = subprocess.Popen(["sleep", "60"])
    alive = replace(
        holder.this_process(), process=dead.pid, started=holder._start_of(dead.pid) or 0.0
    )
    named_in(path, alive)
    sleep = time.sleep

    def end(seconds: float) -> None:
        dead.kill()
        dead.wait()
        sleep(0.01)

    monkeypatch.setattr(time, "sleep", end)
    # The pause in which another's name would show is no wait here.
    monkeypatch.setattr(locks, "_settled", lambda path, descriptor: True)
    with locks.sole_writer(tmp_path):
        assert f"process {dead.pid} on " in capsys.readouterr().err
    assert path.read_bytes() == b""


@pytest.mark.parametrize("reaches", [True, False])
def test_a_flock_is_relied_on_where_it_reaches_all_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reaches: bool
) -> None:
    path = tmp_path / "lock"
    named_in(path, elsewhere())
    monkeypatch.setattr(locks, "locks_reach_all_hosts", lambda path: reaches)
    taken = locks.take(path)
    assert isinstance(taken, locks.HeldLock) is reaches


@pytest.mark.parametrize(
    ("mount", "reaches"),
    [
        ("rw - ext4 /dev/sda rw", True),
        ("rw - tmpfs none rw", True),
        ("rw - nfs4 server:/x rw,vers=4.2,local_lock=none", True),
        ("rw - nfs server:/x rw,vers=3,local_lock=all", False),
        ("rw - nfs server:/x rw,vers=3,nolock", False),
        ("rw,flock - lustre x@tcp:/y rw,flock", True),
        ("rw - lustre x@tcp:/y rw,localflock", False),
        ("rw - fuse.sshfs host:/x rw", False),
        ("rw - beegfs beegfs_nodev rw", False),
        ("rw - 9p share rw", False),
    ],
)
def test_how_far_a_flock_reaches_is_told_by_the_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mount: str, reaches: bool
) -> None:
    place = tmp_path / "with space"
    place.mkdir()
    escaped = str(place).replace(" ", "\\040")
    table = tmp_path / "mountinfo"
    table.write_text(f"1 0 0:1 / / rw - ext4 /dev/sda rw\n2 1 0:2 / {escaped} {mount}\n")
    monkeypatch.setattr(filesystems, "_MOUNTS", table)
    assert filesystems.locks_reach_all_hosts(place / "lock") is reaches
    assert filesystems.locks_reach_all_hosts(tmp_path / "lock")


def test_a_holder_s_name_is_read_back_and_nonsense_names_nobody(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    me = holder.this_process("local")
    named_in(path, me)
    assert holder.read_holder(path) == me
    assert me.is_alive
    assert me.is_here
    for content in ("", "{", "[]", '{"host": 1}', "nobody"):
        path.write_text(content)
        assert holder.read_holder(path) is None


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
