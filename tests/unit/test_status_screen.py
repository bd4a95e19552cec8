"""What is shown of a study: within any width, for any encoding, on a terminal or in a file."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC
from functools import cache

import pytest
from rich.cells import cell_len
from rich.console import Console

from studygrid.grid import Run
from studygrid.status import State, StudyState, study_state
from studygrid.status.document import document
from studygrid.status.screen import expected_end, notes, screen
from studygrid.status.study_state import Notes
from studygrid.status.words import Words, duration, rate
from tests.unit.made_events import STATES, ZERO, finished, row, state_of, trained, training

WORDS = Words(zone=UTC)
NOW = ZERO + 100


def one_of_each() -> StudyState:
    logs = {Run("cnn", 32, 64, seed): state_of(rows) for seed, rows in enumerate(STATES.values())}
    return study_state(logs, NOW, name="Cells", folder="results")


@cache
def large(models: int, resolutions: int, sizes: int, seeds: int) -> StudyState:
    """Return a study whose runs are in all states, in turn."""
    logs = [state_of(rows) for rows in STATES.values()]
    runs = [
        Run(f"some_long_model_name_{model}", 32 * (res + 1), 64 * (size + 1), seed)
        for model in range(models)
        for res in range(resolutions)
        for size in range(sizes)
        for seed in range(seeds)
    ]
    states = {run: logs[number % len(logs)] for number, run in enumerate(runs)}
    return study_state(states, NOW, name="Many cells " * 9, folder="results/" + "deep/" * 30)


def shown(study: StudyState, width: int, height: int | None = None, words: Words = WORDS) -> str:
    console = Console(width=width, file=io.StringIO(), record=True, highlight=False)
    console.print(screen(study, words, width, height))
    return console.export_text()


def rows_of(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


# The screen


def test_the_screen_shows_the_matrix_and_names_what_runs_and_what_failed() -> None:
    lines = rows_of(shown(one_of_each(), 120))
    assert lines[0] == "Cells  results"
    counts = "1/7 done · 1 running · 1 to evaluate · 1 silent · 2 failed · 1 waiting"
    assert lines[2] == counts
    assert "model  resolution  n=64" in lines
    assert "cnn            32  ✓▶▷!✗✗· 2/5 0:30" in lines
    assert any(line.startswith("▶ cnn/res32/n64/seed1    2/5  0:30     2.00") for line in lines)
    assert "▷ cnn/res32/n64/seed2  trained 0:10 ago, to evaluate" in lines
    assert "! cnn/res32/n64/seed3  silent in epoch 2/5: no event for 16:39, perhaps killed" in lines
    assert "✗ cnn/res32/n64/seed4  failed: diverged: the loss is nan" in lines
    assert "✗ cnn/res32/n64/seed5  failed: OSError: disk [31mis full" in lines
    assert "· 1 run waiting" in lines


def test_each_sign_in_the_matrix_is_in_the_legend() -> None:
    (legend,) = (line for line in rows_of(shown(one_of_each(), 120)) if line.startswith("✓ done"))
    for state in State:
        assert f"{WORDS.glyph(state)} {state}" in legend
    only_done = study_state({Run("cnn", 32, 64, 0): state_of(finished())}, NOW)
    assert "failed" not in shown(only_done, 120)


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("height", [None, 24, 60])
@pytest.mark.parametrize("shape", [(1, 1, 1, 7), (3, 2, 3, 3), (2, 2, 2, 50), (20, 10, 20, 1)])
def test_no_line_is_wider_than_the_terminal_and_none_too_many(
    shape: tuple[int, int, int, int], height: int | None, width: int
) -> None:
    study = large(*shape)
    lines = rows_of(shown(study, width, height))
    assert max(map(cell_len, lines)) <= width
    joined = " ".join(lines)
    # Nothing is lost by wrapping, and the matrix is there whatever the size.
    assert f"{study.counts[State.DONE]}/{len(study.runs)} done" in joined
    assert any(line.startswith("model") for line in lines)
    if height == 60:
        assert len(lines) <= height


def test_a_large_grid_is_summarised_to_counts_then_shares_then_models() -> None:
    assert re.search(r"some_long_model_name_0 +32 +\d+/50 ✗\d+", shown(large(2, 2, 2, 50), 100))
    assert re.search(r"some\S*…\S*_0 +32 +(\d+%\S? *){7}\n", shown(large(2, 10, 7, 50), 80))
    narrow = shown(large(3, 2, 20, 5), 40)
    assert re.search(r"^model +all sizes *$", narrow, re.MULTILINE)
    low = shown(large(40, 10, 2, 2), 100, 60)
    assert len(re.findall(r"^some_long_model_name_\d+ +\d+/20", low, re.MULTILINE)) == 40
    lower = shown(large(40, 10, 2, 2), 100, 20)
    assert re.search(r"… \d+ more rows", lower)


def test_a_cell_is_a_hundred_percent_only_when_all_of_it_is_done() -> None:
    logs = {Run("cnn", 32, 64, seed): state_of(finished()) for seed in range(200)}
    sizes = {Run("cnn", 32, 1000 + size, 0): state_of(finished()) for size in range(9)}
    logs[Run("cnn", 32, 64, 0)] = state_of([])
    assert re.search(r"cnn +32 +99%", shown(study_state(logs | sizes, NOW), 96))


def test_cells_that_are_not_planned_are_empty() -> None:
    logs = {Run("a", 32, 64, 0): state_of(finished()), Run("b", 32, 128, 0): state_of([])}
    lines = rows_of(shown(study_state(logs, NOW), 100))
    assert "model  resolution  n=64  n=128" in lines
    assert "a              32  ✓" in lines
    assert "b              32        ·" in lines


def test_two_thousand_runs_are_counted_right() -> None:
    study = large(10, 10, 10, 2)
    # In turn, of seven states of which two are failures.
    each, left = divmod(2000, len(STATES))
    line = rows_of(shown(study, 120, 30))[2]
    assert left == 5
    assert line == (
        f"{each + 1}/2000 done · {each + 1} running · {each + 1} to evaluate · {each + 1} silent"
        f" · {2 * each + 1} failed · {each} waiting"
    )


def test_where_the_encoding_lacks_the_signs_they_are_ascii() -> None:
    text = shown(one_of_each(), 60, 24, Words("ascii", UTC))
    assert text.isascii()
    assert "+>e!xx." in text
    assert "x failed" in text


def test_names_and_reasons_of_others_are_shown_as_they_are_and_move_no_cursor() -> None:
    evil = "[red]\x1b[2J\u202e<b>\udcff"
    logs = {
        Run("m", 32, 64, 0): state_of(
            [*training(), row("on_exception", 60, error=f"E: {evil} [/red]")]
        )
    }
    text = shown(study_state(logs, NOW, name=evil, folder=evil), 100)
    assert "[red] [2J <b>" in text
    assert "E: [red]" in text
    assert not set(text) & {"\x1b", "\u202e", "\udcff"}


def test_a_wide_name_is_cut_by_its_columns_and_keeps_its_end() -> None:
    assert WORDS.cut_name("resnet_with_dropout_05", 12) == "resnet…ut_05"
    assert cell_len(WORDS.cut_name("模型模型模型模型", 7)) <= 7
    assert Words("ascii").cut("abcdefgh", 6) == "abc..."
    assert all(cell_len(WORDS.cut("模型x", width)) <= width for width in range(6))
    name = WORDS.run(Run("a_model_of_a_long_name", 32, "all", 7), 30)
    assert cell_len(name) <= 30
    assert name.endswith("/res32/nall/seed7")


# Words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "?"),
        (0.4, "0:00"),
        (12, "0:12"),
        (59.6, "1:00"),
        (3599, "59:59"),
        (3600, "1:00:00"),
        (90061, "1d 01:01"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "?"),
        (0.0, "0"),
        (0.0123, "0.01"),
        (9.99, "9.99"),
        (9.996, "10.0"),
        (99.96, "100"),
        (1e6, None),
    ],
)
def test_rates(value: float | None, text: str | None) -> None:
    assert rate(value) == (text or "1,000,000")


def test_the_expected_end_is_a_time_or_a_question_mark_with_its_reason() -> None:
    cell = [Run("a", 32, 64, seed) for seed in range(3)]
    done = {cell[0]: state_of(finished(50))}
    assert expected_end(study_state(done, NOW), WORDS) == "all runs have ended"
    known = study_state({**done, cell[1]: state_of([])}, NOW)
    assert expected_end(known, WORDS) == "end expected 12:02 UTC, in 0:50"
    far = study_state({**done, cell[1]: state_of([])}, ZERO + 200, planned_steps=lambda run: None)
    assert "12:0" in expected_end(far, WORDS)
    unknown = study_state({**done, Run("b", 32, 64, 0): state_of([])}, NOW)
    assert expected_end(unknown, WORDS) == (
        "end expected ? (nothing is known yet of 1 run that remains)"
    )
    idle = study_state({**done, cell[1]: state_of([])}, ZERO + 9000)
    assert expected_end(idle, WORDS) == "end expected ? (nothing is in training)"
    evaluating = study_state({cell[0]: state_of(trained(50))}, NOW)
    assert expected_end(evaluating, WORDS) == "end expected ? (only evaluations remain)"


def test_a_time_of_another_day_has_its_day() -> None:
    assert WORDS.time(ZERO + 3600, ZERO) == "13:00 UTC"
    assert WORDS.time(ZERO + 86400, ZERO) == "2026-03-02 12:00 UTC"


def test_notes_say_where_the_state_comes_from() -> None:
    runs = [Run("a", 32, 64, seed) for seed in range(6)]
    study = study_state(
        {runs[0]: state_of([])},
        NOW,
        outside={run: state_of(training(80, done=1)) for run in runs[1:]},
        notes=Notes("study.yaml\nis not there", [], {runs[0]: 2}, {runs[1]: "Permission denied"}),
    )
    text = notes(study, WORDS)
    assert text[0].startswith("no plan: study.yaml is not there; only runs that have a folder")
    assert text[1].startswith("5 runs outside the plan, 5 of them running: a/res32/n64/seed1, ")
    assert text[1].endswith("and 1 more")
    assert text[2] == (
        "2 lines of event logs could not be read, and were left out: a/res32/n64/seed0"
    )
    assert text[3] == "1 event log cannot be opened: a/res32/n64/seed1 (Permission denied)"
    assert all(sentence in shown(study, 400) for sentence in text)


# JSON


def test_the_document_is_strict_json_with_every_run() -> None:
    study = one_of_each()
    content = json.loads(json.dumps(document(study), allow_nan=False))
    assert content["counts"] == {
        "done": 1,
        "running": 1,
        "to evaluate": 1,
        "silent": 1,
        "failed": 2,
        "waiting": 1,
    }
    runs = {run["seed"]: run for run in content["runs"]}
    assert [run["state"] for run in content["runs"]] == [str(view.state) for view in study.runs]
    assert (runs[1]["epochs_done"], runs[1]["epochs"], runs[1]["left_sec"]) == (1, 5, 30)
    assert runs[4]["reason"] == "diverged: the loss is nan"
    assert runs[6]["last_event_utc"] is None
    assert content["time_utc"] == "2026-03-01T12:01:40.000+00:00"
