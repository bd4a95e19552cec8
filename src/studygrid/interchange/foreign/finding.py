"""Finding the runs below folders: every folder and JSON file is asked for, and none is dropped."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studygrid.errors import RecordError
from studygrid.execution.progress import ProgressBar
from studygrid.interchange.foreign.json_files import read_json
from studygrid.interchange.foreign.layouts import LAYOUTS, Item, Layout, layouts
from studygrid.interchange.foreign.runs import ForeignRun, Reading

if TYPE_CHECKING:
    from studygrid.results.loading import Problem

_HIDDEN: Final = "."
_JSON: Final = ".json"


@dataclass(frozen=True)
class Found:
    """What there is below some paths.

    Attributes
    ----------
    looked_in
        The paths, as they were given.
    problems
        Every folder and JSON file that could not be used whole, and why.
    """

    looked_in: tuple[Path, ...]
    runs: list[ForeignRun]
    problems: list[Problem]
    notes: list[str]


def find_runs(paths: Iterable[str | Path], leave_out: Iterable[Path] = ()) -> Found:
    """Read every run below some paths, in whatever of the known layouts it is.

    Folders whose names begin with a dot are passed over; links are followed, each folder is
    looked into once.

    Parameters
    ----------
    paths
        Folders, files, or globs of them.
    leave_out
        Folders not to look into: what is written to.
    """
    given = tuple(match for path in paths for match in _matches(path))
    search = _Search(layouts(), {os.path.realpath(path) for path in leave_out})
    for path in given:
        search.look(path)
    reading = search.read()
    runs = sorted(reading.runs, key=_place)
    problems = sorted(reading.problems, key=lambda found: (str(found.path), found.reason))
    return Found(given, runs, problems, reading.notes)


def _place(run: ForeignRun) -> list[str]:
    return [str(path) for path in run.paths]


def _matches(path: str | Path) -> list[Path]:
    text = str(path)
    if glob.has_magic(text) and not Path(text).exists():
        return [Path(found) for found in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207
    return [Path(text)]


@dataclass
class _Search:
    """The folders and files that were found, by the layout that knows them."""

    layouts: list[Layout]
    seen: set[str]
    items: dict[str, list[Item]] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    reading: Reading = field(default_factory=Reading)

    def look(self, path: Path) -> None:
        """Look at a folder with all below it, or at a file."""
        try:
            if path.is_dir():
                for folder in _folders(path, self._enter, self._add_problem):
                    self._files_in(folder)
            elif path.exists() or path.is_symlink():
                self._file(path)
            else:
                self._add_problem(path, "does not exist")
        except OSError as error:
            self._add_problem(Path(error.filename or path), _unreadable(error))

    def read(self) -> Reading:
        """Read the files, then the runs of each layout."""
        with ProgressBar("reading", len(self.files), 0, "JSON files") as progress:
            for path in self.files:
                self._sort_in(path)
                progress.advance()
        for layout in self.layouts:
            if layout.name in self.items:
                self.reading.add(layout.read(self.items[layout.name]))
        return self.reading

    def _enter(self, folder: Path) -> bool:
        """Take note of a folder; tell whether what lies in it is to be looked at."""
        if not self._is_new(folder):
            return False
        try:
            known = next((own for own in self.layouts if own.is_folder(folder)), None)
        except OSError as error:
            self._add_problem(folder, _unreadable(error))
            return False
        if known is not None:
            self.items.setdefault(known.name, []).append(Item(folder))
        return known is None

    def _files_in(self, folder: Path) -> None:
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() != _JSON or path.name.startswith(_HIDDEN):
                continue
            if path.is_dir():
                self._add_problem(path, "is a folder, not a file; what lies in it was looked at")
            else:
                self._file(path)

    def _file(self, path: Path) -> None:
        if self._is_new(path) or not path.exists():
            self.files.append(path)

    def _is_new(self, path: Path) -> bool:
        real = os.path.realpath(path)
        is_new = real not in self.seen
        self.seen.add(real)
        return is_new

    def _sort_in(self, path: Path) -> None:
        try:
            content = read_json(path)
        except RecordError as error:
            self._add_problem(path, str(error).removeprefix(f"{path}: "))
            return
        for layout in self.layouts:
            if layout.is_file(path, content.value):
                item = Item(path, content.value, content.faults)
                self.items.setdefault(layout.name, []).append(item)
                return
        kind = "an object" if isinstance(content.value, dict) else _kind(content.value)
        known = ", ".join(LAYOUTS)
        self._add_problem(path, f"holds {kind} of no layout that is known here ({known})")

    def _add_problem(self, path: Path, reason: str) -> None:
        from studygrid.results.loading import Problem

        self.reading.problems.append(Problem(path, reason))


def _unreadable(error: OSError) -> str:
    return f"cannot be looked into ({error.strerror or error})"


def _kind(value: object) -> str:
    names = {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _folders(
    top: Path, enter: Callable[[Path], bool], report: Callable[[Path, str], None]
) -> Iterator[Path]:
    """Yield the folders below a folder, itself first, as far as `enter` lets us."""

    def failed(error: OSError) -> None:
        report(Path(error.filename), _unreadable(error))

    if not enter(top):
        return
    for root, names, _ in os.walk(top, onerror=failed, followlinks=True):
        folder = Path(root)
        names[:] = [
            name for name in sorted(names) if not name.startswith(_HIDDEN) and enter(folder / name)
        ]
        yield folder
