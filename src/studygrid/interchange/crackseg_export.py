"""Exporting the runs of a study in CrackSeg's layout, each once."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from studygrid.errors import NoRunsError, RecordError, StudygridError
from studygrid.execution.locks import sole_writer
from studygrid.execution.progress import ProgressBar
from studygrid.families.base import Family
from studygrid.grid import Run
from studygrid.interchange.crackseg import (
    CHECKPOINT,
    EPOCHS,
    FINAL_RESULTS,
    LOG,
    ROOT_CHECKPOINT,
    SUMMARY,
    VALIDATION,
)
from studygrid.interchange.crackseg_documents import METRICS, SCHEMA_VERSION, WRITER, Summary
from studygrid.interchange.crackseg_reading import read_document
from studygrid.interchange.crackseg_runs import content_of, folder_name
from studygrid.interchange.crackseg_writing import Content, write_content
from studygrid.records import Status
from studygrid.results.selection import Selection, selected
from studygrid.results.study_results import StudyResults
from studygrid.trackers.content import identity

_ALWAYS = (SUMMARY, EPOCHS, VALIDATION, FINAL_RESULTS, CHECKPOINT, ROOT_CHECKPOINT)
Exports = dict[Run, list[tuple[Path, Summary]]]


@dataclass(frozen=True)
class ExportedExperiments:
    """What an export did.

    Attributes
    ----------
    new, replaced, unchanged
        Experiments that were written, written anew since they had changed, and there already.
    failed, missing
        Runs that ended without a result, and runs without usable records: neither is exported.
    problems
        Runs that should have been exported and could not be, and why.
    """

    output: Path
    new: int = 0
    replaced: int = 0
    unchanged: int = 0
    failed: tuple[Run, ...] = ()
    missing: tuple[Run, ...] = ()
    problems: dict[Run, str] = field(default_factory=dict)

    @property
    def more(self) -> list[str]:
        """What else it did, in words."""
        return []


def export_experiments(
    study: StudyResults, output: Path, selection: Selection | None = None
) -> ExportedExperiments:
    """Write a folder for each run that ended well; what is there already stays.

    Raises
    ------
    StudygridError
        If the study's family has not the scores that the layout needs, or the folder cannot be
        written to.
    SelectionError
        If the selection names no run.
    NoRunsError
        If no run that is asked for ended well.
    """
    _check_family(study.family)
    runs = selected(study.plan.runs, selection)
    there = [run for run in runs if run in study.facts]
    ok = [run for run in there if study.facts[run].status == Status.OK]
    if not ok:
        raise NoRunsError(
            f"{study.folder}: none of the {len(runs)} runs that are asked for has ended well"
        )
    try:
        new, replaced, problems = _write_stale(study, ok, output)
    except OSError as error:
        raise StudygridError(
            f"{output}: cannot be written to ({error.strerror or error}); put that right and give "
            "the same command again, which goes on from here, or name another --output"
        ) from None
    return ExportedExperiments(
        output=output,
        new=new,
        replaced=replaced,
        unchanged=len(ok) - new - replaced - len(problems),
        failed=tuple(run for run in there if run not in ok),
        missing=tuple(run for run in runs if run not in study.facts),
        problems=problems,
    )


def _check_family(family: Family) -> None:
    scored = {"loss", *family.epoch_metrics}
    lacking = [name for name in METRICS if name not in scored]
    if lacking:
        raise StudygridError(
            f"CrackSeg's layout is for segmentation: it needs {', '.join(METRICS)} of every epoch, "
            f"and the family {family.name} does not score {', '.join(lacking)}; export to a "
            "tracker, or a study of the family segmentation"
        )


def _write_stale(
    study: StudyResults, runs: Sequence[Run], output: Path
) -> tuple[int, int, dict[Run, str]]:
    """Write the runs that are not there as they are now; count the new and the replaced."""
    if not _stale(study, runs, _exports(study, output)):
        return 0, 0, {}  # also where nothing can be written
    new = replaced = 0
    problems: dict[Run, str] = {}
    with sole_writer(output):
        exports = _exports(study, output)  # anew: another export may have just ended
        stale = _stale(study, runs, exports)
        with ProgressBar("exporting to crackseg", len(stale), 0, "runs") as progress:
            for run in stale:
                earlier = [folder for folder, _ in exports.get(run, ())]
                try:
                    _put(content_of(study, run), output, earlier)
                except RecordError as error:
                    problems[run] = str(error)
                else:
                    new, replaced = new + (not earlier), replaced + bool(earlier)
                progress.advance()
    return new, replaced, problems


def _exports(study: StudyResults, output: Path) -> Exports:
    """Return the folders that hold earlier exports of the study's runs."""
    found: Exports = {}
    for path in sorted(output.glob(f"[0-9]*-*/{SUMMARY}")):
        try:
            summary = read_document(path, Summary)
        except RecordError:  # nothing of ours
            continue
        if summary.written_by == WRITER and summary.study == study.name and summary.run:
            run = Run(**summary.run.model_dump())
            found.setdefault(run, []).append((path.parents[1], summary))
    return found


def _stale(study: StudyResults, runs: Sequence[Run], exports: Exports) -> list[Run]:
    return [run for run in runs if not _is_there(study, run, exports.get(run, ()))]


def _is_there(study: StudyResults, run: Run, found: Sequence[tuple[Path, Summary]]) -> bool:
    """Tell whether a run was exported as it is now, and nothing of it has gone since."""
    if len(found) != 1:
        return False
    folder, summary = found[0]
    if summary.records_hash != identity(study, run) or summary.schema_version != SCHEMA_VERSION:
        return False
    files = [*_ALWAYS, *([] if LOG in summary.reasons else [LOG])]
    return all((folder / name).is_file() for name in files)


def _put(content: Content, output: Path, earlier: Sequence[Path]) -> None:
    """Write a folder beside its place, then put it there whole."""
    place = output / folder_name(content.summary)
    if place.exists() and place not in earlier:
        raise RecordError(
            f"{place}: is there, and is no export of this run; move it elsewhere, or name another "
            "--output"
        )
    staged, old = output / f".{place.name}.part", output / f".{place.name}.old"
    for left in (staged, old):  # by an export that was killed
        shutil.rmtree(left, ignore_errors=True)
    try:
        write_content(content, staged)
        if place.exists():
            place.rename(old)
        staged.rename(place)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    for folder in (old, *earlier):
        if folder != place:
            shutil.rmtree(folder, ignore_errors=True)
