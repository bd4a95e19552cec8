"""What a user's own trainer hands over, as plain values: nothing in it may lose the rest.

A value that cannot be used becomes None with the reason; it raises nothing and is never made up.
"""

from __future__ import annotations

import math
import os
import reprlib
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Final

Curve = Mapping[int, Any] | Iterable[Any]


@dataclass
class Notes:
    """What is missing or cannot be used, each said once."""

    messages: list[str] = field(default_factory=list)

    def say(self, message: str) -> None:
        """Keep a message."""
        if message not in self.messages:
            self.messages.append(message)


def number(value: Any) -> tuple[float | None, str]:
    """Return a finite number, or None and what is wrong with the value.

    Tensors and arrays of one element, NumPy's numbers and text that spells a number count.
    """
    if value is None:
        return None, "is None"
    try:
        plain = value.item() if hasattr(value, "item") else value
        if isinstance(plain, bool | bytes | bytearray):
            raise TypeError("a truth value is no measurement")
        found = float(plain)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None, f"is {reprlib.repr(value)}, which is no number"
    return (found, "") if math.isfinite(found) else (None, f"is {found}")


def whole(value: Any) -> tuple[int | None, str]:
    """Return a whole number, or None and what is wrong with the value."""
    found, fault = number(value)
    if found is None or found == int(found):
        return None if found is None else int(found), fault
    return None, f"is {found}, which is no whole number"


def epoch_number(value: Any) -> tuple[int | None, str]:
    """Return the number of an epoch, or None and what is wrong with the value."""
    found, fault = whole(value)
    return (None, f"is {found}, below 0") if found is not None and found < 0 else (found, fault)


def printable(value: Any) -> str:
    """Return a value as text that UTF-8 can hold: halves of a surrogate pair are escaped."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def text(value: Any) -> tuple[str | None, str]:
    """Return text or a path as text, or None and what is wrong with the value."""
    if isinstance(value, str | os.PathLike) and str(value):
        return printable(value), ""
    return None, f"is {reprlib.repr(value)}, which is no text"


def curve(name: str, given: Any, notes: Notes) -> dict[int, Any]:
    """Return the values by epoch, as they were given; of a list the first is of epoch 1.

    Parameters
    ----------
    name
        What the messages call it.
    """
    is_many = isinstance(given, Iterable) and not isinstance(given, str | bytes | Set)
    try:
        if not is_many:
            raise TypeError
        items = list(given.items() if isinstance(given, Mapping) else enumerate(given, 1))
    except TypeError:  # also a tensor without dimensions
        notes.say(f"{name} is {reprlib.repr(given)}, not values by epoch: no line of epochs has it")
        return {}
    values: dict[int, Any] = {}
    for key, value in items:
        epoch, fault = epoch_number(key)
        if epoch is None or epoch in values:
            fault = fault or f"is {key!r}, which is there already"
            notes.say(f"{name}: a number of an epoch {fault}: left out")
        else:
            values[epoch] = value
    if not items:
        notes.say(f"{name} is empty: no line of epochs has it")
    return values


# Where configs keep what the summary says: as CrackSeg's do first, then as others do.
_PLACES: Final[Mapping[str, tuple[Callable[[Any], tuple[Any, str]], tuple[str, ...]]]] = {
    "experiment_name": (text, ("experiment.name", "experiment_name", "name")),
    "project_name": (text, ("project_name", "project.name", "project")),
    "model_type": (text, ("model._target_", "model_type", "model.name", "model.type", "model")),
    "dataset": (
        text,
        (
            *("data.dataset_path", "data.data_root", "data.root_dir", "data.path", "data.name"),
            *("dataset.path", "dataset.name", "dataset", "data"),
        ),
    ),
    "training_epochs": (
        whole,
        (
            *("training.epochs", "training.num_epochs", "training.max_epochs"),
            *("training_epochs", "epochs", "num_epochs", "max_epochs"),
        ),
    ),
    "batch_size": (
        whole,
        ("training.batch_size", "batch_size", "data.batch_size", "data.dataloader.batch_size"),
    ),
    "learning_rate": (
        number,
        (
            *("training.learning_rate", "learning_rate", "training.lr", "lr"),
            *("training.optimizer.lr", "optimizer.lr"),
        ),
    ),
}


def config_values(config: Any, name: str, notes: Notes) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what the summary says of a config, and why of what it does not say.

    Parameters
    ----------
    config
        A mapping, or an object with attributes, nested or flat.
    name
        The experiment's name if the config has none.
    """
    values: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for key, (read, places) in _PLACES.items():
        found = [(place, at(config, place)) for place in places]
        there = [(place, *read(value)) for place, value in found if value is not None]
        values[key] = next((value for _, value, _ in there if value is not None), None)
        if values[key] is None:
            faults = [f"its {place} {fault}" for place, _, fault in there]
            reasons[key] = f"the config names none ({faults[0] if faults else f'as {places[0]}'})"
            stands = f"it is called {name}" if key == "experiment_name" else "null"
            notes.say(f"{key}: {reasons[key]}: {stands}")
    reasons.pop("experiment_name", None)
    return {**values, "experiment_name": values["experiment_name"] or name}, reasons


def at(config: Any, place: str) -> Any:
    """Return what a config has at a place such as ``training.epochs``, or None."""
    node = config
    for key in place.split("."):
        node = None if node is None else _child(node, key)
    return node


def _child(node: Any, key: str) -> Any:
    try:
        return node.get(key) if isinstance(node, Mapping) else getattr(node, key, None)
    except Exception:  # OmegaConf has its own for values that are missing or cannot be resolved
        return None
