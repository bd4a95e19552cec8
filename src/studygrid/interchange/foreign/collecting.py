"""Collecting the runs of other programs, of all layouts and families that lie below some paths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd

from studygrid.errors import NoRunsError
from studygrid.families import family_names, load_family
from studygrid.interchange.foreign.bounds import bounded_runs
from studygrid.interchange.foreign.finding import Found, find_runs
from studygrid.interchange.foreign.runs import ForeignRun
from studygrid.interchange.foreign.study import collected_study, family_of, frame_in_files
from studygrid.results.loading import Paths, Problem
from studygrid.results.study_results import StudyResults

_NAMED: Final = 8


@dataclass(frozen=True)
class Filling:
    """What a person says of runs whose files do not say it."""

    family: str | None = None
    resolution: int | None = None
    n_train: int | str | None = None

    def fill(self, runs: Iterable[ForeignRun]) -> tuple[list[ForeignRun], list[str]]:
        """Return the runs with what they lack, and what was filled in of how many."""
        notes, found = [], list(runs)
        for name, value in vars(self).items():
            lacking = sum(getattr(run, name) is None for run in found)
            if value is None or not lacking:
                continue
            found = [
                replace(run, **{name: value}) if getattr(run, name) is None else run
                for run in found
            ]
            notes.append(
                f"The files of {lacking:,} of {len(found):,} runs do not say {name}: it was given "
                f"as {value}."
            )
        return found, notes


@dataclass(frozen=True)
class CollectedRuns:
    """Runs that were collected.

    Attributes
    ----------
    studies
        The study of each family, by its name: for tables, figures and reports.
    problems
        Every folder and JSON file that could not be used, or not whole, and why.
    """

    studies: dict[str, StudyResults]
    problems: list[Problem]

    @property
    def frame(self) -> pd.DataFrame:
        """One row a run.

        `family`, `layout`, `paths`, the run's axes and what its files say, by the names of
        aggregated_metrics.csv. A resolution that is not said is 0, a size the text ``not said``;
        `numbered` tells whether the seed is a number that was given in place of an unknown one.
        Scores are ``test_<metric>`` and ``validation_<metric>``, of the kept weights.
        """
        return pd.concat(map(_frame, self.studies.values()), ignore_index=True)

    @property
    def epochs(self) -> pd.DataFrame:
        """One row an epoch, with `family` and the run's axes."""
        parts = [study.epochs for study in self.studies.values()]
        named = [part.assign(family=name) for name, part in zip(self.studies, parts, strict=True)]
        there = [part for part in named if len(part)]
        return pd.concat(there or named[:1], ignore_index=True)

    @property
    def notes(self) -> list[str]:
        """What was done to the runs, and what they lack, in sentences."""
        found = (study.collected for study in self.studies.values())
        return list(dict.fromkeys(note for one in found if one for note in one.notes))


def collect(
    paths: Paths,
    *,
    family: str | None = None,
    resolution: int | None = None,
    n_train: int | str | None = None,
    metric: str | None = None,
    output: Path | None = None,
) -> CollectedRuns:
    """Collect the runs below folders, in whatever of the known layouts they are.

    Parameters
    ----------
    paths
        Folders, JSON files, globs of either, or a list of such.
    family, resolution, n_train
        What runs are of whose files do not say it.
    metric
        The metric that the studies are about; if None, the family's own, or else the first that
        has a value.
    output
        The folder that results are to be written to, which is not looked into.

    Raises
    ------
    NoRunsError
        If there is no run; it says where was looked and what was wrong with what was there.
    ConfigError
        If there is no such family.
    """
    if family is not None:
        load_family(family)
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    found = find_runs(given, [] if output is None else [output])
    filled, notes = Filling(family, resolution, n_train).fill(found.runs)
    runs, problems = _of_known_families(filled, found.problems, family)
    if not runs:
        raise NoRunsError(_nothing(found, problems))
    studies, folder = {}, output or Path("collected")
    for name in runs:
        runs[name], more = bounded_runs(runs[name], load_family(name))
        problems += more
    for name, own in runs.items():
        studies[name] = collected_study(
            own,
            _title(found.looked_in, name if len(runs) > 1 else ""),
            folder / name if len(runs) > 1 else folder,
            metric=metric,
            looked_in=found.looked_in,
            problems=problems,
            notes=[*notes, *found.notes],
        )
    left_out = [one.collected.problems for one in studies.values() if one.collected]
    return CollectedRuns(studies, list(dict.fromkeys(one for own in left_out for one in own)))


def _of_known_families(
    runs: Sequence[ForeignRun], problems: Sequence[Problem], given: str | None
) -> tuple[dict[str, list[ForeignRun]], list[Problem]]:
    """Return the runs by family, and the problems with those of families that nobody has.

    A file may name only a family that is installed, or the one that was given: the name of
    another would be code to run.
    """
    known = {*family_names(), given}
    found: dict[str, list[ForeignRun]] = {}
    more: list[Problem] = []
    for run in runs:
        name = family_of(run)
        if name is None:
            more.append(Problem(run.paths[0], "says no family; give --family"))
        elif name not in known:
            listed = ", ".join(family_names())
            reason = f"is of the family {name!r}, which is none of the installed ones ({listed})"
            more.append(Problem(run.paths[0], reason))
        else:
            found.setdefault(name, []).append(run)
    return found, [*problems, *more]


def _title(looked_in: Sequence[Path], family: str) -> str:
    places = [path.name or path.absolute().name or str(path) for path in looked_in]
    start = f"{', '.join(places[:2])}{' …' if len(places) > 2 else ''}"
    return f"{start} ({family})" if family else start


def _nothing(found: Found, problems: Sequence[Problem]) -> str:
    nearest_first = sorted(problems, key=lambda one: len(one.path.parts))
    listed = [str(one) for one in nearest_first[:_NAMED]]
    more = [f"and {len(problems) - _NAMED} more"] if len(problems) > _NAMED else []
    looked = ", ".join(map(str, found.looked_in)) or "no path at all"
    return "\n  ".join([f"No valid runs found in {looked}.", *listed, *more])


def _frame(study: StudyResults) -> pd.DataFrame:
    frame = frame_in_files(study).copy()
    assert study.collected
    sources = [study.collected.sources[run] for run in study.plan.runs]
    frame.insert(0, "paths", ["; ".join(map(str, source.paths)) for source in sources])
    frame.insert(0, "layout", [source.layout for source in sources])
    frame.insert(0, "family", study.family.name)
    return frame
