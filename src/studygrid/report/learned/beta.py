"""What the weight of the KL did: pairs of models that differ in it alone."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pandas as pd

from studygrid.figures.largest_place import Place
from studygrid.report.learned.part import Part, change, change_words, pair_words, values_at
from studygrid.results.one_setting import models_along, settings_of
from studygrid.results.study_results import StudyResults
from studygrid.statistics.comparisons import Comparison
from studygrid.tables.contents import Table

SETTING = "loss.beta"
_WORDS = {
    "kl": "rate (KL)",
    "bce": "distortion (BCE)",
    "elbo": "ELBO",
    "active_units_percent": "share of active units",
    "prior_unique_percent": "share of different combinations among prior samples",
    "prior_cooccurrence_js": "Jensen-Shannon divergence of their co-occurrence from the data's",
}
_HEADINGS = {
    "kl": "Rate (nats)",
    "bce": "Distortion (nats)",
    "elbo": "ELBO (nats)",
    "active_units_percent": "Active units (%)",
    "prior_unique_percent": "Different combinations (%)",
    "prior_cooccurrence_js": "Co-occurrence, Jensen-Shannon",
}


def beta_part(study: StudyResults, place: Place) -> Part | None:
    """Return the changes from each β to the next; None where β does not vary."""
    betas = settings_of(study.plan, SETTING)
    if len({float(beta) for beta in betas.values()}) < 2:
        return None
    values = {name: values_at(place, name) for name in _WORDS}
    sentences, rows = [], []
    for group in models_along(study.plan, SETTING):
        there = [model for model in group if model in values["kl"]]
        for first, second in pairwise(there):
            found = {
                name: change(own[first], own[second])
                for name, own in values.items()
                if first in own and second in own
            }
            found = {name: one for name, one in found.items() if one.n}
            if found and group[first] != group[second]:
                sentences.append(_sentence(study, first, second, group, found))
                rows += _rows(study, first, second, group, found)
    title = "What β did"
    if not sentences:
        text = (
            "No two models that differ in β alone share a seed there, so what β did cannot be "
            "told from the rest."
        )
        return Part(title, (text,))
    return Part(title, tuple(sentences), _table(rows))


def _sentence(
    study: StudyResults,
    first: str,
    second: str,
    betas: dict[str, float],
    found: dict[str, Comparison],
) -> str:
    changes = [
        f"{_WORDS[name]} {change_words(one, study.family.metric(name).unit)}"
        for name, one in found.items()
    ]
    return (
        f"From β = {betas[first]:g} ({first}) to β = {betas[second]:g} ({second}), mean "
        f"changes over {pair_words(list(found.values()))}: {'; '.join(changes)}."
    )


def _rows(
    study: StudyResults,
    first: str,
    second: str,
    betas: dict[str, float],
    found: dict[str, Comparison],
) -> list[dict[str, Any]]:
    return [
        {
            "first": first,
            "first_beta": f"{betas[first]:g}",
            "second": second,
            "second_beta": f"{betas[second]:g}",
            "metric": _HEADINGS[name],
            "difference": one.difference,
            "difference_ci_low": one.ci_low,
            "difference_ci_high": one.ci_high,
            "pairs": one.n,
        }
        for name, one in found.items()
    ]


def _table(rows: list[dict[str, Any]]) -> Table:
    words = {
        "first": "From",
        "first_beta": "β",
        "second": "To",
        "second_beta": "β there",
        "metric": "Change of",
        "difference": "Change",
        "difference_ci_low": "95 % interval, low",
        "difference_ci_high": "95 % interval, high",
        "pairs": "Pairs of runs",
    }
    numbers = ["difference", "difference_ci_low", "difference_ci_high"]
    frame = pd.DataFrame(rows).astype(dict.fromkeys(numbers, float))
    note = (
        "Second minus first, paired by seed: the mean with its 95 % Student-t interval; one pair "
        "of runs has none. The two models differ in β and in no other setting that is known."
    )
    return Table("beta", "What β changed", note, frame, tuple(words), words)
