"""What more of something bought: the largest against the smallest value of an axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from studygrid.results.pairing import pairing_seeds
from studygrid.statistics import Comparison, compare_paired

GainAxis = Literal["n_train", "resolution"]
OTHER: Mapping[GainAxis, GainAxis] = {"n_train": "resolution", "resolution": "n_train"}
_Values = dict[tuple[str, Any, Any], dict[int, float]]


@dataclass(frozen=True)
class Gain:
    """The change of one model from the smallest value of an axis to the largest."""

    model: str
    change: Comparison


@dataclass(frozen=True)
class Gains:
    """The changes of all models that have runs at both ends.

    Attributes
    ----------
    low, high
        The ends of the axis: the smallest and the largest value that have a score.
    at
        The value of the other axis at which all models are compared.
    of
        Largest minus smallest, paired by seed, in the order of the models.
    left_out
        Models without a shared seed at both ends there.
    """

    axis: GainAxis
    low: Any
    high: Any
    at: Any
    of: tuple[Gain, ...]
    left_out: tuple[str, ...]


def gains_along(frame: pd.DataFrame, column: str, axis: GainAxis, preferred: Any) -> Gains | None:
    """Compare the ends of an axis, model by model, paired by seed.

    All models are compared at one value of the other axis: `preferred`, or the one that most
    models have both ends at, if none has them there.

    Parameters
    ----------
    frame
        One row a run, in axis order.
    column
        The column of the score.
    preferred
        A value of the other axis; sizes are text.

    Returns
    -------
    None where no model has both ends with one seed, at any one value of the other axis.
    """
    there = frame[(frame["status"] == "ok") & frame[column].notna()]
    ends = _ends(there, axis)
    if ends is None:
        return None
    low, high = ends
    other = OTHER[axis]
    values = _values(there, column, axis, other)
    models = list(dict.fromkeys(frame["model"]))
    places = sorted(dict.fromkeys(there[other]), key=lambda place: place != preferred)
    shared = {place: _gains(values, models, low, high, place) for place in places}
    # The first of equals: the preferred one, then the order of the config.
    at = places[0] if shared[places[0]] else max(places, key=lambda place: len(shared[place]))
    if not shared[at]:
        return None
    found = {gain.model for gain in shared[at]}
    left_out = tuple(model for model in models if model not in found)
    return Gains(axis, low, high, at, tuple(shared[at]), left_out)


def _ends(frame: pd.DataFrame, axis: GainAxis) -> tuple[Any, Any] | None:
    sizes = {value: _size(frame, axis, value) for value in dict.fromkeys(frame[axis])}
    if len(set(sizes.values())) < 2:
        return None
    return min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)


def _size(frame: pd.DataFrame, axis: GainAxis, value: Any) -> float:
    """Return how large a value of an axis is; of ``all`` the samples that its runs had."""
    if axis == "resolution" or str(value).isdecimal():
        return float(value)
    return float(frame.loc[frame[axis] == value, "train_samples"].max())


def samples_of(frame: pd.DataFrame, size: str) -> int:
    """Return how many training samples a size is; of ``all`` what its runs had."""
    return int(_size(frame, "n_train", size))


def _values(frame: pd.DataFrame, column: str, axis: GainAxis, other: GainAxis) -> _Values:
    values: _Values = {}
    columns: Sequence[list[Any]] = [frame[name].tolist() for name in ("model", axis, other, column)]
    for model, value, place, score, seed in zip(*columns, pairing_seeds(frame), strict=True):
        values.setdefault((model, value, place), {})[seed] = float(score)
    return values


def _gains(values: _Values, models: Sequence[str], low: Any, high: Any, at: Any) -> list[Gain]:
    gains = []
    for model in models:
        first, last = values.get((model, low, at), {}), values.get((model, high, at), {})
        seeds = sorted(first.keys() & last.keys())
        if seeds:
            change = compare_paired([last[seed] for seed in seeds], [first[seed] for seed in seeds])
            gains.append(Gain(model, change))
    return gains
