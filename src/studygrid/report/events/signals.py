"""How well models that were trained on background alone tell each signal from it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from studygrid.figures import signal_numbers as numbers
from studygrid.figures.largest_place import Place
from studygrid.report.events.kinds import SUPERVISED, models_of
from studygrid.report.learned.part import Part, is_alike, mean_words, side
from studygrid.report.numbers import counted, listed, number
from studygrid.results.study_results import StudyResults
from studygrid.statistics.intervals import Summary
from studygrid.tables.contents import Table

_GUESS = 0.5
_SHARE = 0.01
_EFFICIENCIES = ("efficiency_1pct", "efficiency_01pct")
_HEADINGS = {
    "signal": "Signal",
    "model": "Model",
    "auroc": "AUROC, mean",
    "ci_low": "95 % over seeds, low",
    "ci_high": "95 % over seeds, high",
    "within_low": "95 % DeLong in a run, low",
    "within_high": "95 % DeLong in a run, high",
    "efficiency_1pct": "Signal at 1 % background",
    "efficiency_01pct": "Signal at 0.1 % background",
    "events": "Signal events",
    "runs": "Runs",
}


def signal_part(study: StudyResults, place: Place) -> Part | None:
    """Return what the AUROC against each signal says; None where no run has one."""
    runs = numbers.signal_runs(study, place)
    if runs.empty:
        return None
    names = numbers.names_in(runs)
    sentences = [_sentence(study, runs, name) for name in names]
    sentences += [_tail(study, runs, name) for name in names]
    sentences.append(
        "0.5 is a guess. The model named is the best by these test events, which flatters it."
    )
    return Part(
        "Signals against background",
        (*filter(None, sentences), *_few(study, place)),
        _table(study, runs),
    )


def _sentence(study: StudyResults, runs: pd.DataFrame, name: str) -> str:
    seen = set(models_of(study, SUPERVISED))
    means = {
        model: numbers.mean_of(own)
        for model in study.order["model"]
        if model not in seen and not (own := numbers.of_runs(runs, model, name)).empty
    }
    words = numbers.signal_words(name)
    if not means:
        return f"{words}: no model that has seen no signal has a result."
    best = max(means, key=lambda model: _mean(means[model]))
    within = numbers.within_run(numbers.of_runs(runs, best, name))
    spread = (
        f" (other test events: {number(within[0])} to {number(within[1])} in a run)"
        if within
        else ""
    )
    return (
        f"{words}: of the models that have seen no signal, {best} has the highest mean AUROC, "
        f"{mean_words(means[best], '')}{spread}. {_above(means)}"
    )


def _tail(study: StudyResults, runs: pd.DataFrame, name: str) -> str:
    """Return what passes where little of the background does, of models without signals."""
    seen = models_of(study, SUPERVISED)
    own = runs.loc[(runs["name"] == name) & ~runs["model"].isin(seen)]
    means = own.groupby("model", sort=False)["efficiency_1pct"].mean().dropna()
    if means.empty:
        return ""
    best, most = str(means.idxmax()), float(means.max())
    below = means.index[means <= _SHARE].tolist()
    words = (
        f"{numbers.signal_words(name)}: at 1 % of the background {best} passes the most signal, "
        f"{number(100 * most)} % on average"
    )
    if not below:
        return f"{words}."
    who = f"{len(below):,} of {counted(len(means), 'model')}"
    if len(below) == len(means) > 1:
        who = f"all {len(means):,} models"
    verb = "passes" if len(below) == 1 else "pass"
    return f"{words}; {who} {verb} no more than 1 %, which is what a guess passes."


def _mean(found: Summary) -> float:
    assert found.mean is not None
    return found.mean


def _above(means: dict[str, Summary]) -> str:
    """Return how many models are better than a guess, by their intervals."""
    # Runs that are all alike have an interval of no width, which says nothing of how sure it is.
    sides = {model: None if is_alike(one) else side(one, _GUESS) for model, one in means.items()}
    known = [model for model, where in sides.items() if where is not None]
    if not known:
        above = [model for model, one in means.items() if _mean(one) > _GUESS]
        verb = "lies" if len(above) == 1 else "lie"
        number_of = counted(len(means), "model")
        return f"{len(above):,} of {number_of} {verb} above 0.5, without an interval over seeds."
    parts = [
        f"{words} for {_named(found, len(sides))}"
        for value, words in ((1, "lies above 0.5"), (0, "holds 0.5"), (-1, "lies below 0.5"))
        if (found := [model for model in known if sides[model] == value])
    ]
    alone = len(sides) - len(known)
    rest = f"; {counted(alone, 'model')} without one" if alone else ""
    return f"The interval over seeds {'; it '.join(parts)}{rest}."


def _named(models: list[str], of: int) -> str:
    return f"all {of:,}" if len(models) == of > 1 else listed(models)


def _few(study: StudyResults, place: Place) -> list[str]:
    """Return how few background events the efficiencies rest on."""
    counts = numbers.background_events(study, place, study.order["model"])
    if not counts:
        return []
    least = min(counts)
    passing = [int(least * share + 1e-9) for share in (0.01, 0.001)]
    return [
        f"Of {least:,} background events at most {passing[0]:,} pass at 1 % and {passing[1]:,} at "
        "0.1 %: signal efficiencies there are as uncertain as so small numbers are."
    ]


def _table(study: StudyResults, runs: pd.DataFrame) -> Table:
    rows: list[dict[str, Any]] = []
    for name in numbers.names_in(runs):
        for model in study.order["model"]:
            own = numbers.of_runs(runs, model, name)
            if not own.empty:
                rows.append(_row(own, name, model))
    floats = [column for column in _HEADINGS if column not in ("signal", "model", "events", "runs")]
    frame = pd.DataFrame(rows)[list(_HEADINGS)].astype(dict.fromkeys(floats, float))
    note = (
        "Means over the seeds with their 95 % Student-t intervals. DeLong's interval is of one "
        "run, its ends averaged over the runs. Signal at so much background is the share of the "
        "signal that passes a threshold that at most this share of the background passes."
    )
    title = "AUROC and efficiency by signal"
    return Table("signals", title, note, frame, tuple(_HEADINGS), _HEADINGS)


def _row(own: pd.DataFrame, name: str, model: str) -> dict[str, Any]:
    found, within = numbers.mean_of(own), numbers.within_run(own)
    return {
        "signal": numbers.signal_words(name),
        "model": model,
        "auroc": found.mean,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "within_low": within[0] if within else None,
        "within_high": within[1] if within else None,
        **{share: own[share].mean() for share in _EFFICIENCIES},
        "events": own["events"].max(),
        "runs": found.n,
    }
