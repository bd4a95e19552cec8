"""Progress is shown on a terminal only, and by one job at a time."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from studygrid.execution.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> str:
    monkeypatch.setattr("sys.stderr", stream)
    with ProgressBar("a run", total=4, done=1, unit="steps") as bar:
        for _ in range(3):
            bar.advance()
    return stream.getvalue()


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm")


def test_a_terminal_shows_the_run_its_steps_a_rate_and_the_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = shown(monkeypatch, Terminal())
    assert "a run" in text
    assert "4/4" in text
    assert "/s" in text
    assert "0:00:00" in text


def test_a_file_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, io.StringIO()) == ""


def test_a_second_job_is_silent_while_the_first_shows_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    with ProgressBar("first", total=4, done=0, unit="steps"):
        assert shown(monkeypatch, Terminal()) == ""
    assert "a run" in shown(monkeypatch, Terminal())
