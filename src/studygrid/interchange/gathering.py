"""What there is of a results folder, for tables: of a study, or of run folders without one."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from studygrid.axes import AXES
from studygrid.errors import ConfigError, RecordError, SelectionError
from studygrid.grid import Run
from studygrid.interchange.cells import MISSING, CellResult, cells_of, gather
from studygrid.plan import read_plan
from studygrid.results.frames import frame_of, frame_rows
from studygrid.results.loading import load_runs
from studygrid.results.reading import RunFacts, read_run
from studygrid.results.rows import Row, planned_runs
from studygrid.results.selection import selected
from studygrid.results.study_results import StudyResults
from studygrid.results.summary import summary_rows

Selection = Mapping[str, Sequence[object]]
_METRIC = "test_"


@dataclass(frozen=True)
class Gathered:
    """What there is.

    Attributes
    ----------
    rows, summary
        Those of aggregated_metrics.csv and summary_statistics.csv.
    cells, metrics
        The cells of the rows, and the names of the test metrics.
    study
        The study; None where no study.yaml tells what was planned.
    lacking
        Why there is no study.
    """

    rows: list[Row]
    summary: list[Row]
    cells: list[CellResult]
    metrics: tuple[str, ...]
    study: StudyResults | None = None
    lacking: str | None = None


def gather_results(folder: Path, selection: Selection) -> Gathered:
    """Read a results folder as it stands, or the part of it that is selected.

    Raises
    ------
    NoRunsError
        If no run has ended; it says where was looked and what was missing.
    SelectionError
        If the selection has a value that no run has, or no run has all of it.
    """
    file = folder / "study.yaml"
    if not file.is_file():
        return _without_plan(folder, selection, f"{file} does not exist")
    try:
        plan = read_plan(file, check_files=False)
    except ConfigError as error:
        return _without_plan(folder, selection, f"{file} cannot be used: {error}")
    runs = selected(plan.runs, selection)
    if not runs:
        raise SelectionError("select: no run of the grid has all of that at once")
    plan = replace(plan, runs=runs)
    rows, facts = planned_runs(plan, folder)
    summary = summary_rows(plan, rows)
    if all(row["status"] == MISSING for row in rows):
        load_runs(folder, selection)  # says what is missing
    study = StudyResults(plan, folder, frame_of(rows), frame_of(summary), facts)
    return Gathered(rows, summary, cells_of(study), plan.family.metric_names, study)


def _without_plan(folder: Path, selection: Selection, lacking: str) -> Gathered:
    frame = load_runs(folder, selection).frame
    folders = list(frame.pop("folder"))
    frame = frame.drop(columns="study")
    rows = frame_rows(frame)
    for row in rows:
        row["n_train"] = row["n_train"] if row["n_train"] == "all" else int(row["n_train"])
    runs = [Run(**{str(axis): row[axis] for axis in AXES}) for row in rows]
    facts: dict[Run, RunFacts] = {}
    for run, path, row in zip(runs, folders, rows, strict=True):
        if row["status"] != MISSING:
            with contextlib.suppress(RecordError):  # changed since
                facts[run] = read_run(Path(path))
    metrics = tuple(dict.fromkeys(name for found in facts.values() for name in found.metrics))
    cells = gather(runs, folders, rows, facts, metrics)
    return Gathered(rows, [], cells, metrics, lacking=lacking)
