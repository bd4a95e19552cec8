"""Finding runs: below a sweep's folder, or as a list of folders, of this layout or our own."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from studygrid.errors import ConfigError, NoRunsError, RecordError
from studygrid.interchange.foreign.json_files import read_json
from studygrid.interchange.thesis import CONFIG, OLD_CONFIG, POINTER
from studygrid.interchange.thesis_own import is_own_run
from studygrid.plan import Plan, read_plan

_OWN_RUNS: Final = "runs/*/res*/n*/seed*"
_SWEEP: Final = re.compile(r"exp_(?P<moment>\d{8}-\d{6})(?:_(?P<name>.+))?")
_DEEPEST: Final = 6


@dataclass(frozen=True)
class Place:
    """A run folder.

    Attributes
    ----------
    is_own
        Whether it is of our own, with records.
    planned, study, dataset
        The spec that its study has for it, and the names of both, if a study.yaml says them.
    """

    folder: Path
    is_own: bool = False
    planned: str | None = None
    study: str | None = None
    dataset: str | None = None


@dataclass
class Found:
    """Run folders in the order in which they were found, each once, and what was wrong."""

    places: list[Place] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _entered: set[str] = field(default_factory=set)

    def enters(self, folder: Path) -> bool:
        """Tell whether a folder is looked into for the first time: links may go in circles."""
        real = os.path.realpath(folder)
        is_new = real not in self._entered
        self._entered.add(real)
        return is_new

    def add(self, place: Place) -> None:
        """Take note of a run folder, unless it is there already."""
        real = os.path.realpath(place.folder)
        if real not in self._seen:
            self._seen.add(real)
            self.places.append(place)


def find_places(
    sweep_dir: str | Path | None, run_dirs: Iterable[str | Path] | str | Path | None
) -> Found:
    """Return the run folders of a sweep, or those of a list; both may be globs.

    A sweep is the folder of a sweep of the guide (``multiruns/exp_<time>_<name>``, whose runs may
    lie in it, beside it in ``runs/``, or be named by pointer files), one with run folders
    anywhere in it, or a results folder of ours.

    Raises
    ------
    ConfigError
        If not exactly one of both is given.
    NoRunsError
        If a folder that is named is not there.
    """
    listed = [run_dirs] if isinstance(run_dirs, str | Path) else list(run_dirs or ())
    if (sweep_dir is None or str(sweep_dir) == "") == (not listed):
        both = "both are given" if listed else "none of both is given"
        raise ConfigError(
            f"give exactly one of inputs.sweep_dir and inputs.run_dirs ({both}): the folder of a "
            "sweep, or a list of run folders"
        )
    found = Found()
    if listed:
        for given in listed:
            for folder in _matches(given, "run_dirs"):
                _look(folder, found)
    else:
        assert sweep_dir is not None
        for folder in _matches(sweep_dir, "sweep_dir"):
            _look(folder, found)
    return found


def is_facts_run(folder: Path) -> bool:
    """Tell whether a folder is a run of the facts layout, whole or not."""
    return (folder / "facts").is_dir() or _has_config(folder)


def _has_config(folder: Path) -> bool:
    return (folder / CONFIG).is_file() or (folder / OLD_CONFIG).is_file()


def _matches(given: str | Path, key: str) -> list[Path]:
    text = str(Path(given).expanduser())
    if Path(text).exists() or not glob.has_magic(text):
        found = [Path(text)]
    else:
        names = sorted(glob.glob(text, recursive=True))  # noqa: PTH207
        found = [Path(name) for name in names if Path(name).is_dir()]
        if not found:
            raise NoRunsError(f"No valid runs found: inputs.{key}: no folder matches {text}")
    if not found[0].is_dir():
        what = "is a file, not a folder" if found[0].exists() else "does not exist"
        raise NoRunsError(f"No valid runs found: inputs.{key}: {text} {what}")
    return found


def _look(folder: Path, found: Found) -> None:
    """Take what a named folder is: one run, a study, or a sweep."""
    if _add_run(folder, found) or _add_study(folder, found):
        return
    before = len(found.places)
    for target in (*_beside(folder), *_pointed(folder, found)):
        found.add(Place(target, is_own=not is_facts_run(target)))
    _add_below(folder, found, 0)
    if len(found.places) > before:
        return
    if _has_config(folder):
        found.add(Place(folder))
        return
    found.problems.append(
        (str(folder), f"holds no run: none of the folders in it has facts/, {CONFIG} or records")
    )


def _add_run(folder: Path, found: Found) -> bool:
    """Take a folder that has facts or records; one that has a config alone may hold runs."""
    if (folder / "facts").is_dir():
        found.add(Place(folder))
    elif is_own_run(folder):
        found.add(Place(folder, is_own=True))
    else:
        return False
    return True


def _add_study(folder: Path, found: Found) -> bool:
    """Take the runs of a results folder of ours, planned ones that are not there too."""
    plan = _plan(folder, found)
    there = sorted(path for path in folder.glob(_OWN_RUNS) if is_own_run(path))
    if plan is None and not there:
        return False
    if plan is not None:
        for run, spec in zip(plan.runs, plan.train_spec_texts(), strict=True):
            own = folder / "runs" / run.path
            found.add(Place(own, True, spec, plan.study.name, plan.dataset.name))
    for path in there:
        found.add(Place(path, is_own=True))
    return True


def _plan(folder: Path, found: Found) -> Plan | None:
    path = folder / "study.yaml"
    if not path.is_file():
        return None
    try:
        return read_plan(path, check_files=False)
    except ConfigError as error:
        found.problems.append((str(path), f"cannot be used: {error}"))
        return None


def _add_below(folder: Path, found: Found, depth: int) -> None:
    if depth > _DEEPEST or not found.enters(folder):
        return
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        found.problems.append((str(folder), f"cannot be looked into ({error.strerror})"))
        return
    for path in inside:
        if not path.is_dir() or _add_run(path, found) or _add_study(path, found):
            continue
        before = len(found.places)
        _add_below(path, found, depth + 1)
        if len(found.places) == before and _has_config(path):
            found.add(Place(path))


def _beside(folder: Path) -> Iterator[Path]:
    """Yield the runs of a sweep of the guide that lie in ``runs/`` beside its ``multiruns/``."""
    named = _SWEEP.fullmatch(folder.name)
    runs = folder.absolute().parent.parent / "runs"
    if named is None or folder.absolute().parent.name != "multiruns" or not runs.is_dir():
        return
    for path in sorted(runs.iterdir()):
        is_of_it = named["moment"] in path.name and (named["name"] or "") in path.name
        if is_of_it and is_facts_run(path):
            yield path


def _pointed(folder: Path, found: Found) -> Iterator[Path]:
    """Yield the folders that pointer files name: ``{"path": "../../runs/a"}``."""
    for path in sorted((*folder.glob(f"*{POINTER}"), *folder.glob(f"runs/*{POINTER}"))):
        try:
            content = read_json(path).value
        except RecordError as error:
            found.problems.append((str(path), str(error).removeprefix(f"{path}: ")))
            continue
        named = content.get("path") if isinstance(content, dict) else None
        if not isinstance(named, str) or not named or "\0" in named:
            found.problems.append((str(path), "names no folder: it should have the key `path`"))
            continue
        target = Path(os.path.normpath(path.parent / named))
        if not target.is_dir() or not (is_facts_run(target) or is_own_run(target)):
            found.problems.append((str(path), f"points to {named}, which is no run folder"))
            continue
        yield target
