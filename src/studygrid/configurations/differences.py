"""What two models of one name differ in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from studygrid.config_errors import Problems
from studygrid.config_models import Model, check_models
from studygrid.families.base import Family

_ABSENT = object()


def differences(
    there: Any, here: Any, name: str, shared: Mapping[str, Any], family: Family
) -> list[str]:
    """Return what differs between two models of a name, in words; nothing if both mean the same.

    Parameters
    ----------
    there, here
        What stands below the name in `models` of a config.
    shared
        The config whose other sections they are laid over.
    """
    old, new = (_resolved(content, name, shared, family) for content in (there, here))
    if old is None or new is None:
        old, new = (dict(_flat(content or {})) for content in (there, here))
    keys = [key for key in {**old, **new} if old.get(key, _ABSENT) != new.get(key, _ABSENT)]
    return [f"{key} is {_shown(old, key)} there and {_shown(new, key)} here" for key in keys]


def _resolved(
    content: Any, name: str, shared: Mapping[str, Any], family: Family
) -> dict[str, Any] | None:
    config = {**shared, "models": {name: content}}
    model = check_models(family, config, False, Problems()).get(name)
    return None if model is None else dict(_flat(_content_of(model)))


def _content_of(model: Model) -> dict[str, Any]:
    parts = {
        part: getattr(model, part).model_dump(mode="json")
        for part in ("options", "training", "loss", "augmentation")
    }
    return {"architecture": model.architecture.name, **parts}


def _flat(content: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _shown(values: Mapping[str, Any], key: str) -> str:
    return json.dumps(values[key], ensure_ascii=False) if key in values else "not given"
