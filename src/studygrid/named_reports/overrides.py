"""``key=value`` of a command line: what it sets in the config of a report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from studygrid.config_errors import Problems
from studygrid.config_places import Place, plain

# Below these a key is the rest of the text, dots and all: the columns of the runs have dots.
_OPEN = (("inputs", "select"), ("thresholds",))
# Read as they are written: YAML takes a year for a number, and a * for an alias.
_TEXTS = (("inputs", "sweep_dir"), ("env", "output_root"), ("data",))
_OF_THE_YAML = ("defaults", "report")
# Of these one says which runs: naming one on the command line drops the other of the YAML.
_RUNS: tuple[Place, ...] = (("inputs", "sweep_dir"), ("inputs", "run_dirs"))

Overrides = dict[Place, Any]


def read_overrides(words: Iterable[str], problems: Problems) -> Overrides:
    """Return the values that ``key=value`` words set, by their places in the config.

    A word that cannot be read is noted as a problem and left out.
    """
    found: Overrides = {}
    for word in words:
        key, equals, text = word.partition("=")
        place = _place(key.strip())
        if not equals or not all(place):
            problems.add((), f"{word}: should be key=value, such as inference.enabled=true")
        elif place[0] in _OF_THE_YAML:
            hint = "name the report with --config-name"
            problems.add((), f"{word}: {place[0]} is a key for the YAML alone; {hint}")
        elif not text.strip():
            problems.add((), f"{word}: has no value; write {key}=null where you mean none")
        else:
            _add(word, place, text.strip(), found, problems)
    return found


def _add(word: str, place: Place, text: str, found: Overrides, problems: Problems) -> None:
    try:
        value = _value(place, text)
    except (yaml.YAMLError, ValueError):  # the latter of a day that is none
        problems.add((), f"{word}: the value is not YAML; put each text in quotes")
        return
    for here, own in _leaves(place, value):
        if here in found:
            problems.add((), f"{word}: the key is given twice; keep one")
        found[here] = own


def _leaves(place: Place, value: Any) -> Iterator[tuple[Place, Any]]:
    """Yield what a value sets: a section sets its keys, and leaves the others as they are."""
    if not isinstance(value, dict) or not value:
        yield place, value
        return
    for key, own in value.items():
        yield from _leaves((*place, key), own)


def _place(key: str) -> tuple[str, ...]:
    parts = tuple(key.split("."))
    for section in _OPEN:
        if parts[: len(section)] == section and len(parts) > len(section):
            return (*section, ".".join(parts[len(section) :]))
    return parts


def _value(place: Place, text: str) -> Any:
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    if place in _TEXTS and not is_quoted:
        return None if text in ("null", "~") else text
    return plain(yaml.safe_load(text))


def with_overrides(content: Any, overrides: Overrides, problems: Problems) -> Any:
    """Return the content of a config with values set in it; the content stays as it is.

    A value below what is no section is noted as a problem and left out.
    """
    named = [place for place in _RUNS if overrides.get(place) is not None]
    for place in _RUNS:
        if len(named) == 1 and place not in overrides:
            content = _without(content, place)
    for place, value in overrides.items():
        around = _value_around(content, place)
        if around is None:
            content = _set(content, place, value)
        else:
            problems.add(place, "there is nothing to set", hint=f"{around} is no section")
    return content


def _value_around(content: Any, place: Place) -> str | None:
    """Return the key above a place that has a value and is no section; None where none has."""
    for length, key in enumerate(place[:-1], 1):
        content = content.get(key)
        if content is None:
            return None
        if not isinstance(content, dict):
            return ".".join(map(str, place[:length]))
    return None


def _set(content: Any, place: Place, value: Any) -> Any:
    if not place:
        return value
    below = content or {}
    return {**below, place[0]: _set(below.get(place[0]), place[1:], value)}


def _without(content: Any, place: Place) -> Any:
    if not isinstance(content, dict) or place[0] not in content:
        return content
    if len(place) == 1:
        return {key: value for key, value in content.items() if key != place[0]}
    return {**content, place[0]: _without(content[place[0]], place[1:])}
