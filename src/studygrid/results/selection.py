"""Choosing runs by their axes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from studygrid.axes import AXES
from studygrid.errors import SelectionError
from studygrid.grid import Run

Selection = Mapping[str, Sequence[object]]


def parse_selection(arguments: Iterable[str]) -> dict[str, list[str]]:
    """Return the selection that ``model=a,b seed=0`` writes.

    Raises
    ------
    SelectionError
        If a part is no ``axis=value,value``, or names no axis.
    """
    selection: dict[str, list[str]] = {}
    for argument in arguments:
        axis, equals, values = argument.partition("=")
        if not equals or not values.strip(","):
            raise SelectionError(
                f"--select {argument}: should be axis=value,value, such as model=resnet18 or seed=0"
            )
        selection.setdefault(axis, []).extend(filter(None, values.split(",")))
    check_axes(selection)
    return selection


def check_axes(selection: Iterable[str]) -> None:
    """Refuse a selection of something that is no axis."""
    for axis in selection:
        if axis not in AXES:
            raise SelectionError(
                f"select: {axis!r} is no axis{_nearest(axis, AXES)} (they are {', '.join(AXES)})"
            )


def selected(runs: Iterable[Run], selection: Selection | None) -> list[Run]:
    """Return the runs that have one of the values of every axis that is named.

    Raises
    ------
    SelectionError
        If a key is no axis, or no run has a value that is asked for.
    """
    runs = list(runs)
    if not selection:
        return runs
    chosen = _values(selection)
    for axis, values in chosen.items():
        there = {str(getattr(run, axis)) for run in runs}
        for value in values:
            if str(value) not in there:
                hint = _nearest(str(value), there)
                raise SelectionError(
                    f"select: no run has {axis}={value}{hint} (there are {_listed(there)})"
                )
    wanted = {axis: {str(value) for value in values} for axis, values in chosen.items()}
    return [
        run
        for run in runs
        if all(str(getattr(run, axis)) in values for axis, values in wanted.items())
    ]


def _values(selection: Selection) -> dict[str, list[object]]:
    """Return the values of each axis; one value that stands alone is one, text is not letters."""
    if not isinstance(selection, Mapping):
        raise SelectionError(
            f"select: should be axes with their values, such as {{'model': ['resnet18']}} "
            f"(it is {selection!r})"
        )
    check_axes(selection)
    values: dict[str, list[object]] = {}
    for axis, given in selection.items():
        several = isinstance(given, Iterable) and not isinstance(given, str)
        values[axis] = list(given) if several else [given]
        if not values[axis]:
            raise SelectionError(f"select: {axis} names no value; leave it out to have all")
    return values


def _nearest(word: str, words: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.7)
    return f"; did you mean {close[0]!r}?" if close else ""


def _listed(values: set[str], most: int = 12) -> str:
    listed = sorted(values, key=lambda value: (not value.isdecimal(), len(value), value))
    return ", ".join([*listed[:most], *(["…"] if len(listed) > most else [])]) or "none at all"
