"""Autoencoders beside the isolation forest, and beside a classifier that has seen the signals."""

from __future__ import annotations

from typing import Any

import pandas as pd

from studygrid.figures import signal_numbers as numbers
from studygrid.figures.largest_place import Place
from studygrid.report.events.kinds import FOREST, SUPERVISED, models_of
from studygrid.report.learned.part import Part, change, change_words, mean_words, side
from studygrid.report.numbers import counted, listed
from studygrid.results.one_setting import fitted_models
from studygrid.results.study_results import StudyResults
from studygrid.statistics.comparisons import Comparison
from studygrid.tables.contents import Table

_SEEN = (
    "{} has seen labelled events of the signals, which no search has: it is no anomaly detector, "
    "and shows how far the globals alone tell these signals from the background."
)
_HEADINGS = {
    "signal": "Signal",
    "reference": "Reference",
    "model": "Model",
    "difference": "AUROC, model minus reference",
    "difference_ci_low": "95 % interval, low",
    "difference_ci_high": "95 % interval, high",
    "p_value": "p, paired t test",
    "pairs": "Pairs of runs",
}
_NOTE = (
    "Model minus reference, paired by seed, so with the same training subset: the mean with its "
    "95 % Student-t interval, and the p value of the paired t test, not corrected for there being "
    "several."
)


def reference_part(study: StudyResults, place: Place) -> Part | None:
    """Return how the autoencoders compare with the references; None without both."""
    runs = numbers.signal_runs(study, place)
    fitted = fitted_models(study.plan)
    trained = [model for model in study.order["model"] if model not in fitted]
    sentences: list[str] = []
    rows: list[dict[str, Any]] = []
    references = [*models_of(study, FOREST), *models_of(study, SUPERVISED)]
    for name in numbers.names_in(runs):
        for reference in references:
            found = _differences(runs, name, reference, trained)
            if found:
                own = numbers.mean_of(numbers.of_runs(runs, reference, name))
                start = f"{numbers.signal_words(name)} against {reference}"
                sentences.append(f"{start} (AUROC {mean_words(own, '')}), {_words(found)}.")
                rows += _rows(name, reference, found)
    if not sentences:
        return None
    there = set(runs["model"])
    seen = [model for model in models_of(study, SUPERVISED) if model in there]
    sentences += [_SEEN.format(model) for model in seen]
    return Part("Autoencoders against references", tuple(sentences), _table(rows))


def _differences(
    runs: pd.DataFrame, name: str, reference: str, trained: list[str]
) -> dict[str, Comparison]:
    base = _by_seed(runs, reference, name)
    found = {model: change(base, _by_seed(runs, model, name)) for model in trained}
    return {model: one for model, one in found.items() if one.n}


def _by_seed(runs: pd.DataFrame, model: str, name: str) -> dict[int, float]:
    own = numbers.of_runs(runs, model, name)
    return dict(zip(own["seed"].astype(int).tolist(), own["auroc"].tolist(), strict=True))


def _words(found: dict[str, Comparison]) -> str:
    best = max(found, key=lambda model: found[model].difference or 0.0)
    largest = f"the best difference is that of {best}, {change_words(found[best], '')}"
    sides = {model: where for model, one in found.items() if (where := side(one)) is not None}
    if not sides:
        return f"from one pair of runs each, without intervals, {largest}"
    parts = [
        f"{words}: {_named(models, len(sides))}"
        for value, words in ((1, "better"), (0, "not told apart"), (-1, "worse"))
        if (models := [model for model, where in sides.items() if where == value])
    ]
    without = len(found) - len(sides)
    rest = f"; {counted(without, 'model')} of one pair of runs without interval" if without else ""
    return f"by the interval {'; '.join(parts)}{rest}; {largest}"


def _named(models: list[str], of: int) -> str:
    if len(models) == of > 1:
        return f"all {of:,} autoencoders"
    return f"{listed(models)} ({len(models):,} of {of:,})"


def _rows(name: str, reference: str, found: dict[str, Comparison]) -> list[dict[str, Any]]:
    return [
        {
            "signal": numbers.signal_words(name),
            "reference": reference,
            "model": model,
            "difference": one.difference,
            "difference_ci_low": one.ci_low,
            "difference_ci_high": one.ci_high,
            "p_value": one.p_value,
            "pairs": one.n,
        }
        for model, one in found.items()
    ]


def _table(rows: list[dict[str, Any]]) -> Table:
    floats = ["difference", "difference_ci_low", "difference_ci_high", "p_value"]
    frame = pd.DataFrame(rows)[list(_HEADINGS)].astype(dict.fromkeys(floats, float))
    title = "Autoencoders minus references"
    return Table("references", title, _NOTE, frame, tuple(_HEADINGS), _HEADINGS)
