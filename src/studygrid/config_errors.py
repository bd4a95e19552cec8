"""What is wrong with a config: each problem with its place, its value and the way out."""

from __future__ import annotations

import difflib
import json
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from studygrid.config_places import Place, Places
from studygrid.errors import ConfigError

ABSENT = object()
ModelT = TypeVar("ModelT", bound=BaseModel)

_SECTION = "should be a section: keys, each with a value"
_MESSAGES = {
    "bool_type": "should be true or false",
    "dict_type": _SECTION,
    "finite_number": "should be a finite number",
    "float_type": "should be a number",
    "greater_than": "should be greater than {gt:g}",
    "greater_than_equal": "should be {ge:g} or more",
    "int_from_float": "should be a whole number",
    "int_type": "should be a whole number",
    "less_than": "should be less than {lt:g}",
    "less_than_equal": "should be {le:g} or less",
    "list_type": "should be a list: [first, second]",
    "model_type": _SECTION,
    "string_type": "should be text",
    "too_short": "should not be empty",
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where in the config, what, the value there, what to write."""

    place: Place
    message: str
    value: Any = ABSENT
    hint: str | None = None


class Problems(list[Problem]):
    """Problems found so far, in no order."""

    def add(self, place: Place, message: str, value: Any = ABSENT, hint: str | None = None) -> None:
        """Note a problem."""
        self.append(Problem(place, message, value, hint))

    def validate(self, model: type[ModelT], content: Any, at: Place) -> ModelT | None:
        """Return what stands at a place as a model, or None where something is wrong with it."""
        try:
            return model.model_validate(content)
        except ValidationError as error:
            self += problems_of(error, model, at)
            return None


def nearest(word: object, words: Iterable[str]) -> str | None:
    """Return the hint that names the nearest of `words`, or lists them if they are few."""
    known = list(words)
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(str(word).lower(), lowered, n=1, cutoff=0.7)
    if close:
        return f"did you mean {lowered[close[0]]!r}?"
    return f"valid: {', '.join(known)}" if 0 < len(known) <= 25 else None


def problems_of(error: ValidationError, model: type[BaseModel], at: Place = ()) -> list[Problem]:
    """Translate what pydantic found in a `model` that stands at a place of the config."""
    return [_problem(fault, model, at) for fault in error.errors(include_url=False)]


def _problem(fault: Any, model: type[BaseModel], at: Place) -> Problem:
    place: Place = tuple(fault["loc"])
    kind, value = fault["type"], fault["input"]
    message, hint = _message(fault), None
    if kind == "extra_forbidden":
        hint = _nearest_key(place[-1], _model_at(model, place[:-1]))
    elif kind == "missing" or (kind == "value_error" and isinstance(value, Mapping)):
        value = ABSENT
    elif value is None:
        message, value, hint = "is empty", ABSENT, "give it a value, or delete the key"
    elif kind == "literal_error":
        hint = nearest(value, _words(fault))
    elif kind == "string_type" and not isinstance(value, Mapping | list):
        hint = "put it in quotes"
    elif message == _SECTION and isinstance(value, list) and value and isinstance(value[0], str):
        hint = f"write each as a key, {value[0]}:"
    elif isinstance(value, str) and _is_number(value):
        hint = "write it without quotes"
    return Problem((*at, *place), message, value, hint)


def _message(fault: Any) -> str:
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "missing":
        return "missing; it has no default"
    if kind == "literal_error":
        return f"should be one of {', '.join(_words(fault))}"
    if kind in _MESSAGES:
        return _MESSAGES[kind].format(**context)
    plain: str = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return plain


def _words(fault: Any) -> list[str]:
    """Return the words that are valid in place of a wrong one."""
    found = re.findall(r"'([^']*)'|\b(True|False)\b", fault["ctx"]["expected"])
    return [word or boolean.lower() for word, boolean in found]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _nearest_key(key: str | int, model: type[BaseModel] | None) -> str | None:
    if model is None:
        return None
    if not model.model_fields:
        return "there is nothing to set here; delete it"
    for name, field in model.model_fields.items():
        below = model_in(field.annotation)
        if below is not None and key in below.model_fields:
            return f"did you mean '{name}.{key}'?"
    return nearest(key, model.model_fields)


def _model_at(model: type[BaseModel] | None, place: Place) -> type[BaseModel] | None:
    """Return the model whose key the last part of a place below `model` is."""
    for part in place:
        if model is None:
            return None
        field = model.model_fields.get(str(part))
        if field is not None:
            model = model_in(field.annotation)
    return model


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a field holds, if it holds one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is not None:
        found = (model_in(part) for part in typing.get_args(annotation))
        return next((model for model in found if model is not None), None)
    return None


def raise_all(problems: Sequence[Problem], places: Places, config: Any) -> None:
    """Raise one ConfigError that lists all problems in the order of the file, if any.

    Raises
    ------
    ConfigError
        If there is a problem, or something is wrong with a key of a file.
    """
    found = [(places.mark(problem.place, config), problem) for problem in problems]
    found += [(mark, Problem(place, message)) for place, mark, message in places.faults]
    if not found:
        return
    found.sort(key=lambda pair: pair[0])
    lines = dict.fromkeys(f"  {mark}: {_text(problem, config)}" for mark, problem in found)
    count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
    raise ConfigError("\n".join([f"the config has {count}; nothing was started:", *lines]))


def _text(problem: Problem, config: Any) -> str:
    return problem_text(dotted(problem.place, config), problem)


def problem_text(where: str, problem: Problem) -> str:
    """Return what is wrong somewhere in one line: message, value, and what to write."""
    text = f"{where}: {problem.message}"
    if problem.value is not ABSENT:
        text += f" (it is {_shown(problem.value)})"
    return f"{text}; {problem.hint}" if problem.hint else text


def dotted(place: Place, config: Any) -> str:
    """Return how a place of the config is written: ``grid.model[1]``."""
    text, here = "", config
    for part in place:
        if not isinstance(part, int):
            text += f".{part}" if text else part
        elif isinstance(here, list):  # a value that stands without a list has no position
            text += f"[{part}]"
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            here = here if isinstance(part, int) else None
    return text or "the config"


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
