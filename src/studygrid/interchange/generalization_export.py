"""Exporting a study in the layout of the guide to generalization studies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studygrid.errors import NoRunsError, RecordError, StudygridError
from studygrid.execution.locks import sole_writer
from studygrid.execution.progress import ProgressBar
from studygrid.families.base import Family
from studygrid.grid import Run
from studygrid.interchange.exported_files import Content, ExportFolder
from studygrid.interchange.generalization import (
    AGGREGATED,
    COLUMNS,
    COMPARISON,
    COMPARISON_PLOT,
    INDEX,
    PARTS,
    RESULTS_PLOT,
)
from studygrid.interchange.generalization_folders import ComparisonFile
from studygrid.interchange.generalization_places import (
    arms_of,
    comparison_folder,
    run_folder,
    study_folder,
)
from studygrid.interchange.generalization_rows import comparison_rows
from studygrid.interchange.generalization_summary import COLUMNS as SUMMARY_COLUMNS
from studygrid.interchange.generalization_summary import summary_rows
from studygrid.interchange.generalization_table import Comparison, parse_comparison
from studygrid.interchange.vae_export import ExportedRuns
from studygrid.records import Status
from studygrid.results.selection import Selection, selected
from studygrid.results.study_results import StudyResults
from studygrid.tables.delimited import csv_bytes

_NEEDED: Final = tuple(f"{part}_{name}" for part in PARTS for name in ("mae", "mse", "psnr"))
_RECORDS: Final = ("train.json", "evaluate.json")
_HISTORY: Final = "epochs.jsonl"


@dataclass(frozen=True)
class ExportedStudy(ExportedRuns):
    """What an export did.

    Attributes
    ----------
    empty
        How many runs have rows without values, by their status.
    """

    empty: Mapping[str, int] | None = None

    @property
    def more(self) -> list[str]:
        """What else it did, in words."""
        counts = (self.empty or {}).items()
        listed = ", ".join(f"{count} {status}" for status, count in counts)
        said = f"rows without values, with the reason: {listed} of the runs"
        return [*([said] if listed else []), *super().more]


def export_study(
    study: StudyResults, output: Path, selection: Selection | None = None
) -> ExportedStudy:
    """Write the tables, plots and runs of a study, or of the part that is selected.

    Afterwards the folder holds what was asked for: files that are as they should be stay, and
    those that an earlier export wrote and this one does not are taken away, unless they were
    changed. Every run that is asked for has its rows, also one that failed or has not run yet.

    Raises
    ------
    StudygridError
        If the study's family has not the metrics of the layout, the folder holds an export of
        another study or a table that no export wrote, or it cannot be written to.
    SelectionError
        If the selection names no run.
    NoRunsError
        If no run that is asked for has ended.
    """
    check_family(study.family)
    runs = selected(study.plan.runs, selection)
    if not any(run in study.facts for run in runs):
        raise NoRunsError(f"{study.folder}: none of the {len(runs)} runs that are asked for ended")
    try:
        with sole_writer(output):
            return _write(study, runs, output)
    except OSError as error:
        raise StudygridError(
            f"{output}: cannot be written to ({error.strerror or error}); put that right and give "
            "the same command again, which goes on from here, or name another --output"
        ) from None


def check_family(family: Family) -> None:
    """Refuse a family that has not the metrics of the layout.

    Raises
    ------
    StudygridError
        With what it lacks.
    """
    lacking = [name for name in _NEEDED if name not in family.metric_names]
    if lacking:
        raise StudygridError(
            f"the layout generalization is for ptychography: the family {family.name} has no "
            f"{', '.join(lacking)}; export to a tracker, or a study of the family ptychography"
        )


def _write(study: StudyResults, runs: Sequence[Run], output: Path) -> ExportedStudy:
    folder = ExportFolder(output, study.name, INDEX)
    # Tables before plots: what is wrong with the folder or a record comes out at once.
    files: dict[str, Content] = {**_checked(folder, _tables(study, runs, output))}
    arms = arms_of(study.plan)
    ended = [run for run in runs if run in study.facts]
    counts: Counter[str] = Counter()
    problems: dict[Run, str] = {}
    with ProgressBar("exporting to generalization", len(ended), 0, "runs") as progress:
        for run in ended:
            try:
                own = _run_files(study, run, run_folder(study.plan, arms, run))
                folder.check(own)
            except RecordError as error:
                problems[run] = str(error)
            else:
                counts[_change(folder, own)] += 1
                files |= own
            progress.advance()
    files |= _checked(folder, _plots(study, runs))
    folder.write(files)
    before = {name for run in problems for name in _places(study, arms, run)}
    removed, kept = folder.keep_only(files, spared=before)
    return ExportedStudy(
        output=output,
        new=counts["new"],
        replaced=counts["replaced"],
        unchanged=counts["unchanged"],
        problems=problems,
        removed=removed,
        kept=tuple(kept),
        empty=_empty(study, runs),
    )


def _checked(folder: ExportFolder, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return files that may be written.

    Raises
    ------
    StudygridError
        If one is there that no export wrote.
    """
    try:
        folder.check(files)
    except RecordError as error:
        raise StudygridError(str(error)) from None
    return files


def _change(folder: ExportFolder, files: Mapping[str, Content]) -> str:
    """Return what becomes of a run: ``new``, ``replaced`` or ``unchanged``."""
    if not any(folder.wrote(name) for name in files):
        return "new"
    same = all(folder.is_there(name, content) for name, content in files.items())
    return "unchanged" if same else "replaced"


def _empty(study: StudyResults, runs: Sequence[Run]) -> dict[str, int]:
    """Return how many runs have no result, by their status."""
    statuses = dict(zip(study.plan.runs, map(str, study.frame["status"]), strict=True))
    return Counter(statuses[run] for run in runs if statuses[run] != Status.OK.value)


def _sizes(runs: Sequence[Run]) -> dict[tuple[int, int | str], list[Run]]:
    """Return the runs of each resolution and training-set size."""
    found: dict[tuple[int, int | str], list[Run]] = {}
    for run in runs:
        found.setdefault((run.resolution, run.n_train), []).append(run)
    return found


def _tables(study: StudyResults, runs: Sequence[Run], output: Path) -> dict[str, bytes]:
    """Return the tables, by their place."""
    files: dict[str, bytes] = {}
    read: dict[int, list[tuple[ComparisonFile, Comparison]]] = {}
    for (resolution, n_train), own in _sizes(runs).items():
        name = f"{comparison_folder(study.plan, resolution, n_train)}{COMPARISON}"
        files[name] = csv_bytes(comparison_rows(study, own), COLUMNS)
        path = output / name
        table = parse_comparison(files[name], path)
        read.setdefault(resolution, []).append((ComparisonFile(path, n_train), table))
    for resolution, tables in read.items():
        name = f"{study_folder(study.plan, resolution)}{AGGREGATED}"
        files[name] = csv_bytes(summary_rows(tables), SUMMARY_COLUMNS)
    return files


def _run_files(study: StudyResults, run: Run, folder: str) -> dict[str, Path]:
    """Return the files of a run that are copied, by their place."""
    source, facts = study.folder / "runs" / run.path, study.facts[run]
    names = [*_RECORDS, *([facts.examples_file] if facts.examples_file else [])]
    for name in names:
        if not (source / name).is_file():
            raise RecordError(
                f"{source / name}: is not there; evaluate again (delete the run's evaluate.json "
                "and run the study once more)"
            )
    names += [_HISTORY] if (source / _HISTORY).is_file() else []
    return {f"{folder}/{name}": source / name for name in names}


def _places(study: StudyResults, arms: Mapping[str, str], run: Run) -> list[str]:
    """Return where the files of a run may be, whether they are there or not."""
    own, examples = run_folder(study.plan, arms, run), study.facts[run].examples_file
    return [f"{own}/{name}" for name in (*_RECORDS, _HISTORY, *([examples] if examples else []))]


def _plots(study: StudyResults, runs: Sequence[Run]) -> dict[str, bytes]:
    """Return the plots, by their place."""
    from studygrid.interchange.generalization_plots import comparison_plot, results_plot

    files = {}
    for (resolution, n_train), own in _sizes(runs).items():
        name = f"{comparison_folder(study.plan, resolution, n_train)}{COMPARISON_PLOT}"
        files[name] = comparison_plot(study, own)
    for resolution in dict.fromkeys(run.resolution for run in runs):
        name = f"{study_folder(study.plan, resolution)}{RESULTS_PLOT}"
        files[name] = results_plot(study, [run for run in runs if run.resolution == resolution])
    return files
