"""Whatever a command's output is, it ends with one message and a status, not a traceback."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from studygrid import cli
from tests.unit.made_records import small_plan, write_run

PLAN = small_plan()


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for run in PLAN.runs:
        write_run(PLAN, tmp_path, run, score=0.5)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(PLAN.resolved(), sort_keys=False))
    return tmp_path


@pytest.mark.parametrize("command", [["aggregate"], ["status"], ["status", "--json"]])
def test_a_command_runs_with_its_output_closed(
    command: list[str], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", None)
    assert cli.main([*command, str(results)]) == 0


@pytest.mark.parametrize("command", ["aggregate", "status"])
def test_letters_that_the_output_has_not_are_replaced(
    command: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(buffer, encoding="ascii"))
    assert cli.main([command, str(results)]) == 0
    assert buffer.getvalue().isascii()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", ["aggregate", "status"])
def test_an_output_that_is_full_is_one_message(command: str, results: Path) -> None:
    called = [sys.executable, "-m", "studygrid.cli", command, str(results)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(called, stdout=full, stderr=subprocess.PIPE, env=os.environ)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert said.startswith("error: ")
    assert "No space left on device" in said
    assert "Traceback" not in said


def test_an_interval_that_is_no_number_of_seconds_is_told_so(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["status", str(results), "--interval", "soon"])
    assert "should be a number of seconds above 0 (it is 'soon')" in capsys.readouterr().err
