"""Exporting the runs of a study in the facts layout."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studygrid.errors import NoRunsError, RecordError, StudygridError
from studygrid.execution.locks import sole_writer
from studygrid.execution.progress import ProgressBar
from studygrid.grid import Run
from studygrid.interchange.exported_files import Content, ExportFolder, encoded
from studygrid.interchange.thesis import (
    CHECKPOINT,
    CONFIG,
    EVENTS,
    INDEX,
    OVERRIDES,
    POINTER,
    SCALARS,
    TRAIN_RECORD,
)
from studygrid.interchange.thesis_documents import run_files
from studygrid.interchange.thesis_settings import overridden
from studygrid.interchange.vae_export import ExportedRuns
from studygrid.interchange.vae_runs import run_id
from studygrid.records import Status
from studygrid.results.selection import Selection, selected
from studygrid.results.study_results import StudyResults

_FILES: Final = (EVENTS, SCALARS, CONFIG, OVERRIDES, TRAIN_RECORD, CHECKPOINT)
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]+")
_LONGEST: Final = 64


@dataclass(frozen=True)
class ExportedFacts(ExportedRuns):
    """What an export did.

    Attributes
    ----------
    ended_badly
        How many runs are there as runs that have not ended, by their status.
    sweep
        The folder that names all runs.
    """

    ended_badly: Mapping[str, int] | None = None
    sweep: Path | None = None

    @property
    def more(self) -> list[str]:
        """What else it did, in words."""
        listed = ", ".join(f"{n} {status}" for status, n in (self.ended_badly or {}).items())
        said = [f"without on_train_end, as they ended without a result: {listed}"]
        return [*(said if listed else []), f"the sweep: {self.sweep}", *super().more]


def export_facts(
    study: StudyResults, output: Path, selection: Selection | None = None
) -> ExportedFacts:
    """Write a run folder for each run that has records, and a sweep that names them all.

    Runs that diverged or ran out of memory have an ``on_exception`` and no ``on_train_end``, so
    that readers leave them out and say why. Afterwards the folder holds what was asked for: files
    that are as they should be stay, and those that an earlier export wrote of other runs are
    taken away, unless they were changed.

    Raises
    ------
    StudygridError
        If the folder holds an export of another study, or it cannot be written to.
    SelectionError
        If the selection names no run.
    NoRunsError
        If no run that is asked for has records.
    """
    runs = selected(study.plan.runs, selection)
    there = [run for run in runs if run in study.facts]
    if not there:
        raise NoRunsError(f"{study.folder}: none of the {len(runs)} runs that are asked for ended")
    missing = tuple(run for run in runs if run not in study.facts)
    try:
        with sole_writer(output):
            return _write(study, there, missing, output)
    except OSError as error:
        raise StudygridError(
            f"{output}: cannot be written to ({error.strerror or error}); put that right and give "
            "the same command again, which goes on from here, or name another --output"
        ) from None


def run_name(study: StudyResults, run: Run) -> str:
    """Return the name of a run's folder: the study, and all of the run's axes."""
    return f"run_{slug(study.name)}_{run_id(run)}"


def slug(name: str) -> str:
    """Return a study's name as a part of folder names: ``Event tokenizers`` is lower case."""
    return _UNSAFE.sub("-", name.lower())[:_LONGEST].strip("-.") or "study"


def _write(
    study: StudyResults, runs: Sequence[Run], missing: tuple[Run, ...], output: Path
) -> ExportedFacts:
    folder, sweep = ExportFolder(output, study.name, INDEX), f"multiruns/exp_{slug(study.name)}"
    keys = overridden(study)
    counts: Counter[str] = Counter()
    problems: dict[Run, str] = {}
    files: dict[str, Content] = {}
    with ProgressBar("exporting to thesis", len(runs), 0, "runs") as progress:
        for run in runs:
            try:
                own = _files(study, run, output, sweep, keys)
                folder.check(own)
            except RecordError as error:
                problems[run] = str(error)
            else:
                counts[_change(folder, own)] += 1
                files |= own
            progress.advance()
    folder.write(files)
    spared = {name for run in problems for name in _places(study, run, sweep)}
    removed, kept = folder.keep_only(files, spared=spared)
    statuses = Counter(study.facts[run].status for run in runs if run not in problems)
    return ExportedFacts(
        output=output,
        new=counts["new"],
        replaced=counts["replaced"],
        unchanged=counts["unchanged"],
        missing=missing,
        problems=problems,
        removed=removed,
        kept=tuple(kept),
        ended_badly={name: n for name, n in statuses.items() if name != Status.OK.value},
        sweep=output / sweep,
    )


def _files(
    study: StudyResults, run: Run, output: Path, sweep: str, keys: Sequence[str]
) -> dict[str, Content]:
    name = run_name(study, run)
    own = run_files(study, run, output / "runs" / name, keys)
    pointer = encoded({"path": f"../../runs/{name}"})
    return {
        **{f"runs/{name}/{place}": content for place, content in own.items()},
        f"{sweep}/{name}{POINTER}": pointer,
    }


def _places(study: StudyResults, run: Run, sweep: str) -> list[str]:
    name = run_name(study, run)
    return [*(f"runs/{name}/{place}" for place in _FILES), f"{sweep}/{name}{POINTER}"]


def _change(folder: ExportFolder, files: Mapping[str, Content]) -> str:
    """Return what becomes of a run: ``new``, ``replaced`` or ``unchanged``."""
    if not any(folder.wrote(name) for name in files):
        return "new"
    same = all(folder.is_there(name, content) for name, content in files.items())
    return "unchanged" if same else "replaced"
