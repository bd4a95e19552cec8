"""What evaluations of event tokenizers say of each signal and each corruption, run by run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from studygrid.figures.largest_place import Place, facts_at
from studygrid.results.study_results import StudyResults
from studygrid.statistics.intervals import Summary, summarise

COLUMNS = [
    "model",
    "seed",
    "name",
    "events",
    "auroc",
    "auroc_low",
    "auroc_high",
    "efficiency_1pct",
    "efficiency_01pct",
]

_SIGNAL_WORDS = {"xy": "W′ → XY", "wz": "W′ → WZ", "tt": "Z′ → tt"}
_CORRUPTION_WORDS = {"noise": "noise", "token_shuffle": "token shuffle"}


def signal_runs(study: StudyResults, place: Place) -> pd.DataFrame:
    """Return what each run at a place that ended well says of each signal.

    Returns
    -------
    One row a run and signal that has an AUROC, models in the order of the config and signals in
        that of the data: `model`, `seed`, `name`, `events`, `auroc`, and the ends of its 95 %
        DeLong interval within the run, `auroc_low` and `auroc_high`, and the shares of the signal
        that pass with 1 % and 0.1 % of the background, `efficiency_1pct` and `efficiency_01pct`;
        NaN where it has none.
    """
    return _runs_of(study, place, "signals")


def corrupted_runs(study: StudyResults, place: Place) -> pd.DataFrame:
    """Return what each run at a place says of the background, corrupted: as `signal_runs`.

    It has no interval within the run: the two samples are of the same events.
    """
    return _runs_of(study, place, "corrupted")


def _runs_of(study: StudyResults, place: Place, fact: str) -> pd.DataFrame:
    rows = [
        {"model": model, "seed": seed, "name": name, **values, **_efficiencies(values)}
        for model in study.order["model"]
        for seed, facts in facts_at(study, place, model).items()
        for name, values in _known(facts.scored.get(fact)).items()
    ]
    found = pd.DataFrame(rows, columns=COLUMNS)
    numbers = dict.fromkeys(COLUMNS[COLUMNS.index("auroc") :], float)
    return found.astype({**numbers, "events": "Int64"}).dropna(subset=["auroc"])


def _known(fact: Any) -> Mapping[str, Mapping[str, Any]]:
    """Return the entries of a fact that have an AUROC; collected files may have anything."""
    if not isinstance(fact, Mapping):
        return {}
    return {
        str(name): values
        for name, values in fact.items()
        if isinstance(values, Mapping) and isinstance(values.get("auroc"), float | int)
    }


def _efficiencies(values: Mapping[str, Any]) -> dict[str, float]:
    return {
        f"efficiency_{share}": passing["efficiency"]
        for share in ("1pct", "01pct")
        if isinstance(passing := values.get(share), Mapping)
        and isinstance(passing.get("efficiency"), float | int)
    }


def names_in(runs: pd.DataFrame) -> list[str]:
    """Return the signals or corruptions of some runs, in their order."""
    return [str(name) for name in dict.fromkeys(runs["name"])]


def of_runs(runs: pd.DataFrame, model: str, name: str) -> pd.DataFrame:
    """Return the rows of a model and a signal."""
    return runs.loc[(runs["model"] == model) & (runs["name"] == name)]


def mean_of(runs: pd.DataFrame) -> Summary:
    """Return the AUROC of some runs in numbers, with the interval over their seeds."""
    return summarise(runs["auroc"].to_numpy(float))


def within_run(runs: pd.DataFrame) -> tuple[float, float] | None:
    """Return the mean ends of the intervals within some runs, or None where none has one."""
    ends = runs[["auroc_low", "auroc_high"]].dropna().mean()
    return None if ends.isna().any() else (float(ends.iloc[0]), float(ends.iloc[1]))


def signal_words(name: str) -> str:
    """Return a signal as a heading; one of the user's own stands as it is."""
    return _SIGNAL_WORDS.get(name, name)


def corruption_words(name: str) -> str:
    """Return a corruption in words."""
    return _CORRUPTION_WORDS.get(name, name.replace("_", " "))


def event_words(counts: Sequence[int]) -> str:
    """Return how many events, of counts that may differ between runs."""
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def background_events(study: StudyResults, place: Place, models: Sequence[str]) -> list[int]:
    """Return how many background events the test split of each run has."""
    return [
        count
        for model in models
        for facts in facts_at(study, place, model).values()
        if isinstance(count := facts.scored.get("background_events"), int)
    ]
