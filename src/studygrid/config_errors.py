"""What is wrong with a config: each problem with its place, its value and the way out."""

from __future__ import annotations

import difflib
import json
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from studygrid.errors import ConfigError

Place = tuple[str | int, ...]
ABSENT = object()


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where in the config, what, the value there, what to write."""

    place: Place
    message: str
    value: Any = ABSENT
    suggestion: str | None = None


def nearest(word: object, words: Iterable[str]) -> str | None:
    """Return the hint that names the nearest of `words`, or lists them if they are few."""
    known = list(words)
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(str(word).lower(), lowered, n=1, cutoff=0.6)
    if close:
        return f"did you mean {lowered[close[0]]!r}?"
    return f"valid: {', '.join(known)}" if 0 < len(known) <= 12 else None


def problems_of(error: ValidationError, model: type[BaseModel], at: Place = ()) -> list[Problem]:
    """Translate what pydantic found in a `model` that stands at a place of the config."""
    return [_problem(fault, model, at) for fault in error.errors(include_url=False)]


def _problem(fault: Any, model: type[BaseModel], at: Place) -> Problem:
    place: Place = tuple(fault["loc"])
    kind, value = fault["type"], fault["input"]
    message, suggestion = _plain(fault["msg"]), None
    if kind == "extra_forbidden":
        message = "unknown key"
        owner = _model_at(model, place[:-1])
        suggestion = nearest(place[-1], owner.model_fields if owner else ())
    elif kind == "missing":
        message, value = "missing; it has no default", ABSENT
    elif kind == "literal_error":
        words = re.findall(r"'([^']*)'", fault["ctx"]["expected"])
        message, suggestion = f"should be one of {', '.join(words)}", nearest(value, words)
    elif kind == "value_error" and isinstance(value, Mapping):
        value = ABSENT
    return Problem((*at, *place), message, value, suggestion)


def _plain(message: str) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    return message.replace("Input should", "should")


def _model_at(model: type[BaseModel] | None, place: Place) -> type[BaseModel] | None:
    """Return the model whose key the last part of a place below `model` is."""
    for part in place:
        if model is None:
            return None
        field = model.model_fields.get(str(part))
        if field is not None:
            model = _model_in(field.annotation)
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is not None:
        found = (_model_in(part) for part in typing.get_args(annotation))
        return next((model for model in found if model is not None), None)
    return None


class Places:
    """Lines of the keys of one or more YAML files, of which later ones override earlier."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.problems: list[Problem] = []
        self._lines: dict[Place, str] = {}
        for file in files:
            node = yaml.compose(file.read_text("utf-8"), Loader=yaml.SafeLoader)
            if node is not None:
                self._walk(node, (), file)

    def _walk(self, node: yaml.Node, place: Place, file: Path) -> None:
        self._lines[place] = f"{file}:{node.start_mark.line + 1}"
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                here = (*place, key.value)
                if key.value in seen:
                    self.problems.append(Problem(here, "is given twice; YAML keeps the last only"))
                seen.add(key.value)
                self._walk(value, here, file)
                self._lines[here] = f"{file}:{key.start_mark.line + 1}"
        elif isinstance(node, yaml.SequenceNode):
            for position, value in enumerate(node.value):
                self._walk(value, (*place, position), file)

    def line(self, place: Place) -> str:
        """Return ``file:line`` of a place, or of the nearest place around it that has one."""
        for length in range(len(place), 0, -1):
            if place[:length] in self._lines:
                return self._lines[place[:length]]
        return self._lines.get((), "config")


def raise_all(problems: Sequence[Problem], places: Places) -> None:
    """Raise one ConfigError that lists all problems in the order of the file, if any.

    Raises
    ------
    ConfigError
        If there is a problem.
    """
    if not problems:
        return
    lines = dict.fromkeys(_line(problem, places) for problem in problems)
    count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
    raise ConfigError("\n".join([f"the config has {count}; nothing was started:", *lines]))


def _line(problem: Problem, places: Places) -> str:
    text = f"  {places.line(problem.place)}: {_dotted(problem.place)}: {problem.message}"
    if problem.value is not ABSENT:
        text += f" (it is {_shown(problem.value)})"
    return f"{text}; {problem.suggestion}" if problem.suggestion else text


def _dotted(place: Place) -> str:
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the config"


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
