"""Watching a study until it ends: a live screen, or a line whenever something has changed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.live import Live

from studygrid.grid import Run
from studygrid.status.reader import StudyReader
from studygrid.status.run_view import RunView
from studygrid.status.screen import counts, expected_end, screen
from studygrid.status.states import State
from studygrid.status.study_state import StudyState
from studygrid.status.words import Words

# Where no Snakemake is seen, one may be on a host whose signs of life come late.
RETRY_SEC = 60.0
_NAMED = 8


def watch(reader: StudyReader, console: Console, words: Words, interval: float) -> None:
    """Show a study until every run of it is done or has failed, or until it is interrupted."""
    with contextlib.suppress(KeyboardInterrupt):
        if console.is_terminal and not console.is_dumb_terminal:
            _watch_live(reader, console, words, interval)
        else:
            _watch_lines(reader, console, words, interval)


def has_ended(study: StudyState) -> bool:
    """Tell whether nothing more is to be expected of a study.

    What a machine failed, the Snakemake that runs may try again.
    """
    return all(view.has_ended and not _may_be_tried_again(view, study) for view in study.runs)


def _may_be_tried_again(view: RunView, study: StudyState) -> bool:
    if view.state is not State.FAILED or view.is_result:
        return False
    return study.snakemake is not None or view.age_sec is None or view.age_sec <= RETRY_SEC


def _watch_live(reader: StudyReader, console: Console, words: Words, interval: float) -> None:
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for study in _states(reader, interval):
            # One line less: the cursor stands below the last.
            live.update(screen(study, words, console.width, console.height - 1), refresh=True)


def _watch_lines(reader: StudyReader, console: Console, words: Words, interval: float) -> None:
    before: dict[Run, State] | None = None
    for study in _states(reader, interval):
        now = {view.run: view.state for view in study.runs}
        if now != before:
            console.print(change_line(study, before, words), soft_wrap=True, markup=False)
        before = now


def _states(reader: StudyReader, interval: float) -> Iterator[StudyState]:
    while True:
        study = reader.read()
        yield study
        if has_ended(study):
            return
        time.sleep(interval)


def change_line(study: StudyState, before: Mapping[Run, State] | None, words: Words) -> str:
    """Return one line: the counts, the expected end, and the runs whose state has changed."""
    changed = [
        f"{words.run(view.run)} {view.state}"
        for view in study.runs
        if before is not None and before.get(view.run) is not view.state
    ]
    if len(changed) > _NAMED:
        changed[_NAMED:] = [f"and {len(changed) - _NAMED} more"]
    told = ", ".join(text for text, _ in counts(study))
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(study.now))
    return "; ".join(filter(None, [f"{moment} {told}", expected_end(study, words), *changed]))
