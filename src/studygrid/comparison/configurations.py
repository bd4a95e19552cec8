"""The configurations of a frame: cells of a study, told apart by device and data, and named."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Final

from studygrid.errors import DataError
from studygrid.records import Status
from studygrid.results.not_said import value_in_file
from studygrid.results.rows import MISSING, Row, is_failed

NEEDED: Final = ("model", "resolution", "n_train", "seed", "status")
_HASH_DIGITS = 8
_CELL_AXES: Final = ("resolution", "n_train")
_SHORT: Final = {"resolution": "res", "n_train": "n", "seed": "seed"}
_Measured = tuple[str | None, str | None]


@dataclass(frozen=True)
class Configuration:
    """A cell of a study, whose runs differ in their seeds alone.

    Runs of one cell on several devices, or of several versions of the data, are as many
    configurations: their numbers are never pooled.

    Attributes
    ----------
    name
        Its model, and what else tells it from the others of a comparison.
    device, data
        What its runs were trained on, and the hash of the prepared data; None if nothing says.
    runs
        Their rows in the frame. Runs that are missing name no device: where a cell is split by
        device or data they stand with the first part.
    """

    name: str
    study: str
    model: str
    resolution: int
    n_train: str
    device: str | None
    data: str | None
    runs: tuple[Row, ...]

    @property
    def ok(self) -> list[Row]:
        """The runs that ended well."""
        return [row for row in self.runs if row["status"] == Status.OK.value]

    @property
    def failed(self) -> list[Row]:
        """The runs that ended without a result."""
        return [row for row in self.runs if is_failed(row)]

    @property
    def missing(self) -> list[Row]:
        """The runs that have no usable records."""
        return [row for row in self.runs if row["status"] == MISSING]

    def values(self, metric: str) -> list[float]:
        """Return a test metric of its runs that ended well and have a value."""
        found = (number(row.get(f"test_{metric}")) for row in self.ok)
        return [value for value in found if value is not None]


def configurations_of(
    rows: Sequence[Mapping[str, Any]], shown_axes: Collection[str] = ()
) -> list[Configuration]:
    """Return the configurations of runs, in the order in which they first appear.

    Parameters
    ----------
    rows
        One a run: see `compare_runs`.
    shown_axes
        Axes that are in every name, even where they do not differ.

    Raises
    ------
    DataError
        If a row lacks an axis or the status, or a run is there twice.
    """
    cells: dict[tuple[str, str, int, str], list[Row]] = {}
    for row in rows:
        lacking = [name for name in NEEDED if row.get(name) is None]
        if lacking:
            raise DataError(f"a run to compare has no {', '.join(lacking)}: {dict(row)}")
        key = (str(row.get("study") or ""), str(row["model"]), int(row["resolution"]))
        cells.setdefault((*key, str(row["n_train"])), []).append(dict(row))
    found = []
    for (study, model, resolution, n_train), runs in cells.items():
        _check_seeds(runs)
        for (device, data), part in _parts(runs).items():
            found.append(
                Configuration(model, study, model, resolution, n_train, device, data, tuple(part))
            )
    return _named(found, shown_axes)


def _check_seeds(runs: Sequence[Row]) -> None:
    seen: set[int] = set()
    for row in runs:
        if row["seed"] in seen:
            axes = ", ".join(f"{name} {row[name]}" for name in NEEDED[:-1])
            raise DataError(f"the run of {axes} is there twice: leave one out of the comparison")
        seen.add(row["seed"])


def _parts(runs: Sequence[Row]) -> dict[_Measured, list[Row]]:
    """Return runs by device and data; those that name neither stand with the first."""
    parts: dict[_Measured, list[Row]] = {}
    for row in runs:
        if row["status"] != MISSING:
            parts.setdefault((_text(row, "train_device"), _text(row, "data_sha256")), [])
    first = next(iter(parts), (None, None))
    for row in runs:
        key = (_text(row, "train_device"), _text(row, "data_sha256"))
        parts.setdefault(first if row["status"] == MISSING else key, []).append(row)
    return parts


def _named(found: Sequence[Configuration], shown_axes: Collection[str]) -> list[Configuration]:
    """Name each configuration by its model and what else is needed to tell all apart."""
    axes = axes_words(
        [{name: getattr(one, name) for name in _CELL_AXES} for one in found], shown_axes
    )
    names = [f"{one.model}{axis}" for one, axis in zip(found, axes, strict=True)]
    for add in (_study_words, _device_words, _data_words):
        words = add(found)
        names = _told_apart(names, words)
    return [replace(one, name=name) for one, name in zip(found, names, strict=True)]


def axes_words(places: Sequence[Mapping[str, Any]], shown_axes: Collection[str] = ()) -> list[str]:
    """Return for each place in a grid what tells it from the others, such as ``_res100_n500``.

    Parameters
    ----------
    places
        Values of `resolution`, `n_train` or `seed`.
    shown_axes
        Axes that are shown even where all places have the same value.
    """
    shown = {
        axis: prefix
        for axis, prefix in _SHORT.items()
        if axis in shown_axes or len({place[axis] for place in places if axis in place}) > 1
    }
    return [
        "".join(f"_{prefix}{_value(axis, place[axis])}" for axis, prefix in shown.items())
        for place in places
    ]


def _value(axis: str, value: Any) -> str:
    return "?" if value_in_file(axis, value) is None else str(value)


def _told_apart(names: Sequence[str], words: Sequence[str]) -> list[str]:
    """Add words to those names that are there more than once, if they tell them apart."""
    found: dict[str, set[str]] = {}
    for name, more in zip(names, words, strict=True):
        found.setdefault(name, set()).add(more)
    return [
        f"{name} [{more}]" if len(found[name]) > 1 else name
        for name, more in zip(names, words, strict=True)
    ]


def _study_words(found: Sequence[Configuration]) -> list[str]:
    return _shortest([one.study for one in found], lambda path: PurePath(path).name or path)


def _device_words(found: Sequence[Configuration]) -> list[str]:
    return [one.device or "device not recorded" for one in found]


def _data_words(found: Sequence[Configuration]) -> list[str]:
    hashes = [one.data or "" for one in found]
    short = _shortest(hashes, lambda sha256: sha256[:_HASH_DIGITS])
    return [f"data {words}" if words else "data not recorded" for words in short]


def _shortest(texts: Sequence[str], shorten: Callable[[str], str]) -> list[str]:
    """Return texts shortened, or whole where that makes two of them one."""
    short = {text: shorten(text) for text in texts}
    return [short[text] if len(set(short.values())) == len(short) else text for text in texts]


def seeds_words(rows: Iterable[Row]) -> str:
    """Return the seeds of runs."""
    seeds = [str(row["seed"]) for row in rows]
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}"


def number(value: Any) -> float | None:
    """Return a number of a frame, None for what is not there."""
    return None if value is None or not math.isfinite(value) else float(value)


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    return value if isinstance(value, str) and value else None
