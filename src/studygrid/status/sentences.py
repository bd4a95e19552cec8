"""What is said of runs and jobs that failed or wait, in words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from studygrid.status.run_view import RunView
from studygrid.status.states import State
from studygrid.status.study_state import StudyState
from studygrid.status.words import Words, duration, epoch


def some(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def told_of(view: RunView) -> str:
    """Return what became of a run that does not run, and did not end well."""
    since = duration(view.age_sec)
    if view.state is State.SILENT:
        return f"silent in epoch {epoch(view)}: no event for {since}, {view.reason}"
    if view.state is State.TO_EVALUATE:
        return f"trained {since} ago, to evaluate"
    return f"failed: {view.reason}"


def waiting_again(views: Iterable[RunView], words: Words) -> list[tuple[str, str]]:
    """Return the runs that wait for a reason, those of one reason together, and the reasons."""
    found: dict[str, list[str]] = {}
    for view in views:
        if view.reason is not None:
            found.setdefault(view.reason, []).append(words.run(view.run))
    return [
        (names[0] if len(names) == 1 else f"{some(len(names), 'run')}, {names[0]} first", why)
        for why, names in found.items()
    ]


def advice(study: StudyState) -> list[str]:
    """Return what to do about what failed: a line a kind, and who tries it again."""
    lines = []
    for count in study.failures:
        jobs = ", ".join(
            some(number, "run" if what == "run" else f"{what} job")
            for what, number in count.jobs.items()
        )
        log = "" if count.is_result else f" ({Path(study.folder, count.log)})"
        lines.append(f"{count.kind}, {jobs}: {count.advice or 'the log says more'}{log}")
    if any(not count.is_result for count in study.failures):
        lines.append(_who_goes_on(study))
    return lines


def _who_goes_on(study: StudyState) -> str:
    if study.snakemake is not None:
        return (
            f"Snakemake runs ({study.snakemake}): what a machine failed it tries again by itself, "
            "as often as its `retries` say"
        )
    return (
        "No Snakemake runs this study: the command that started it goes on with what a machine "
        "failed, and leaves results as they are"
    )
