"""A project's folder as the guide to VAE comparison has it: metrics of all runs, one comparison.

It is of a study and of its configurations, whose results lie in a folder of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from studygrid.errors import RecordError, StudygridError
from studygrid.execution.locks import sole_writer
from studygrid.grid import Run
from studygrid.interchange.exported_files import ExportFolder, encoded
from studygrid.interchange.vae import COMPARISON, INDEX
from studygrid.interchange.vae_export import check_family
from studygrid.interchange.vae_runs import documents_of, run_names, run_places
from studygrid.records import Status
from studygrid.results.study_results import StudyResults

COMPARISONS = str(PurePosixPath(COMPARISON).parent)
_OPTION = "--vae-project"


@dataclass(frozen=True)
class WrittenProject:
    """What was written: files of how many runs, and why those of others could not be."""

    runs: int
    problems: Mapping[str, str]


def check_project(root: Path, name: str, comparison: Iterable[str] = ()) -> None:
    """Refuse a folder that `write_project` would refuse; nothing is written.

    Parameters
    ----------
    root, name
        The project's folder and its name.
    comparison
        The names of the files of a comparison.

    Raises
    ------
    StudygridError
        If the folder holds an export or another project, or a file that no call has written.
    """
    folder = ExportFolder(root, name, INDEX, _OPTION, "project")
    try:
        folder.check(f"{COMPARISONS}/{file}" for file in comparison)
    except RecordError as error:
        raise StudygridError(str(error)) from None


def write_project(
    root: Path, name: str, studies: Sequence[StudyResults], comparison: Mapping[str, bytes]
) -> WrittenProject:
    """Write the metrics of the runs that ended well, and a comparison.

    Files of planned runs that ended well in an earlier call and do not any more are taken away:
    they are of other settings, or of a record that is gone.

    Parameters
    ----------
    root
        The project's folder.
    name
        Of the project: a folder that holds the files of another is refused.
    studies
        The study, then its configurations; of a run that both have, the first counts.
    comparison
        The files of the comparison, by their names.

    Raises
    ------
    StudygridError
        If the folder holds an export or another project, or a study is not of tag VAEs.
    RecordError
        If a file is there that no call of this has written.
    """
    for study in studies:
        check_family(study.family)
    files = {f"{COMPARISONS}/{file}": content for file, content in comparison.items()}
    problems: dict[str, str] = {}
    count = 0
    with sole_writer(root):
        folder = ExportFolder(root, name, INDEX, _OPTION, "project")
        folder.check(files)
        spared = set[str]()
        for study, run, words in _runs(studies):
            try:
                own = _files(study, run, words)
                folder.check(own)
            except RecordError as error:
                problems[words] = str(error)
                spared |= _places(run, words)
            else:
                files |= own
                count += 1
        stale = set[str]()
        for run, words in _not_ok(studies):
            old = {place for place in _places(run, words) - files.keys() if folder.wrote(place)}
            try:
                folder.check(sorted(old))
            except RecordError as error:
                problems[words] = str(error)
            else:
                stale |= old
        folder.write(files)
        folder.remove(stale - spared)
    return WrittenProject(count, problems)


def _runs(studies: Sequence[StudyResults]) -> list[tuple[StudyResults, Run, str]]:
    """Return the runs that ended well, each once, with the names of their files."""
    found: dict[Run, tuple[StudyResults, Run, str]] = {}
    for study in studies:
        names = run_names(study.plan)
        for run, facts in study.facts.items():
            if facts.status == Status.OK and run not in found:
                found[run] = (study, run, names[run])
    return list(found.values())


def _not_ok(studies: Sequence[StudyResults]) -> Iterator[tuple[Run, str]]:
    for study in studies:
        ok = {run for run, facts in study.facts.items() if facts.status == Status.OK}
        yield from ((run, name) for run, name in run_names(study.plan).items() if run not in ok)


def _files(study: StudyResults, run: Run, name: str) -> dict[str, bytes]:
    metrics, summary = (encoded(found.content()) for found in documents_of(study, run, name))
    return dict(zip(run_places(run, name), (metrics, summary, metrics, summary), strict=True))


def _places(run: Run, name: str) -> set[str]:
    return set(run_places(run, name))
