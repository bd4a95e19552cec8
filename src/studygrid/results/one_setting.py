"""Models of a study that differ in one setting alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from studygrid.families.base import Architecture
from studygrid.plan import Plan


def fitted_models(plan: Plan) -> list[str]:
    """Return the models that are fitted at once, and not trained in steps: baselines."""
    return [
        name
        for name in plan.axis("model")
        if any(architecture.fits for architecture in _architectures(plan, name))
    ]


def models_without_learning(plan: Plan) -> list[str]:
    """Return the models that make nothing of the training subset: the same at each size of it."""
    return [
        name
        for name in plan.axis("model")
        if not all(architecture.learns for architecture in _architectures(plan, name))
    ]


def _architectures(plan: Plan, name: str) -> list[Architecture]:
    """Return a model's architecture, and what the family knows by that name.

    Of a collected study the model knows no more than the architecture's name.
    """
    own = plan.models[name].architecture
    known = plan.family.find_architecture(own.name)
    return [own] if known is None else [own, known]


def settings_of(plan: Plan, path: str) -> dict[str, Any]:
    """Return the setting of each model at a path like ``loss.beta``; models without are not there.

    Models whose architecture is fitted at once are not there either: no setting of training
    changes them.
    """
    found = {}
    for name, settings in _trained(plan).items():
        value: Any = settings
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            found[name] = value
    return found


def models_along(plan: Plan, path: str) -> list[dict[str, float]]:
    """Return the groups of models that differ in the number at a path alone.

    Parameters
    ----------
    plan
        The study.
    path
        Keys joined by dots, of a model as study.yaml has it: ``loss.beta``.

    Returns
    -------
    From each model of a group to its number, by rising number, in the order of the config where
        these are equal; groups without two different numbers are not there.
    """
    groups: dict[str, dict[str, float]] = {}
    trained = _trained(plan)
    for name, value in settings_of(plan, path).items():
        if not isinstance(value, int | float):
            continue
        rest = _without(trained[name], path)
        groups.setdefault(json.dumps(rest, sort_keys=True), {})[name] = float(value)
    return [
        dict(sorted(group.items(), key=_number))
        for group in groups.values()
        if len(set(group.values())) > 1
    ]


def _number(item: tuple[str, float]) -> float:
    return item[1]


def _trained(plan: Plan) -> dict[str, Mapping[str, Any]]:
    """Return the settings of the models that are trained in steps, in the order of the config."""
    resolved = plan.resolved()["models"]
    fitted = fitted_models(plan)
    return {name: resolved[name] for name in plan.axis("model") if name not in fitted}


def _without(settings: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return a copy without what stands at a path."""
    first, _, rest = path.partition(".")
    if not rest:
        return {key: value for key, value in settings.items() if key != first}
    return {**settings, first: _without(settings[first], rest)}
