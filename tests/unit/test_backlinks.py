"""Lines of reports are appended once, whoever else appends."""

from __future__ import annotations

import fcntl
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from studygrid import backlinks
from studygrid.backlinks import append_line
from studygrid.execution.locks import NoFlockError


def test_a_line_that_another_appends_meanwhile_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "pointer.txt"
    with path.open("ab", buffering=0) as other, ThreadPoolExecutor(1) as threads:
        fcntl.flock(other, fcntl.LOCK_EX)
        ours = threads.submit(append_line, path, "a report")
        time.sleep(0.2)
        other.write(b"a report\n")
        fcntl.flock(other, fcntl.LOCK_UN)
        ours.result()
    assert path.read_text() == "a report\n"


def test_a_file_system_without_locks_gets_the_line_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_flock(descriptor: int, kind: int) -> bool:
        raise NoFlockError(0, "none here")

    monkeypatch.setattr(backlinks, "flock", no_flock)
    for line in ("one", "two", "one"):
        append_line(tmp_path / "pointer.txt", line)
    assert (tmp_path / "pointer.txt").read_text() == "one\ntwo\n"


def test_a_line_that_is_there_is_no_error_where_nothing_may_be_written(tmp_path: Path) -> None:
    path = tmp_path / "pointer.txt"
    path.write_text("one\n")
    path.chmod(0o444)
    append_line(path, "one")
    assert path.read_text() == "one\n"
