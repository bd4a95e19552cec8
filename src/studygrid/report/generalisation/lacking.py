"""Which runs of the pairs have no score, and that no run was left out for a poor one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from studygrid.report.learned.part import Part
from studygrid.report.numbers import counted, listed
from studygrid.results.pairs import Pair
from studygrid.results.study_results import StudyResults

_MOST_NAMED = 6
_THEM = {False: "it", True: "them"}


def lacking_part(study: StudyResults, pairs: Sequence[Pair]) -> Part:
    """Return what became of the planned runs of the pairs."""
    models = {name for pair in pairs for name in (pair.first, pair.second)}
    frame = study.frame.loc[study.frame["model"].isin(models)]
    rule = "No run was left out for a poor score: means are over all runs that have one."
    without = _without_a_metric(study, frame.loc[frame["status"] == "ok"])
    return Part("Runs without a score", (_ended(frame), *without, rule))


def _ended(frame: pd.DataFrame) -> str:
    """Return what became of the planned runs."""
    bad = frame.loc[frame["status"] != "ok"]
    planned = counted(len(frame), "planned run")
    if bad.empty:
        return f"All {planned} of the pairs ended well."
    ways = [f"{count:,} {status}" for status, count in bad["status"].value_counts().items()]
    named = [f"{_name(row)} ({row['status']})" for row in bad.to_dict("records")]
    return (
        f"{len(bad):,} of {planned} of the pairs {'has' if len(bad) == 1 else 'have'} no score "
        f"({listed(ways)}): {listed(named, _MOST_NAMED)}. The other run of such a pair is in no "
        "difference; its cell's mean has it."
    )


def _without_a_metric(study: StudyResults, ok: pd.DataFrame) -> list[str]:
    """Return which metrics have no value in which of the runs that ended well."""
    found: dict[tuple[int, ...], list[str]] = {}
    for metric in study.family.metrics:
        lacking = ok.index[ok[f"test_{metric.name}"].isna()].tolist()
        if lacking:
            found.setdefault(tuple(lacking), []).append(metric.label)
    return [_metric_words(ok, list(runs), labels) for runs, labels in found.items()]


def _metric_words(ok: pd.DataFrame, runs: list[int], labels: list[str]) -> str:
    what = listed(labels, len(labels))
    if len(runs) == len(ok):
        return f"None of {counted(len(ok), 'run')} that ended well has a value of {what}."
    named = [_name(row) for row in ok.loc[runs].to_dict("records")]
    return (
        f"{len(runs):,} of {counted(len(ok), 'run')} that ended well "
        f"{'has' if len(runs) == 1 else 'have'} no value of {what}, which is no poor score but "
        f"none: {listed(named, _MOST_NAMED)}. Means of it are without {_THEM[len(runs) > 1]}."
    )


def _name(row: Mapping[Hashable, Any]) -> str:
    return f"{row['model']} at {row['n_train']}, seed {row['seed']}"
