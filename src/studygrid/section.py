"""What every config is made of: strict sections, whose values are read as YAML means them."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCIENTIFIC = r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+"
_SCIENTIFIC = re.compile(SCIENTIFIC)

Probability = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


def read_number(value: Any) -> Any:
    """Return the number that a text like ``1e-3`` writes, also within a list; else the value.

    PyYAML, and Snakemake with it, takes 1e-3 for text: in YAML 1.1 only a dot makes it a number.
    """
    if isinstance(value, list):
        return [read_number(item) for item in value]
    if not isinstance(value, str) or not _SCIENTIFIC.fullmatch(value):
        return value
    number = float(value)
    return int(number) if number.is_integer() else number


class Section(BaseModel):
    """A part of the config: unknown keys and values of another type are refused.

    A text in scientific notation is a number where a number is due. A section or a list with
    nothing below its key (null in YAML) is one that is not there.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    # Keys that make up one choice: a model that names one of them drops the study's others.
    together: ClassVar[tuple[str, ...]] = ()
    # Keys of a loss that act in training alone, and do not change its value on a split.
    training_alone: ClassVar[tuple[str, ...]] = ()

    @property
    def is_known(self) -> bool:
        """Whether anything says what the settings are; of collected runs it may not."""
        return True

    @model_validator(mode="before")
    @classmethod
    def _read_yaml(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        numbers, parts = _numbers_and_parts(cls)
        return {
            key: read_number(value) if key in numbers else value
            for key, value in values.items()
            if value is not None or key not in parts
        }


@cache
def _numbers_and_parts(section: type[Section]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the fields that hold numbers, and those that hold a section or a list."""
    fields = {name: field.annotation for name, field in section.model_fields.items()}
    return (
        frozenset(name for name, annotation in fields.items() if _is_number(annotation)),
        frozenset(name for name, annotation in fields.items() if is_part(annotation)),
    )


def is_part(annotation: Any) -> bool:
    """Tell whether a field is a section or a list, and null is no value of its own."""
    classes = [typing.get_origin(choice) or choice for choice in _choices(annotation)]
    return type(None) not in classes and any(
        isinstance(found, type) and issubclass(found, (dict, list, Section)) for found in classes
    )


def _is_number(annotation: Any) -> bool:
    """Tell whether a field is a number or a list of numbers, and a text is no value of it."""
    choices = _choices(annotation)
    items = [typing.get_args(choice)[0] for choice in choices if typing.get_origin(choice) is list]
    return str not in choices and (
        int in choices or float in choices or any(map(_is_number, items))
    )


def _choices(annotation: Any) -> list[Any]:
    """Return the types that an annotation allows, without what is annotated to them."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _choices(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return [choice for argument in arguments for choice in _choices(argument)]
    return [annotation]
