"""From the runs that were found to those of a grid: copies count once, each has a seed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studygrid.grid import Run
from studygrid.interchange.foreign.configurations import config_key, labels
from studygrid.interchange.foreign.runs import ForeignRun
from studygrid.results.not_said import NO_RESOLUTION, NOT_SAID

if TYPE_CHECKING:
    from studygrid.results.loading import Problem

_LONGEST_NAME: Final = 64
_IN_NAMES: Final = set("._-+= ()")
# Files round their numbers, each program to other digits.
_RELATIVE, _ABSOLUTE = 1e-6, 1e-9
Place = tuple[str, int, int | str]


@dataclass
class Placed:
    """Runs with their places in a grid.

    Attributes
    ----------
    numbered
        Those whose seed is a number that was given here, as no file says one.
    problems
        Runs that were left out.
    """

    runs: dict[Run, ForeignRun] = field(default_factory=dict)
    numbered: set[Run] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)


def placed(runs: Sequence[ForeignRun]) -> Placed:
    """Give each run its place in a grid.

    Runs of the same content are one. Those of one name that have unequal configs are of different
    models, whose names say what differs. Of two runs that name the same place the first is kept,
    unless their scores agree, which makes them one. Runs of a cell that name no seed are numbered
    from 0 on, in the order in which they stand.

    Parameters
    ----------
    runs
        Runs of one family, in the order of their paths.
    """
    found = Placed()
    names = _names(runs, found.notes)
    distinct = _of_several_layouts(_without_copies(runs, found.copies), found)
    models: dict[tuple[str, str], str] = {}
    cells: dict[Place, list[ForeignRun]] = {}
    for run, label in zip(distinct, labels(distinct, found.notes), strict=True):
        key = (run.name, label)
        if key not in models:
            models[key] = _free_name(names[run.name], label, {*names.values(), *models.values()})
        place = (models[key], run.resolution or NO_RESOLUTION, run.n_train or NOT_SAID)
        cells.setdefault(place, []).append(run)
    for place in _in_order(cells):
        _seed_cell(place, cells[place], found)
    if found.copies:
        more = f" (and {len(found.copies) - 1:,} more of such)" if len(found.copies) > 1 else ""
        found.notes.append(f"{found.copies[0]}; it counts once{more}.")
    if found.numbered:
        count = len(found.numbered)
        found.notes.append(
            f"{count:,} of {len(found.runs):,} runs name no seed: those of one name, resolution "
            "and size are numbered 0, 1, … in the order of their paths. The same number in two "
            "models does not mean the same seed, so they are paired with no other run."
        )
    return found


def _of_several_layouts(runs: Sequence[ForeignRun], found: Placed) -> list[ForeignRun]:
    """Return runs of which none is there twice, however unequal the words of its configs are."""
    kept: list[ForeignRun] = []
    by_place: dict[tuple[Any, ...], list[int]] = {}
    for run in runs:
        own = by_place.setdefault((run.name, run.resolution, run.n_train, run.seed), [])
        same = (at for at in own if run.seed is not None and _is_same(kept[at], run))
        first = next(same, None)
        if first is None:
            own.append(len(kept))
            kept.append(run)
        else:
            kept[first] = _one_of_two(kept[first], run, found)
    return kept


def _is_same(run: ForeignRun, other: ForeignRun) -> bool:
    """Tell whether two runs of one place and seed are one run, or files about the same run."""
    if run.paths == other.paths or config_key(run) == config_key(other):
        return True
    if run.written_here and other.written_here and run.layout != other.layout:
        return True  # an export of the other, though it may be an old one
    weights = [one.columns.get("checkpoint_sha256") for one in (run, other)]
    return _agree(run, other) and weights[0] == weights[1] is not None


def _free_name(name: str, label: str, taken: set[str]) -> str:
    """Return a name and what tells it apart, as one that no other model has."""
    if not label:
        return name
    free = f"{name}{label}" if len(name) + len(label) <= _LONGEST_NAME else ""
    count = 0
    while not free or free in taken:
        count += 1
        ending = f" [{count}]"
        free = f"{name[: _LONGEST_NAME - len(ending)]}{ending}"
    return free


def _seed_cell(place: Place, runs: Sequence[ForeignRun], found: Placed) -> None:
    model, resolution, n_train = place
    by_seed = {run.seed: run for run in runs if run.seed is not None}
    free = (number for number in range(len(runs)) if number not in by_seed)
    numbered = {next(free): run for run in runs if run.seed is None}
    for seed in sorted({**by_seed, **numbered}):
        at = Run(model, resolution, n_train, seed)
        found.runs[at] = by_seed[seed] if seed in by_seed else numbered[seed]
        if seed in numbered:
            found.numbered.add(at)


def _one_of_two(first: ForeignRun, second: ForeignRun, found: Placed) -> ForeignRun:
    """Return the run that two of one place are, or the first, and say what became of the other."""
    from studygrid.results.loading import Problem

    kept, other = (second, first) if _says_more(second, first) else (first, second)
    if first.paths == second.paths:
        return kept  # by its own folder and by that of its study
    if _agree(first, second):
        found.copies.append(f"{_listed(other.paths)} holds the same run as {_listed(kept.paths)}")
        return replace(kept, paths=(*kept.paths, *other.paths))
    axes = f"{first.name}, seed {first.seed}"
    reason = f"is of the run {axes}, as {_listed(first.paths)} is, with other scores: left out"
    found.problems.append(Problem(second.paths[0], reason))
    return first


def _says_more(run: ForeignRun, other: ForeignRun) -> bool:
    def said(one: ForeignRun) -> tuple[bool, int]:
        return one.facts is not None, len(one.metrics) + len(one.columns) + len(one.epochs)

    return said(run) > said(other)


def _agree(run: ForeignRun, other: ForeignRun) -> bool:
    """Tell whether two runs have the same scores, where both have one."""
    if run.status != other.status:
        return False
    shared = [name for name in run.metrics if name in other.metrics]
    pairs = [(run.metrics[name], other.metrics[name]) for name in shared]
    return all(_equal(*pair) for pair in pairs) and bool(pairs or run.status != "ok")


def _equal(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)


def _without_copies(runs: Sequence[ForeignRun], copies: list[str]) -> list[ForeignRun]:
    first: dict[str, ForeignRun] = {}
    for run in runs:
        key = _content(run)
        kept = first.get(key)
        if kept is not None:
            copies.append(f"{_listed(run.paths)} is a copy of {_listed(kept.paths)}")
            run = replace(kept, paths=(*kept.paths, *run.paths))
        first[key] = run
    return list(first.values())


def _content(run: ForeignRun) -> str:
    said = {name: value for name, value in vars(run).items() if name not in ("paths", "facts")}
    return json.dumps(said, sort_keys=True, default=str)


def _listed(paths: Sequence[Path], most: int = 2) -> str:
    named = ", ".join(map(str, paths[:most]))
    return f"{named} and {len(paths) - most} more" if len(paths) > most else named


def _names(runs: Iterable[ForeignRun], notes: list[str]) -> dict[str, str]:
    """Return a name for each model that tables, figures and files can hold."""
    names: dict[str, str] = {}
    for given in dict.fromkeys(run.name for run in runs):
        safe = _safe(given)
        count = 1
        while safe in names.values():
            count += 1
            safe = f"{_safe(given)[: _LONGEST_NAME - 6]} ({count})"
        names[given] = safe
        if safe != given:
            notes.append(f"The model {given[:100]!r} is called {safe} here.")
    return names


def _safe(name: str) -> str:
    found = "".join(one if one.isalnum() or one in _IN_NAMES else "_" for one in name)
    # matplotlib leaves out of a legend what begins with an underscore.
    return found.strip("_. ")[:_LONGEST_NAME].strip() or "unnamed"


def _in_order(cells: Mapping[Place, Any]) -> list[Place]:
    """Return cells in axis order: models as they came, smaller before larger, unknown last."""
    models = {name: at for at, name in enumerate(dict.fromkeys(name for name, _, _ in cells))}

    def order(cell: Place) -> tuple[int, ...]:
        model, resolution, size = cell
        return models[model], *resolution_order(resolution), *size_order(size)

    return sorted(cells, key=order)


def resolution_order(resolution: int) -> tuple[bool, int]:
    """Return what sorts resolutions: ascending, one that is not said last."""
    return resolution == NO_RESOLUTION, resolution


def size_order(size: int | str) -> tuple[int, int]:
    """Return what sorts sizes: ascending, then ``all``, one that is not said last."""
    if isinstance(size, int):
        return 0, size
    return (1 if size == "all" else 2), 0
