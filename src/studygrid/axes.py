"""The axes of a study, and the values that the config may give them."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeInt,
    PositiveInt,
    WithJsonSchema,
)

from studygrid.section import SCIENTIFIC, read_number

Axis = Literal["model", "resolution", "n_train", "seed"]
AXES: tuple[Axis, ...] = ("model", "resolution", "n_train", "seed")
MAX_SEED_COUNT = 1000
T = TypeVar("T", bound=Hashable)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _distinct(values: list[T]) -> list[T]:
    seen: set[T] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{json.dumps(value)} is given twice; keep one")
        seen.add(value)
    return values


def _seeds(value: Any) -> Any:
    if isinstance(value, list):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("should be a count of seeds, or a list of seeds")
    if not 1 <= value <= MAX_SEED_COUNT:
        raise ValueError(
            f"a number here is the count of seeds, 1 to {MAX_SEED_COUNT}; a seed is written [7]"
        )
    return list(range(value))


def _size(value: Any) -> int | str:
    value = read_number(value)
    if value == "all":
        return "all"
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("should be a whole number of 1 or more, or the word all")
    return value


def _two_or_more(axes: list[T]) -> list[T]:
    if len(axes) == 1:
        raise ValueError("should name two axes or more")
    return axes


Size = Annotated[
    int | str,
    BeforeValidator(_size),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "all"}]}),
]
Axes = Annotated[list[Axis], AfterValidator(_distinct), AfterValidator(_two_or_more)]
BatchSizes = Annotated[list[PositiveInt], Field(min_length=1), AfterValidator(_distinct)]
# Values of which none is given twice; one may stand without a list.
OneOrMore = Annotated[
    list[T], Field(min_length=1), AfterValidator(_distinct), BeforeValidator(_listed)
]


def _one_or_more(item: dict[str, Any]) -> WithJsonSchema:
    many = {"type": "array", "items": item, "minItems": 1, "uniqueItems": True}
    return WithJsonSchema({"anyOf": [item, many]})


_SCIENTIFIC = {"type": "string", "pattern": f"^{SCIENTIFIC}$"}
_POSITIVE = {"anyOf": [{"type": "integer", "minimum": 1}, _SCIENTIFIC]}
_SEED = {"anyOf": [{"type": "integer", "minimum": 0}, _SCIENTIFIC]}
_SIZE = {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "all"}, _SCIENTIFIC]}
_SEEDS = {"type": "array", "items": _SEED, "minItems": 1, "uniqueItems": True}
_COUNT = {"type": "integer", "minimum": 1, "maximum": MAX_SEED_COUNT}

Names = Annotated[OneOrMore[str], _one_or_more({"type": "string"})]
Resolutions = Annotated[OneOrMore[PositiveInt], _one_or_more(_POSITIVE)]
Sizes = Annotated[OneOrMore[Size], _one_or_more(_SIZE)]
SeedList = Annotated[OneOrMore[NonNegativeInt], _one_or_more(_SEED)]
Seeds = Annotated[
    list[NonNegativeInt],
    Field(min_length=1),
    AfterValidator(_distinct),
    BeforeValidator(_seeds),
    WithJsonSchema({"anyOf": [_COUNT, _SEEDS]}),
]
