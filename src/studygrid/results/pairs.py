"""Pairs of models that differ in the loss of their architecture alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from studygrid.families.base import Architecture
from studygrid.plan import Plan


@dataclass(frozen=True)
class Pair:
    """Two models by name, in the order of the config: one network, trained with two losses."""

    first: str
    second: str


@dataclass(frozen=True)
class _Trained:
    """A model whose architecture names its loss; `is_said` if the files alone tell its settings."""

    name: str
    architecture: Architecture
    settings: Mapping[str, Any]
    is_said: bool


def pairs_of(plan: Plan) -> list[Pair]:
    """Return the pairs of a study's models, in the order of the config.

    Two models are a pair where their architectures are the same code with different losses, and
    options, training, augmentation and the loss's own options are equal. Models whose architecture
    names no loss are in no pair, nor are those that are fitted at once.

    Of a collected study the files may say little. A model's architecture is then the family's of
    the name that they say, or else of the model's own name; and settings differ only where both
    models have them.
    """
    resolved = plan.resolved()["models"]
    found = [_trained(plan, name, resolved[name]) for name in plan.axis("model")]
    trained = [one for one in found if one is not None]
    return [
        Pair(one.name, other.name)
        for one, other in combinations(trained, 2)
        if one.architecture.loss != other.architecture.loss
        and one.architecture.build == other.architecture.build
        and _agree(one.settings, other.settings, partly=one.is_said or other.is_said)
    ]


def losses_of(plan: Plan, pair: Pair) -> tuple[str, str]:
    """Return the names of the losses that the two models of a pair are trained with."""
    first, second = (_trained(plan, name, {}) for name in (pair.first, pair.second))
    assert first is not None
    assert second is not None
    return first.architecture.loss, second.architecture.loss


def _trained(plan: Plan, name: str, settings: Mapping[str, Any]) -> _Trained | None:
    said = plan.models[name].architecture
    is_said = not said.build
    find = plan.family.find_architecture
    known = find(said.name) or find(name) if is_said else said
    if known is None or known.fits or not known.loss:
        return None
    rest = {key: value for key, value in settings.items() if key != "architecture"}
    return _Trained(name, known, rest, is_said)


def _agree(one: Any, other: Any, *, partly: bool) -> bool:
    """Tell whether settings are equal; `partly` asks only of those that both have."""
    if partly and isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(_agree(one[key], other[key], partly=True) for key in one.keys() & other.keys())
    return bool(one == other)
