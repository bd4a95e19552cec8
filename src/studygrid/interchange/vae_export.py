"""Exporting the runs of a study in the layout of the guide to VAE comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from studygrid.errors import NoRunsError, RecordError, StudygridError
from studygrid.execution.locks import sole_writer
from studygrid.execution.progress import ProgressBar
from studygrid.families.base import Family
from studygrid.grid import Run
from studygrid.interchange.crackseg_export import ExportedExperiments
from studygrid.interchange.exported_files import ExportFolder, encoded
from studygrid.interchange.vae import INDEX
from studygrid.interchange.vae_comparison import comparison_files
from studygrid.interchange.vae_documents import COLUMNS
from studygrid.interchange.vae_runs import documents_of, run_names, run_places
from studygrid.records import Status
from studygrid.results.selection import Selection, selected
from studygrid.results.study_results import StudyResults


@dataclass(frozen=True)
class ExportedRuns(ExportedExperiments):
    """What an export did.

    Attributes
    ----------
    removed
        Files of runs that are not exported any more, which are gone.
    kept
        Such files that somebody changed since, which stay.
    """

    removed: int = 0
    kept: tuple[str, ...] = ()

    @property
    def more(self) -> list[str]:
        """What else it did, in words."""
        removed = f"removed: {self.removed} files of runs that are not exported any more"
        stay = "stays, since it was changed after an export wrote it: "
        return [*([removed] if self.removed else []), *(f"{stay}{name}" for name in self.kept)]


def export_runs(
    study: StudyResults, output: Path, selection: Selection | None = None
) -> ExportedRuns:
    """Write the files of each run that ended well, and the comparison of all.

    Afterwards the folder holds what was asked for: files that are as they should be stay, and
    those that an earlier export wrote of other runs are taken away, unless they were changed.

    Raises
    ------
    StudygridError
        If the study's family has not the metrics of the layout, the folder holds an export of
        another study or a comparison that no export wrote, or it cannot be written to.
    SelectionError
        If the selection names no run.
    NoRunsError
        If no run that is asked for ended well.
    """
    check_family(study.family)
    runs = selected(study.plan.runs, selection)
    there = [run for run in runs if run in study.facts]
    ok = [run for run in there if study.facts[run].status == Status.OK]
    if not ok:
        raise NoRunsError(
            f"{study.folder}: none of the {len(runs)} runs that are asked for has ended well"
        )
    try:
        with sole_writer(output):
            written = _write(study, ok, comparison_files(study, runs), output)
    except OSError as error:
        raise StudygridError(
            f"{output}: cannot be written to ({error.strerror or error}); put that right and give "
            "the same command again, which goes on from here, or name another --output"
        ) from None
    return replace(
        written,
        failed=tuple(run for run in there if run not in ok),
        missing=tuple(run for run in runs if run not in study.facts),
    )


def check_family(family: Family) -> None:
    """Refuse a family that has not the metrics of the layout.

    Raises
    ------
    StudygridError
        With what it lacks.
    """
    lacking = [name for name in COLUMNS.values() if name not in family.metric_names]
    if lacking:
        raise StudygridError(
            f"the layout vae is for tag VAEs: the family {family.name} has no "
            f"{', '.join(lacking)}; export to a tracker, or a study of the family tagvae"
        )


def _write(
    study: StudyResults, runs: Sequence[Run], comparison: Mapping[str, bytes], output: Path
) -> ExportedRuns:
    folder, names = ExportFolder(output, study.name, INDEX), run_names(study.plan)
    try:
        folder.check(comparison)
    except RecordError as error:
        raise StudygridError(str(error)) from None
    new = replaced = unchanged = 0
    problems: dict[Run, str] = {}
    files = dict(comparison)
    with ProgressBar("exporting to vae", len(runs), 0, "runs") as progress:
        for run in runs:
            try:
                own = _files(study, run, names[run])
                folder.check(own)
            except RecordError as error:
                problems[run] = str(error)
            else:
                there = any(folder.wrote(name) for name in own)
                same = all(folder.is_there(name, content) for name, content in own.items())
                new += not there
                unchanged += same and there
                replaced += there and not same
                files |= own
            progress.advance()
    folder.write(files)
    before = {name for run in problems for name in run_places(run, names[run])}
    removed, kept = folder.keep_only(files, spared=before)
    return ExportedRuns(output, new, replaced, unchanged, (), (), problems, removed, tuple(kept))


def _files(study: StudyResults, run: Run, name: str) -> dict[str, bytes]:
    """Return the files of a run, by their place."""
    metrics, summary = (encoded(found.content()) for found in documents_of(study, run, name))
    return dict(zip(run_places(run, name), (metrics, summary, metrics, summary), strict=True))
