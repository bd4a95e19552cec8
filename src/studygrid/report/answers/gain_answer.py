"""What more data, and what a higher resolution, bought: in words."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

import pandas as pd

from studygrid.report.answers.answer import (
    Answer,
    direction,
    in_sentence,
    resolution_name,
    size_name,
    with_unit,
)
from studygrid.report.answers.gains import Gain, GainAxis, Gains, gains_along, samples_of
from studygrid.report.numbers import counted, decimals_for, fixed, interval, listed, number
from studygrid.results.one_setting import models_without_learning
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table

_NUMBERS = ("difference", "difference_ci_low", "difference_ci_high")


def gain_answer(study: StudyResults, axis: GainAxis, best_model: str, preferred: Any) -> Answer:
    """Say what the largest value of an axis has over the smallest.

    Parameters
    ----------
    best_model
        The model of the best cell, which gets a sentence of its own.
    preferred
        Where to hold the other axis, if there are runs there.
    """
    of_data = axis == "n_train"
    what = "training size" if of_data else in_sentence(study.family.resolution_label)
    title = f"What {'more training data' if of_data else f'a larger {what}'} bought"
    planned = study.order[axis]
    if len(planned) < 2:
        one = _value_name(study, axis, planned[0])
        return Answer(axis, title, (f"The study has one {what} ({one}): it cannot say.",))
    # More training data is nothing to a model that does not learn.
    fixed = models_without_learning(study.plan) if of_data else []
    frame = study.frame.loc[~study.frame["model"].isin(fixed)]
    gains = gains_along(frame, f"test_{study.metric.name}", axis, preferred)
    if gains is None:
        return Answer(axis, title, (f"No model has two scored {what}s with one seed yet.",))
    sentences = [
        _range(study, gains),
        *_sides(study, gains),
        *_best(study, gains, best_model),
        *_left_out(study, gains, planned),
        *_not_learning(fixed),
    ]
    table = _table(study, gains, title) if len(gains.of) > 1 else None
    return Answer(axis, title, tuple(sentences), table)


def _value_name(study: StudyResults, axis: GainAxis, value: Any) -> str:
    return size_name(value) if axis == "n_train" else resolution_name(study, value)


def _step(study: StudyResults, gains: Gains) -> str:
    if gains.axis == "resolution":
        low, high = resolution_name(study, gains.low), resolution_name(study, gains.high)
        return f"From {low} to {high}, with {size_name(gains.at)}"
    sizes = [f"{samples_of(study.frame, size):,}" for size in (gains.low, gains.high)]
    place = resolution_name(study, gains.at)
    return f"From {sizes[0]} to {sizes[1]} training samples, at {place}"


def _range(study: StudyResults, gains: Gains) -> str:
    metric = study.metric
    changes = [_difference(gain) for gain in gains.of]
    halves = [half for gain in gains.of if (half := _half(gain)) is not None]
    decimals = decimals_for(median(halves) if halves else None, max(changes, key=abs))
    what = f"{in_sentence(metric.label)} ({direction(metric)})"
    if len(changes) == 1:
        return f"{_step(study, gains)}, {what} changes {_change(study, gains.of[0])}."
    ends = [fixed(end, decimals, sign=True) for end in (min(changes), max(changes))]
    over = f"over {counted(len(changes), 'model')}"
    return (
        f"{_step(study, gains)}, the mean change in {what} lies between {ends[0]} and "
        f"{with_unit(ends[1], metric)} {over}, each paired by seed."
    )


def _sides(study: StudyResults, gains: Gains) -> list[str]:
    """Count on which side of nothing the intervals lie."""
    sides = [side for gain in gains.of if (side := _side(gain)) is not None]
    if not sides:
        return ["With one pair of runs a model there is no interval: this may be chance."]
    if len(gains.of) == 1:
        return []
    up, down = sides.count(1), sides.count(-1)
    without = len(gains.of) - len(sides)
    better, worse = (up, down) if study.metric.higher_is_better else (down, up)
    return [
        f"The 95 % interval of the change lies on the better side of 0 for {better:,} of "
        f"{counted(len(sides), 'model')}, on the worse side for {worse:,}, and holds 0 for "
        f"{sides.count(0):,}"
        + (
            f"; {without:,} more, of one pair of runs, {'has' if without == 1 else 'have'} none"
            if without
            else ""
        )
        + ". These intervals are not widened for there being several."
    ]


def _best(study: StudyResults, gains: Gains, model: str) -> list[str]:
    found = next((gain for gain in gains.of if gain.model == model), None)
    if found is None or len(gains.of) == 1:
        return []
    return [f"Of {model}, the model of the best cell, it changes {_change(study, found)}."]


def _change(study: StudyResults, gain: Gain) -> str:
    change, half = gain.change, _half(gain)
    amount = with_unit(number(_difference(gain), half, sign=True), study.metric)
    if change.ci_low is None or change.ci_high is None:
        return f"by {amount} (one pair of runs, so no interval)"
    holds = ", which holds 0" if _side(gain) == 0 else ""
    return (
        f"by {amount} (95 % interval {interval(change.ci_low, change.ci_high)}{holds}; "
        f"{counted(change.n, 'pair')})"
    )


def _left_out(study: StudyResults, gains: Gains, planned: list[Any]) -> list[str]:
    sentences = []
    if gains.left_out:
        where = "has" if len(gains.left_out) == 1 else "have"
        sentences.append(
            f"Left out: {listed(list(gains.left_out))}, which {where} no shared seed at both "
            "ends there."
        )
    ends = {gains.low, gains.high}
    sizes = [size for size in planned if size not in set(study.frame[gains.axis][_scored(study)])]
    if sizes and ends:
        names = listed([_value_name(study, gains.axis, size) for size in sizes])
        sentences.append(f"No run with {names} has a score, so the comparison is without it.")
    return sentences


def _not_learning(models: Sequence[str]) -> list[str]:
    if not models:
        return []
    verb = "does" if len(models) == 1 else "do"
    return [f"Not among them: {listed(list(models))}, which {verb} not learn from training data."]


def _scored(study: StudyResults) -> pd.Series[bool]:
    column = study.frame[f"test_{study.metric.name}"]
    found: pd.Series[bool] = (study.frame["status"] == "ok") & column.notna()
    return found


def _difference(gain: Gain) -> float:
    assert gain.change.difference is not None
    return gain.change.difference


def _half(gain: Gain) -> float | None:
    low, high = gain.change.ci_low, gain.change.ci_high
    return None if low is None or high is None else (high - low) / 2


def _side(gain: Gain) -> int | None:
    """Return 1 or -1 where the interval lies above or below 0, 0 where it holds it."""
    low, high = gain.change.ci_low, gain.change.ci_high
    if low is None or high is None:
        return None
    return int(low > 0) - int(high < 0)


def _table(study: StudyResults, gains: Gains, title: str) -> Table:
    rows = [
        {
            "model": gain.model,
            "difference": gain.change.difference,
            "difference_ci_low": gain.change.ci_low,
            "difference_ci_high": gain.change.ci_high,
            "pairs": gain.change.n,
        }
        for gain in gains.of
    ]
    note = (
        f"{_step(study, gains)}: mean change in {in_sentence(study.metric.label)}, paired by "
        "seed, with its 95 % Student-t interval; one pair of runs has none."
    )
    frame = pd.DataFrame(rows).astype(dict.fromkeys(_NUMBERS, float))
    headings = {
        "model": "Model",
        "difference": "Change",
        "difference_ci_low": "Change, 95 % interval, low",
        "difference_ci_high": "Change, 95 % interval, high",
        "pairs": "Pairs of runs",
    }
    title = f"{title}, by model"
    return Table(f"gain_{gains.axis}", title, note, frame, tuple(headings), headings)
