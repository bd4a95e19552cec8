"""Rows drawn from the prior against the rows of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from studygrid.figures.largest_place import Place, facts_at
from studygrid.report.answers.answer import in_sentence
from studygrid.report.learned.part import Part, is_alike, mean_words, side, values_at
from studygrid.report.numbers import counted, listed, number
from studygrid.results.study_results import StudyResults
from studygrid.statistics.intervals import Summary, summarise
from studygrid.tables.contents import Table

_ALL_DIFFERENT_WORDS = (
    "No two test rows are alike, as duplicates are dropped from the data: rows that are drawn one "
    "by one, were it from the very distribution of the data, may repeat each other."
)
_ALL_DIFFERENT = 100.0
DIVERGENCE = "prior_cooccurrence_js"
_TEST_ROWS = "(test rows)"


@dataclass(frozen=True)
class _Measure:
    """What is measured of samples and of the test rows.

    Attributes
    ----------
    name
        The fact of an evaluation, or else the metric, that is of samples.
    of_data
        The fact that is of the test rows.
    """

    name: str
    of_data: str
    words: str
    heading: str
    unit: str


_MEASURES = (
    _Measure(
        "prior_unique_percent",
        "data_unique_percent",
        "Different combinations of tags, in % of the rows",
        "Different combinations (%)",
        "%",
    ),
    _Measure("prior_entropy_nats", "data_entropy_nats", "Entropy", "Entropy (nats)", "nats"),
    _Measure("prior_tags_per_row", "data_tags_per_row", "Tags a row", "Tags a row", "tags"),
)


def sample_part(study: StudyResults, place: Place) -> Part | None:
    """Return how prior samples differ from the test rows; None where none were drawn."""
    models = [model for model in study.order["model"] if model in set(place.ok["model"])]
    found, of_data = _measured(study, place, models)
    sentences = [
        _against(measure, found[measure.name], of_data[measure.name])
        for measure in _MEASURES
        if measure.name in of_data and found[measure.name]
    ]
    if sentences and of_data.get("prior_unique_percent") == _ALL_DIFFERENT:
        sentences.insert(1, _ALL_DIFFERENT_WORDS)
    divergences = {
        model: summarise(list(values.values()))
        for model, values in values_at(place, DIVERGENCE).items()
    }
    sentences += _together(study, divergences)
    if not sentences:
        return None
    table = _table(models, found, divergences, of_data)
    return Part("Prior samples against the data", tuple(sentences), table)


def _measured(
    study: StudyResults, place: Place, models: list[str]
) -> tuple[dict[str, dict[str, Summary]], dict[str, float]]:
    """Return each measure of the samples of each model, and of the test rows, where known."""
    found: dict[str, dict[str, Summary]] = {measure.name: {} for measure in _MEASURES}
    of_data: dict[str, float] = {}
    for model in models:
        every = list(facts_at(study, place, model).values())
        for measure in _MEASURES:
            known = [facts.scored.get(measure.of_data) for facts in every]
            of_rows = next((value for value in known if isinstance(value, int | float)), None)
            if of_rows is not None:
                of_data[measure.name] = float(of_rows)
            values = [facts.scored.get(measure.name) for facts in every]
            there = [float(value) for value in values if isinstance(value, int | float)]
            there = there or list(values_at(place, measure.name).get(model, {}).values())
            if there:
                found[measure.name][model] = summarise(there)
    return found, of_data


def _against(measure: _Measure, found: Mapping[str, Summary], data: float) -> str:
    """Say on which side of the test rows the intervals of the models lie."""
    start = f"{measure.words}: {number(data)} {'' if measure.unit == '%' else measure.unit}".strip()
    single = [model for model, own in found.items() if own.n == 1]
    alike = {model: own for model, own in found.items() if is_alike(own)}
    sides = {model: side(own, data) for model, own in found.items() if model not in alike}
    known = {model: where for model, where in sides.items() if where is not None}
    if len(single) == len(found):
        return f"{start} of the test rows; of prior samples {_values(found)}, from one run each."
    parts = [
        f"{words} {_of(model for model, where in known.items() if where == value)}"
        for value, words in (
            (-1, "lies below it for"),
            (0, "holds it for"),
            (1, "lies above it for"),
        )
        if value in known.values()
    ]
    rest = [f"The interval of prior samples {'; '.join(parts)}."] if parts else []
    rest += [f"In every run the same: {_values(alike)}."] if alike else []
    rest += [f"Of one run: {_values({name: found[name] for name in single})}."] if single else []
    return " ".join([f"{start} of the test rows.", *rest])


def _values(found: Mapping[str, Summary]) -> str:
    return listed([f"{model} {number(_mean(own))}" for model, own in found.items()], 12)


def _mean(own: Summary) -> float:
    assert own.mean is not None
    return own.mean


def _of(models: Any) -> str:
    names = list(models)
    return f"{counted(len(names), 'model')} ({listed(names)})"


def _together(study: StudyResults, found: Mapping[str, Summary]) -> list[str]:
    """Say whose samples have tags together most and least as the data has."""
    if not found:
        return []
    metric = study.family.metric(DIVERGENCE)
    order = sorted(found, key=lambda model: _mean(found[model]))
    first, last = order[0], order[-1]
    name = in_sentence(metric.label)
    best = f"{first} ({mean_words(found[first], metric.unit)})"
    if first == last:
        return [f"Which tags are together: {name} from the data of {best}."]
    worst = f"{last} ({mean_words(found[last], metric.unit)})"
    return [
        f"Which tags are together: nearest to the data by {name} are the samples of {best}, "
        f"farthest those of {worst}."
    ]


def _table(
    models: list[str],
    found: Mapping[str, Mapping[str, Summary]],
    divergences: Mapping[str, Summary],
    of_data: Mapping[str, float],
) -> Table:
    columns = {**found, DIVERGENCE: divergences}
    rows: list[dict[str, Any]] = [{"model": _TEST_ROWS, **of_data}] if of_data else []
    for model in models:
        own = {name: values[model].mean for name, values in columns.items() if model in values}
        if own:
            rows.append({"model": model, **own})
    words = {
        "model": "Model",
        **{measure.name: measure.heading for measure in _MEASURES},
        DIVERGENCE: "Co-occurrence, Jensen-Shannon",
    }
    frame = pd.DataFrame(rows)
    main = tuple(name for name in words if name in frame)
    frame = frame[list(main)].astype(dict.fromkeys(main[1:], float))
    note = "Means over the runs of each model, of as many prior samples as there are test rows."
    return Table("samples", "Prior samples", note, frame, main, words)
