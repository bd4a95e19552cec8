"""Whether models that are trained beat those that are only fitted."""

from __future__ import annotations

from typing import Any

import pandas as pd

from studygrid.figures.largest_place import Place
from studygrid.report.answers.answer import in_sentence
from studygrid.report.learned.part import Part, change, change_words, side, values_at
from studygrid.report.numbers import counted, listed
from studygrid.results.one_setting import fitted_models
from studygrid.results.study_results import StudyResults
from studygrid.statistics.comparisons import Comparison
from studygrid.tables.contents import Table

METRICS = ("elbo", "prior_cooccurrence_js")


def baseline_part(study: StudyResults, place: Place) -> Part | None:
    """Return how each trained model compares with each baseline; None without both."""
    fitted = fitted_models(study.plan)
    sentences: list[str] = []
    rows: list[dict[str, Any]] = []
    for name in METRICS:
        values = values_at(place, name)
        trained = [model for model in study.order["model"] if model in values]
        trained = [model for model in trained if model not in fitted]
        for baseline in fitted:
            if baseline not in values:
                continue
            found = {model: change(values[baseline], values[model]) for model in trained}
            found = {model: one for model, one in found.items() if one.n}
            if found:
                sentences += _sentences(study, name, baseline, found)
                rows += _rows(study, name, baseline, found)
    if not sentences:
        return None
    return Part("Against the baselines", tuple(sentences), _table(rows))


def _sentences(
    study: StudyResults, name: str, baseline: str, found: dict[str, Comparison]
) -> list[str]:
    metric = study.family.metric(name)
    label, sign = in_sentence(metric.label), 1 if metric.higher_is_better else -1
    sides = {model: side(one) for model, one in found.items()}
    known = {model: sign * where for model, where in sides.items() if where is not None}
    best = max(found, key=lambda model: sign * _difference(found[model]))
    largest = f"the best difference is that of {best}, {change_words(found[best], metric.unit)}"
    if not known:
        return [
            f"{_start(label, baseline)}, from one pair of runs each, without intervals: {largest}."
        ]
    parts = [
        f"{words}: {_named(known, value)}"
        for value, words in (
            (1, "better"),
            (0, "not told apart"),
            (-1, "worse"),
        )
        if value in known.values()
    ]
    without = len(sides) - len(known)
    rest = f"; {counted(without, 'model')} of one pair of runs without interval" if without else ""
    return [f"{_start(label, baseline)}, by the interval: {'; '.join(parts)}{rest}; {largest}."]


def _start(label: str, baseline: str) -> str:
    return f"{label[:1].upper()}{label[1:]} against {baseline}"


def _named(known: dict[str, int], value: int) -> str:
    names = [model for model, where in known.items() if where == value]
    return f"{len(names):,} of {counted(len(known), 'model')} ({listed(names)})"


def _difference(one: Comparison) -> float:
    assert one.difference is not None
    return one.difference


def _rows(
    study: StudyResults, name: str, baseline: str, found: dict[str, Comparison]
) -> list[dict[str, Any]]:
    metric = study.family.metric(name)
    heading = f"{metric.label} ({metric.unit})" if metric.unit else metric.label
    return [
        {
            "metric": heading,
            "baseline": baseline,
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
    words = {
        "metric": "Score",
        "baseline": "Baseline",
        "model": "Model",
        "difference": "Model minus baseline",
        "difference_ci_low": "95 % interval, low",
        "difference_ci_high": "95 % interval, high",
        "p_value": "p, paired t test",
        "pairs": "Pairs of runs",
    }
    numbers = ["difference", "difference_ci_low", "difference_ci_high", "p_value"]
    frame = pd.DataFrame(rows).astype(dict.fromkeys(numbers, float))
    note = (
        "Model minus baseline, paired by seed, so with the same training subset: the mean with its "
        "95 % Student-t interval, and the p value of the paired t test, not corrected for there "
        "being several."
    )
    return Table("baselines", "Trained models minus baselines", note, frame, tuple(words), words)
