"""All that a study's figures, tables and reports are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from studygrid.axes import AXES
from studygrid.errors import RecordError
from studygrid.families.base import Family, Metric
from studygrid.grid import Run
from studygrid.plan import Plan, read_plan
from studygrid.results.collected import Collected
from studygrid.results.epochs import read_epochs
from studygrid.results.frames import frame_of
from studygrid.results.reading import RunFacts
from studygrid.results.rows import planned_runs
from studygrid.results.summary import summary_rows


@dataclass(frozen=True)
class StudyResults:
    """A study as far as it has come.

    Attributes
    ----------
    plan, folder
        The study and its results folder.
    frame
        One row a planned run, the columns of aggregated_metrics.csv; `n_train` is text (``64``,
        ``all``), what is not there is NaN or None.
    summary
        One row a cell and metric, the columns of summary_statistics.csv.
    facts
        What the records say beyond the frame, of each run that has them.
    collected
        Where the runs come from, of a study that was collected from files of other programs: it
        has no plan but what was found, and no records.
    """

    plan: Plan
    folder: Path
    frame: pd.DataFrame
    summary: pd.DataFrame
    facts: Mapping[Run, RunFacts]
    collected: Collected | None = None

    @property
    def name(self) -> str:
        """The study's name."""
        return self.plan.study.name

    @property
    def family(self) -> Family:
        """The study's family."""
        return self.plan.family

    @property
    def metric(self) -> Metric:
        """The test metric that the study is about; the column ``test_<name>`` holds it."""
        return self.family.metric(self.plan.figure_metric)

    @property
    def tasks_differ(self) -> str | None:
        """Why cells of different resolutions are not ranked together, as a sentence, or None."""
        family, resolutions = self.family, self.order["resolution"]
        if not family.resolution_is_task or len(resolutions) < 2:
            return None
        return (
            f"Each {family.resolution_label.lower()} is ranked by itself, the largest first: "
            "another one is another task, and scores of different tasks cannot be compared."
        )

    @property
    def order(self) -> dict[str, list[Any]]:
        """The values of each axis in the order of the config; sizes are text."""
        values: dict[str, list[Any]] = {axis: self.plan.axis(axis) for axis in AXES}
        return {**values, "n_train": [str(size) for size in values["n_train"]]}

    @property
    def split(self) -> str:
        """The split that the scores are of: ``test``, unless collected files have no such."""
        return self.collected.split if self.collected else "test"

    @property
    def progress_words(self) -> str:
        """What the column `step` of the epochs counts."""
        counts_epochs = self.collected is not None and self.collected.counts_epochs
        return "Epochs" if counts_epochs else "Optimiser steps"

    @property
    def chance(self) -> dict[str, float]:
        """What a guesser scores on the test split, which all runs share, by metric."""
        return next((facts.chance for facts in self.facts.values() if facts.chance), {})

    @cached_property
    def epochs(self) -> pd.DataFrame:
        """One row an epoch of every run, with the run's axes: see `read_epochs`."""
        if self.collected:
            return self.collected.epochs
        folders = {run: self.folder / "runs" / run.path for run in self.plan.runs}
        return read_epochs(folders)[0]

    def tables(self, name: str) -> dict[Run, list[list[int | float]]]:
        """Return what each run keeps of its test predictions under a name, if it does."""
        return {
            run: facts.tables[name] for run, facts in self.facts.items() if name in facts.tables
        }


def read_study(folder: Path) -> StudyResults:
    """Read a results folder as it stands, whatever of the study is there yet.

    Raises
    ------
    ConfigError, RecordError
        If its study.yaml cannot be used, or is not there.
    """
    file = folder / "study.yaml"
    if not file.is_file():
        raise RecordError(
            f"{file} does not exist: {folder} is no results folder, or nothing has run in it yet"
        )
    return study_results(read_plan(file, check_files=False), folder)


def study_results(plan: Plan, folder: Path) -> StudyResults:
    """Read the results of a plan as they stand."""
    rows, facts = planned_runs(plan, folder)
    summary = summary_rows(plan, rows)
    return StudyResults(plan, folder, frame_of(rows), frame_of(summary), facts)
