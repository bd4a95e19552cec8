"""The command: once or watching, on a terminal or into a file, and its errors."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from studygrid import cli
from studygrid.grid import Run
from studygrid.status import State, study_state
from studygrid.status.reader import StudyReader
from studygrid.status.watch import change_line, has_ended, watch
from studygrid.status.words import Words
from tests.unit.made_events import (
    STATES,
    ZERO,
    finished,
    row,
    state_of,
    trained,
    training,
    write_log,
)
from tests.unit.made_records import small_plan

WORDS = Words(zone=UTC)
NOW = ZERO + 100


def test_a_watch_ends_when_all_is_done_or_failed_and_no_retry_is_to_be_expected() -> None:
    run, other = Run("a", 32, 64, 0), Run("a", 32, 64, 1)
    crashed = state_of([*training(done=1), row("on_exception", 20, error="cable")])
    ends = {run: state_of(finished()), other: state_of(trained(status="oom"))}
    assert has_ended(study_state(ends, NOW))
    assert not has_ended(study_state({**ends, other: state_of(trained())}, NOW))
    assert not has_ended(study_state({**ends, other: state_of([])}, NOW))
    assert not has_ended(study_state({**ends, other: crashed}, ZERO + 80))
    assert has_ended(study_state({**ends, other: crashed}, ZERO + 81))


def test_in_a_file_a_watch_writes_a_line_only_when_a_state_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = Run("a", 32, 64, 0), Run("a", 32, 64, 1)
    rows = finished(epochs=3)
    write_log(tmp_path, run, rows[:1])
    write_log(tmp_path, other, rows)
    left = iter(rows[1:])

    def a_while(seconds: float) -> None:
        assert seconds == 7
        write_log(tmp_path, run, [next(left)], append=True)

    monkeypatch.setattr("time.sleep", a_while)
    monkeypatch.setattr("time.time", lambda: ZERO + 32)
    file = io.StringIO()
    console = Console(file=file, width=40, force_terminal=False)
    watch(StudyReader(tmp_path), console, WORDS, 7)
    lines = file.getvalue().splitlines()
    assert [line.split(" ", 1)[0] for line in lines] == ["2026-03-01T12:00:32Z"] * 3
    assert lines[0].startswith("2026-03-01T12:00:32Z 1/2 done, 1 running; end expected")
    assert "1/2 done, 1 to evaluate" in lines[1]
    assert lines[1].endswith("; a/res32/n64/seed0 to evaluate")
    assert lines[2].endswith("2/2 done; all runs have ended; a/res32/n64/seed0 done")


def test_a_change_of_many_runs_names_a_few() -> None:
    runs = [Run("a", 32, 64, seed) for seed in range(30)]
    study = study_state({run: state_of(finished()) for run in runs}, NOW)
    line = change_line(study, dict.fromkeys(runs, State.WAITING), WORDS)
    assert line.count("a/res32/n64/") == 8
    assert line.endswith("and 22 more")


def test_a_live_watch_redraws_and_leaves_its_last_screen(tmp_path: Path) -> None:
    write_log(tmp_path, Run("a", 32, 64, 0), finished())
    file = io.StringIO()
    console = Console(file=file, width=80, height=24, force_terminal=True, legacy_windows=False)
    watch(StudyReader(tmp_path), console, WORDS, 1)
    assert "1/1 done" in file.getvalue()
    assert file.getvalue().rstrip().endswith("\x1b[?25h")


def test_an_interrupt_ends_a_watch_quietly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_log(tmp_path, Run("a", 32, 64, 0), training())

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    assert cli.main(["status", str(tmp_path), "--watch"]) == 0


@pytest.fixture
def results(tmp_path: Path) -> Path:
    plan = small_plan(name="Zellen <ä>")
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(plan.resolved(), sort_keys=False))
    for run, rows in zip(plan.runs, STATES.values(), strict=False):
        write_log(tmp_path, run, rows)
    return tmp_path


def test_the_command_prints_plain_lines_into_a_file(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["status", str(results)]) == 0
    text = capsys.readouterr().out
    assert "Zellen <ä>" in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    (failed,) = (line for line in text.splitlines() if "OSError" in line)
    assert failed.startswith("✗ simple_cnn/res48/n64/seed2  failed: OSError: disk")
    assert "18 runs waiting" in text


def test_the_command_takes_a_selection(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--select", "model=simple_cnn", "seed=0"]
    assert cli.main(["status", str(results), "--json", *options]) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert {(run["model"], run["seed"]) for run in runs} == {("simple_cnn", 0)}
    assert cli.main(["status", str(results), "--select", "colour=red"]) == 1
    assert "'colour' is no axis" in capsys.readouterr().err


def test_the_command_says_what_to_do_where_there_is_no_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["status", str(tmp_path / "nowhere")]) == 1
    assert "name the results folder of a study: studygrid status FOLDER" in capsys.readouterr().err


@pytest.mark.parametrize("interval", ["0", "-1", "nan", "inf", "soon"])
def test_an_interval_is_a_number_of_seconds(results: Path, interval: str) -> None:
    with pytest.raises(SystemExit):
        cli.main(["status", str(results), "--watch", "--interval", interval])


def test_the_command_prints_for_an_encoding_without_the_signs(results: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "studygrid.cli", "status", str(results)],
        env=os.environ | {"PYTHONIOENCODING": "ascii", "NO_COLOR": "1"},
        capture_output=True,
        check=True,
    )
    assert b"Zellen <?>" in done.stdout
    assert done.stdout.isascii()


def test_the_command_imports_neither_torch_nor_pandas_nor_matplotlib(results: Path) -> None:
    code = (
        "import sys; from studygrid.cli import main; main(['status', sys.argv[1]]);"
        "assert not {'torch', 'pandas', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(results)], check=True, capture_output=True)
