"""What the score makes of corrupted background, which is no signal."""

from __future__ import annotations

from typing import Any

import pandas as pd

from studygrid.figures import signal_numbers as numbers
from studygrid.figures.largest_place import Place
from studygrid.report.learned.part import Part, mean_words
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table

_RULE = (
    "Corrupted background is no signal: these AUROCs say whether the score reacts to noise on the "
    "tokens, or to tokens that exchanged their places, and nothing of how a signal is found. They "
    "are in no mean with those of signals."
)
_HEADINGS = {
    "corruption": "Corruption",
    "model": "Model",
    "auroc": "AUROC against itself, mean",
    "ci_low": "95 % over seeds, low",
    "ci_high": "95 % over seeds, high",
    "runs": "Runs",
}


def corrupted_part(study: StudyResults, place: Place) -> Part | None:
    """Return the AUROC of the background against itself corrupted; None where no run has one."""
    runs = numbers.corrupted_runs(study, place)
    if runs.empty:
        return None
    names = numbers.names_in(runs)
    sentences = [_RULE, *(_sentence(study, runs, name) for name in names)]
    rows = [
        row
        for name in names
        for model in study.order["model"]
        if (row := _row(runs, name, model)) is not None
    ]
    frame = pd.DataFrame(rows)[list(_HEADINGS)]
    frame = frame.astype(dict.fromkeys(["auroc", "ci_low", "ci_high"], float))
    note = (
        "The background events against the same events corrupted; means over the seeds with their "
        "95 % Student-t intervals. No DeLong interval: the two samples are of the same events."
    )
    title = "Background against itself, corrupted"
    table = Table("corrupted", title, note, frame, tuple(_HEADINGS), _HEADINGS)
    return Part("Corrupted background", tuple(sentences), table)


def _sentence(study: StudyResults, runs: pd.DataFrame, name: str) -> str:
    means = {
        model: numbers.mean_of(own)
        for model in study.order["model"]
        if not (own := numbers.of_runs(runs, model, name)).empty
    }
    most = max(means, key=lambda model: means[model].mean or 0.0)
    least = min(means, key=lambda model: means[model].mean or 0.0)
    words = numbers.corruption_words(name)
    start = f"{words[:1].upper()}{words[1:]}: AUROC {mean_words(means[most], '')} of {most}"
    if least == most:
        return f"{start}."
    return f"{start}, the highest, and {mean_words(means[least], '')} of {least}, the lowest."


def _row(runs: pd.DataFrame, name: str, model: str) -> dict[str, Any] | None:
    own = numbers.of_runs(runs, model, name)
    if own.empty:
        return None
    found = numbers.mean_of(own)
    return {
        "corruption": numbers.corruption_words(name),
        "model": model,
        "auroc": found.mean,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "runs": found.n,
    }
