"""Exporting the runs of a study to a tracker, each once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from studygrid.errors import NoRunsError, StudygridError
from studygrid.execution.locks import sole_writer
from studygrid.execution.progress import ProgressBar
from studygrid.families.base import load_reference
from studygrid.grid import Run
from studygrid.results.selection import Selection, selected
from studygrid.results.study_results import StudyResults
from studygrid.trackers import TRACKERS
from studygrid.trackers.content import TrackedRun, identity, run_id, tracked_run
from studygrid.trackers.index import Entry, ExportIndex


class Tracker(Protocol):
    """A place that runs are written to.

    Attributes
    ----------
    environment
        Variables that keep the tracker's own package on this machine.
    """

    environment: Mapping[str, str]

    def __init__(self, output: Path) -> None: ...

    def open(self) -> None:
        """Import the tracker's package, with `environment` in force."""
        ...

    def write(self, run: TrackedRun) -> Path:
        """Write a run; return a file or folder that is there as long as the run is."""
        ...

    def remove(self, run: TrackedRun, place: Path | None) -> None:
        """Remove an earlier export of a run; `place` is None where that was cut off."""
        ...

    def close(self) -> None:
        """Finish what is being written."""
        ...

    def how_to_view(self) -> str:
        """Return the command that shows what was exported."""
        ...


@dataclass(frozen=True)
class Exported:
    """What an export did.

    Attributes
    ----------
    new, replaced, unchanged
        Runs that were written, written anew since they had changed, and there already.
    failed
        How many of all these ended without a result; they are exported with their status.
    missing
        Runs without usable records, which are not exported.
    """

    output: Path
    new: int
    replaced: int
    unchanged: int
    failed: int
    missing: tuple[Run, ...]
    how_to_view: str


def export(
    study: StudyResults, tracker: str, output: Path, selection: Selection | None = None
) -> Exported:
    """Write the runs of a study to a tracker's files; what is there already stays.

    Raises
    ------
    StudygridError
        If the tracker's package is not installed, or its files cannot be written.
    SelectionError
        If the selection names no run.
    NoRunsError
        If no run that is asked for has records.
    """
    runs = selected(study.plan.runs, selection)
    there = [run for run in runs if run in study.facts]
    if not there:
        raise NoRunsError(
            f"{study.folder}: none of the {len(runs)} runs that are asked for has usable records"
        )
    target: Tracker = load_reference(TRACKERS[tracker])(output)
    try:
        new, replaced = _write_stale(study, there, tracker, target, output)
    except OSError as error:
        raise StudygridError(
            f"{output}: cannot be written to ({error.strerror or error}); put that right and give "
            "the same command again, which goes on from here, or name another --output"
        ) from None
    return Exported(
        output=output,
        new=new,
        replaced=replaced,
        unchanged=len(there) - new - replaced,
        failed=sum(study.facts[run].status != "ok" for run in there),
        missing=tuple(run for run in runs if run not in study.facts),
        how_to_view=target.how_to_view(),
    )


def _write_stale(
    study: StudyResults, runs: Sequence[Run], name: str, target: Tracker, output: Path
) -> tuple[int, int]:
    """Write the runs that are not there as they are now; return how many are new, and replaced."""
    if not _stale(study, runs, ExportIndex(output)):
        return 0, 0  # also where nothing can be written
    with _environment(target.environment):
        _open(target, name)
        try:
            with sole_writer(output):
                index = ExportIndex(output)  # anew: another export may have just ended
                stale = _stale(study, runs, index)
                known = sum(index.find(run_id(study, run)) is not None for run in stale)
                with ProgressBar(f"exporting to {name}", len(stale), 0, "runs") as progress:
                    for run in stale:
                        _write_run(tracked_run(study, run), target, index)
                        progress.advance()
        finally:
            target.close()
    return len(stale) - known, known


def _stale(study: StudyResults, runs: Sequence[Run], index: ExportIndex) -> list[Run]:
    return [run for run in runs if not index.holds(run_id(study, run), identity(study, run))]


def _open(target: Tracker, name: str) -> None:
    try:
        target.open()
    except ImportError as error:
        raise StudygridError(
            f"the tracker {name} cannot be used here ({error}); install it with "
            "pip install 'studygrid[trackers]'"
        ) from None


def _write_run(run: TrackedRun, target: Tracker, index: ExportIndex) -> None:
    before = index.find(run.id)
    if before is not None:
        target.remove(run, None if before.place is None else index.output / before.place)
    index.note(Entry(id=run.id, identity=run.identity, place=None))
    place = target.write(run).relative_to(index.output).as_posix()
    index.note(Entry(id=run.id, identity=run.identity, place=place))


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
