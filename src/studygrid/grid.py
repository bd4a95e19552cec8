"""Axes to cells to runs, and the paths of runs, both ways."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from studygrid.study import AXES, AxisValues, Grid

_RUN = re.compile(
    r"(?P<model>[^/]+)/res(?P<resolution>\d+)/n(?P<n_train>\d+|all)/seed(?P<seed>\d+)"
)


@dataclass(frozen=True)
class Cell:
    """One model at one resolution and one training-set size (a number, or ``all``)."""

    model: str
    resolution: int
    n_train: int | str


@dataclass(frozen=True)
class Run:
    """One cell with one seed."""

    model: str
    resolution: int
    n_train: int | str
    seed: int

    @property
    def cell(self) -> Cell:
        """The cell that the run belongs to."""
        return Cell(self.model, self.resolution, self.n_train)

    @property
    def path(self) -> str:
        """The run's folder below ``results/runs``; `run_of_path` reads it back."""
        return f"{self.model}/res{self.resolution}/n{self.n_train}/seed{self.seed}"


def run_of_path(path: str) -> Run:
    """Return the run whose folder a path ends in.

    Raises
    ------
    ValueError
        If the path does not end in ``<model>/res<R>/n<N>/seed<S>``.
    """
    match = _RUN.fullmatch("/".join(PurePosixPath(path).parts[-4:]))
    if match is None:
        raise ValueError(f"{path!r} is no run folder: <model>/res<R>/n<N>/seed<S>")
    size = match["n_train"]
    return Run(
        match["model"],
        int(match["resolution"]),
        size if size == "all" else int(size),
        int(match["seed"]),
    )


class GridError(ValueError):
    """The grid cannot be expanded; `place` is the key path below ``grid`` that is at fault."""

    def __init__(self, place: tuple[str | int, ...], message: str, value: Any) -> None:
        super().__init__(message)
        self.place = place
        self.value = value


def expand(grid: Grid, models: Sequence[str]) -> tuple[list[Run], list[GridError]]:
    """Expand a grid whose models are already resolved to names.

    Parameters
    ----------
    grid
        The axes with `zip`, `exclude` and `include`. Models in the entries of `exclude` and
        `include` are names.
    models
        The values of the model axis, each once.

    Returns
    -------
    runs, errors
        The runs in axis order (the order in which values are written), and what is wrong:
        zipped axes of unequal length, an exclusion that matches nothing, an inclusion of a run
        that is there already, a grid without runs.
    """
    axes: dict[str, Sequence[Any]] = {
        "model": models,
        "resolution": grid.resolution,
        "n_train": grid.n_train,
        "seed": grid.seed,
    }
    lengths = {axis: len(axes[axis]) for axis in grid.zip}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{axis} has {length}" for axis, length in lengths.items())
        return [], [GridError(("zip",), f"needs axes of equal length; {listed}", grid.zip)]
    runs, errors = _excluded(list(_combine(axes, grid.zip)), grid.exclude)
    seen = set(runs)
    for position, entry in enumerate(grid.include):
        added = list(_included(entry, axes, grid.zip))
        there = next((run for run in added if run in seen), None)
        if there is not None:
            message = f"includes a run that is there already: {there.path}"
            errors.append(GridError(("include", position), message, _given(entry)))
        seen.update(added)
        runs += added
    if not runs and not errors:
        errors.append(GridError(("exclude",), "leaves no run", None))
    return sorted(runs, key=_axis_order(axes, runs)), errors


def _excluded(runs: list[Run], entries: Sequence[AxisValues]) -> tuple[list[Run], list[GridError]]:
    errors = []
    for position, entry in enumerate(entries):
        kept = [run for run in runs if not _matches(run, entry)]
        if len(kept) == len(runs):
            message = "excludes nothing: no run has these values"
            errors.append(GridError(("exclude", position), message, _given(entry)))
        runs = kept
    return runs, errors


def _included(
    entry: AxisValues, axes: Mapping[str, Sequence[Any]], zipped: Sequence[str]
) -> Iterator[Run]:
    given = _given(entry)
    # Zipped axes go together unless the entry names one of them itself.
    return _combine({**axes, **given}, [] if given.keys() & set(zipped) else zipped)


def _given(entry: AxisValues) -> dict[str, list[Any]]:
    return {axis: values for axis in AXES if (values := getattr(entry, axis)) is not None}


def _combine(axes: Mapping[str, Sequence[Any]], zipped: Sequence[str]) -> Iterator[Run]:
    groups: list[list[dict[str, Any]]] = []
    for axis in AXES:
        if axis not in zipped:
            groups.append([{axis: value} for value in axes[axis]])
        elif axis == min(zipped, key=AXES.index):
            rows = zip(*(axes[name] for name in zipped), strict=True)
            groups.append([dict(zip(zipped, row, strict=True)) for row in rows])
    for parts in itertools.product(*groups):
        yield Run(**{axis: value for part in parts for axis, value in part.items()})


def _matches(run: Run, entry: AxisValues) -> bool:
    return all(getattr(run, axis) in values for axis, values in _given(entry).items())


def _axis_order(axes: Mapping[str, Sequence[Any]], runs: Sequence[Run]) -> Any:
    places: dict[str, dict[Any, int]] = {}
    for axis in AXES:
        values = dict.fromkeys([*axes[axis], *(getattr(run, axis) for run in runs)])
        places[axis] = {value: position for position, value in enumerate(values)}

    def key(run: Run) -> tuple[int, ...]:
        return tuple(places[axis][getattr(run, axis)] for axis in AXES)

    return key
