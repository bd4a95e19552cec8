"""Choosing runs by their axes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from studygrid.axes import AXES
from studygrid.config_errors import nearest
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
            hint = nearest(axis, AXES)
            raise SelectionError(
                f"select: {axis!r} is no axis; they are {', '.join(AXES)}"
                f"{f' ({hint})' if hint else ''}"
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
    check_axes(selection)
    for axis, values in selection.items():
        there = {str(getattr(run, axis)) for run in runs}
        for value in values:
            if str(value) not in there:
                close = difflib.get_close_matches(str(value), there, n=1, cutoff=0.7)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise SelectionError(
                    f"select: no run has {axis}={value}{hint} (there are {_listed(there)})"
                )
    wanted = {axis: {str(value) for value in values} for axis, values in selection.items()}
    return [
        run
        for run in runs
        if all(str(getattr(run, axis)) in values for axis, values in wanted.items())
    ]


def _listed(values: set[str], most: int = 12) -> str:
    listed = sorted(values, key=lambda value: (not value.isdecimal(), len(value), value))
    return ", ".join([*listed[:most], *(["…"] if len(listed) > most else [])]) or "none at all"
