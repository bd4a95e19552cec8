"""The comparison of what ``studygrid run`` ran, or of all that is there."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from studygrid.commands.collect import left_out
from studygrid.errors import NoRunsError, StudygridError
from studygrid.execution.results_folder import STUDY_FILE

if TYPE_CHECKING:
    import pandas as pd

    from studygrid.configurations.custom_study import Folders
    from studygrid.grid import Run
    from studygrid.interchange.foreign.comparing import Compared, Given
    from studygrid.plan import Plan
    from studygrid.results.study_results import StudyResults

FOLDER = "comparison"
_SAME = ("checkpoint_sha256", "model", "resolution", "n_train", "seed")


def compare_part(study: StudyResults, part: Plan) -> Compared:
    """Compare the models of a part of a study: their runs that have ended, and those asked for.

    Raises
    ------
    NoRunsError
        If none has ended.
    """
    models, asked = set(part.axis("model")), set(part.runs)
    if not any(run.model in models for run in study.facts):
        raise NoRunsError("there is nothing to compare yet: no run has ended")

    def is_meant(run: Run) -> bool:
        return run.model in models and (run in study.facts or run in asked)

    return compare([_frame(study, is_meant)])


def frames_there(folders: Folders) -> list[pd.DataFrame]:
    """Return the runs that have ended, of a study and of its configurations: a frame each.

    Raises
    ------
    NoRunsError
        If there are none.
    """
    frames = [_frame(study, study.facts.__contains__) for study in _studies(folders) if study.facts]
    if not frames:
        looked = f"{folders.results}/ and {folders.configurations}/"
        raise NoRunsError(f"there is nothing to compare yet: no run has ended in {looked}")
    return frames


def compare(given: Given | Iterable[Given]) -> Compared:
    """Compare runs, each once, and warn of models that code nothing."""
    from studygrid.interchange.foreign.comparing import Given as Known
    from studygrid.interchange.foreign.comparing import compared
    from studygrid.interchange.vae_comparison import collapsed
    from studygrid.results.study_results import read_study

    once, again = ([given], []) if isinstance(given, Known) else _once(given)
    found = compared(once)
    names = dict.fromkeys(one.study for one in found.comparison.configurations)
    ours = [name for name in names if name and (Path(name) / STUDY_FILE).is_file()]
    notes = collapsed({name: read_study(Path(name)) for name in ours}, found.comparison)
    return replace(found, notes=(*again, *found.notes, *notes))


def _once(given: Iterable[Given]) -> tuple[list[Given], list[str]]:
    """Leave out of each frame the very runs that one before it has; say which."""
    import pandas as pd

    where: dict[tuple[Any, ...], str] = {}
    kept: list[Given] = []
    notes: list[str] = []
    for one in given:
        if not isinstance(one, pd.DataFrame) or not {*_SAME, "study"} <= set(one.columns):
            kept.append(one)
            continue
        keys = list(one[list(_SAME)].itertuples(index=False, name=None))
        known = [where.get(key) if isinstance(key[0], str) else None for key in keys]
        new = one.loc[[study is None for study in known]]
        for (study, before), count in Counter(zip(one["study"], known, strict=True)).items():
            if before is not None:
                what = "run is" if count == 1 else "runs are"
                notes.append(
                    f"{study}: {count} {what} left out, with the same weights as in {before}: "
                    "compared once."
                )
        where |= {
            key: str(study)
            for key, study in zip(keys, one["study"], strict=True)
            if isinstance(key[0], str) and key not in where
        }
        if len(new):
            kept.append(new)
    return kept, notes


def _frame(study: StudyResults, is_meant: Callable[[Run], bool]) -> pd.DataFrame:
    runs = study.plan.runs
    folders = [str(study.folder / "runs" / run.path) for run in runs]
    frame = study.frame.assign(study=str(study.folder), folder=folders)
    return frame.loc[[is_meant(run) for run in runs]]


def _studies(folders: Folders) -> list[StudyResults]:
    """Return a study and that of its configurations, as far as they are there."""
    from studygrid.results.study_results import read_study

    both = (folders.results, folders.configurations)
    return [read_study(folder) for folder in both if (folder / STUDY_FILE).is_file()]


@dataclass(frozen=True)
class Project:
    """A folder in the layout of the guide to VAE comparison, and whose runs go there.

    Attributes
    ----------
    with_runs
        Whether the metrics of these runs are written beside a comparison.
    """

    root: Path
    folders: Folders
    with_runs: bool = True


def publish(found: Compared, folder: Path, project: Project | None) -> None:
    """Print a comparison and write it to a folder; or to that of a project, with its runs.

    Raises
    ------
    StudygridError
        If something that is there already may not be written over.
    """
    from studygrid.commands.compare import report_of, write

    report = report_of(found)
    print(report, flush=True)
    for line in left_out(found.problems, "problems.csv has all"):
        print(line, file=sys.stderr)
    if project is None:
        written = write(found, report, folder)
    else:
        written = write_comparison(found, report, project)
    for path in written:
        print(f"wrote {path}")


def check_place(project: Project) -> None:
    """Refuse a project's folder that a comparison may not be written to.

    Raises
    ------
    StudygridError
        If something else wrote what is there.
    """
    from studygrid.commands.compare import DETAILED, PROBLEMS, REPORT, TABLE
    from studygrid.interchange.vae_project import check_project

    check_project(project.root, project.folders.study, (TABLE, DETAILED, REPORT, PROBLEMS))


def write_comparison(found: Compared, report: str, project: Project) -> list[Path]:
    """Write a comparison to a project's folder.

    Returns
    -------
    list
        The files of the comparison, comparison.csv first, and the folder of the metrics.

    Raises
    ------
    StudygridError
        If the metrics of a run could not be written, or a file may not be written over.
    """
    from studygrid.commands.compare import write
    from studygrid.interchange.vae_project import COMPARISONS

    with TemporaryDirectory() as temporary:
        files = {path.name: path.read_bytes() for path in write(found, report, Path(temporary))}
    folders = write_project_files(project, files)
    return [*(project.root / COMPARISONS / file for file in files), *folders]


def write_project_files(project: Project, files: Mapping[str, bytes]) -> list[Path]:
    """Write the files of a comparison, by their names, and runs' metrics to a project's folder.

    Returns
    -------
    list
        The folder of the metrics, if there are any.

    Raises
    ------
    StudygridError
        If the metrics of a run could not be written, or a file may not be written over.
    """
    from studygrid.interchange.vae import COPIES_FOLDER
    from studygrid.interchange.vae_project import write_project

    studies = _studies(project.folders) if project.with_runs else []
    done = write_project(project.root, project.folders.study, studies, files)
    if done.problems:
        listed = "\n".join(f"  {run}: {why}" for run, why in done.problems.items())
        raise StudygridError(f"the metrics of some runs could not be written:\n{listed}")
    return [project.root / COPIES_FOLDER] if done.runs else []
