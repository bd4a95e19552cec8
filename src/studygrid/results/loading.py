"""load_runs: the runs of studies, folders and globs as tables."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from studygrid.axes import AXES
from studygrid.errors import ConfigError, NoRunsError, RecordError
from studygrid.grid import Run, run_of_path
from studygrid.plan import read_plan
from studygrid.records import ProfileRecord, read_record
from studygrid.results.epochs import read_epochs
from studygrid.results.frames import frame_of
from studygrid.results.reading import RunFacts, read_all
from studygrid.results.rows import MISSING, Row, planned_runs, profile_row, run_row
from studygrid.results.selection import Selection, check_axes, selected

Paths = str | Path | Iterable[str | Path]
_NAMED = 8


@dataclass(frozen=True)
class Problem:
    """A file that could not be used, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        """Say both, the file once."""
        named = self.reason.startswith(str(self.path))
        return self.reason if named else f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Runs:
    """Runs, however far they have come.

    Attributes
    ----------
    frame
        One row a run: `study` (its results folder), `folder`, and the columns of
        aggregated_metrics.csv; `n_train` is text. A run that has no usable records yet has the
        status ``missing`` and the reason.
    order
        The values of each axis in the order of the config, or sorted where there is none.
    problems
        Every file that could not be used, and why.
    """

    frame: pd.DataFrame
    order: dict[str, list[Any]]
    problems: list[Problem]
    _folders: Mapping[Path, Run] = field(repr=False)

    @cached_property
    def epochs(self) -> pd.DataFrame:
        """One row an epoch, with `study`, `folder` and the run's axes; read on first use."""
        parts = []
        for folder, run in self._folders.items():
            part, problems = read_epochs({run: folder})
            self.problems.extend(Problem(*found) for found in problems.items())
            if len(part):
                parts.append(part.assign(folder=str(folder)))
        if not parts:
            return pd.DataFrame(columns=["study", "folder", *AXES, "epoch"])
        epochs = pd.concat(parts, ignore_index=True)
        study = dict(zip(self.frame["folder"], self.frame["study"], strict=True))
        epochs.insert(0, "folder", epochs.pop("folder"))
        epochs.insert(0, "study", epochs["folder"].map(study))
        return epochs


def load_runs(paths: Paths, select: Selection | None = None) -> Runs:
    """Read the runs of one study, several, a list of run folders, or a glob of these.

    Parameters
    ----------
    paths
        Results folders, run folders (``…/seed0``), globs of either, or a list of such. Of a
        results folder with a study.yaml, every planned run has a row, be it there or not.
    select
        Values of axes: ``{"model": ["resnet18"], "seed": [0, 1]}``; an axis that is not named
        is not restricted.

    Raises
    ------
    NoRunsError
        If no run has a usable record; it says where was looked and what was missing.
    SelectionError
        If `select` names no axis, no value, or a value that no run has.
    """
    check_axes(select if isinstance(select, Mapping) else ())
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    parts, problems = _read(given)
    folders = {folder: run for part in parts for folder, run in part.folders.items()}
    if folders:
        wanted = set(selected(folders.values(), select))
        folders = {folder: run for folder, run in folders.items() if run in wanted}
        left_out = {folder for part in parts for folder in part.folders} - folders.keys()
        problems = [found for found in problems if not {found.path, found.path.parent} & left_out]
    rows = [row for part in parts for row in part.rows if Path(row["folder"]) in folders]
    if all(row["status"] == MISSING for row in rows):
        raise NoRunsError(_nothing(given, problems))
    return Runs(frame_of(rows), _order(parts, folders.values()), problems, folders)


@dataclass
class _Part:
    """What one study holds, or the named run folders of one."""

    rows: list[Row] = field(default_factory=list)
    folders: dict[Path, Run] = field(default_factory=dict)
    order: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, root: Path, folder: Path, run: Run, row: Row) -> None:
        self.folders[folder] = run
        self.rows.append({"study": str(root), "folder": str(folder), **row})


def _read(given: Iterable[str | Path]) -> tuple[list[_Part], list[Problem]]:
    problems: list[Problem] = []
    parts: list[_Part] = []
    run_folders: dict[Path, list[Path]] = {}
    named: dict[str, Path] = {}
    covered: set[str] = set()  # run folders of results folders: they may be named beside
    for real, folder in _once(match for path in given for match in _matches(path)).items():
        if (folder / "study.yaml").is_file():
            parts.append(_read_study(folder, problems))
            covered.update(f"{real}/{found.relative_to(folder)}" for found in parts[-1].folders)
        elif (folder / "runs").is_dir():
            run_folders[folder] = _run_folders(folder)
            covered.update(f"{real}/{found.relative_to(folder)}" for found in run_folders[folder])
            if not run_folders[folder]:
                problems.append(Problem(folder, "has no study.yaml, and no run in runs/"))
        elif (folder / "train.json").exists() or _run_of(folder) is not None:
            named[real] = folder
        else:
            there = "has no study.yaml, no runs/ and no train.json"
            problems.append(Problem(folder, there if folder.exists() else "does not exist"))
    for real, folder in named.items():
        if real not in covered:
            run_folders.setdefault(_root(folder), []).append(folder)
    parts += [_read_folders(root, found, problems) for root, found in run_folders.items()]
    return parts, problems


def _once(folders: Iterable[Path]) -> dict[str, Path]:
    """Return each folder as it is named first, by its real path: a run must not count twice."""
    first: dict[str, Path] = {}
    for folder in folders:
        first.setdefault(os.path.realpath(folder), folder)
    return first


def _matches(path: str | Path) -> list[Path]:
    """Return the folders that a path or glob names; a file stands for the folder it is in."""
    text = str(path)
    if glob.has_magic(text) and not Path(text).exists():
        found = [Path(match) for match in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207
        return [match for match in found if match.is_dir()] or [Path(text)]
    return [Path(text).parent if Path(text).is_file() else Path(text)]


def _read_study(root: Path, problems: list[Problem]) -> _Part:
    try:
        plan = read_plan(root / "study.yaml", check_files=False)
    except ConfigError as error:
        problems.append(Problem(root / "study.yaml", str(error)))
        return _read_folders(root, _run_folders(root), problems)
    part = _Part(order={axis: list(plan.axis(axis)) for axis in AXES})
    rows, facts = planned_runs(plan, root)
    for run, row in zip(plan.runs, rows, strict=True):
        folder = root / "runs" / run.path
        part.add(root, folder, run, row)
        if run not in facts:
            problems.append(Problem(folder, str(row["reason"])))
    profiles = {(row["model"], row["resolution"]): row.get("profile_reason") for row in rows}
    for (model, resolution), reason in profiles.items():
        path = root / "profiles" / str(model) / f"res{resolution}.json"
        if reason and str(reason).startswith(str(path)) and path.exists():
            problems.append(Problem(path, str(reason)))
    for folder in _run_folders(root):
        if folder not in part.folders:
            problems.append(Problem(folder, f"is not in the grid of {root / 'study.yaml'}"))
    return part


def _read_folders(root: Path, folders: list[Path], problems: list[Problem]) -> _Part:
    """Read run folders that no plan names: the records say what they are."""
    below = {folder: os.path.relpath(folder, root) for folder in folders}
    facts, errors = read_all(root, below.values())
    part = _Part()
    profiles: dict[tuple[str, int], Row] = {}
    for folder, key in below.items():
        named = _run_of(folder)
        run = _run_of_spec(facts[key]) if key in facts else named
        reason = str(errors[key]) if key in errors else None
        if run is not None and named not in (None, run):
            reason = f"{folder / 'train.json'}: is of the run {run.path}, not of its folder's"
            run = named
        if reason is not None:
            problems.append(Problem(folder, reason))
        if run is None:
            continue
        found = facts.get(key) if reason is None else None
        pair = (run.model, run.resolution)
        if pair not in profiles:
            profiles[pair] = _profile(root, *pair, problems)
        row = run_row(run, found, reason, found.metrics if found else ())
        part.add(root, folder, run, row | profiles[pair])
    return part


def _run_folders(root: Path) -> list[Path]:
    return sorted(found for found in root.glob("runs/*/res*/n*/seed*") if _run_of(found))


def _run_of(folder: Path) -> Run | None:
    try:
        return run_of_path(folder.absolute().as_posix())
    except ValueError:
        return None


def _run_of_spec(facts: RunFacts) -> Run:
    spec = json.loads(facts.spec)
    return Run(**{axis: spec[axis] for axis in AXES})


def _root(folder: Path) -> Path:
    """Return the results folder that a run folder lies in, or else the folder above it."""
    parents = folder.absolute().parents
    in_study = _run_of(folder) is not None and len(parents) > 4 and parents[3].name == "runs"
    return parents[4] if in_study else parents[0]


def _profile(root: Path, model: str, resolution: int, problems: list[Problem]) -> Row:
    path = root / "profiles" / model / f"res{resolution}.json"
    if not path.exists():
        return {}
    try:
        profile = read_record(path, ProfileRecord)
    except RecordError as error:
        problems.append(Problem(path, str(error)))
        return {}
    return profile_row(profile, None, [latency.batch_size for latency in profile.latency])


def _order(parts: Iterable[_Part], runs: Iterable[Run]) -> dict[str, list[Any]]:
    """Return the values of each axis: as the studies order them, then sorted."""
    runs = list(runs)
    order: dict[str, list[Any]] = {}
    for axis in AXES:
        values = {getattr(run, axis) for run in runs}
        planned = [value for part in parts for value in part.order.get(axis, ())]
        others = sorted(values, key=lambda value: (isinstance(value, str), value))
        listed = [value for value in dict.fromkeys([*planned, *others]) if value in values]
        order[axis] = [str(value) for value in listed] if axis == "n_train" else listed
    return order


def _nothing(given: Iterable[str | Path], problems: Iterable[Problem]) -> str:
    # What was looked in comes before what was looked for in it.
    nearest_first = sorted(problems, key=lambda found: len(found.path.parts))
    listed = list(map(str, nearest_first))
    more = [f"and {len(listed) - _NAMED} more"] if len(listed) > _NAMED else []
    looked = ", ".join(map(str, given)) or "no path at all"
    return "\n  ".join([f"No valid runs found in {looked}.", *listed[:_NAMED], *more])
