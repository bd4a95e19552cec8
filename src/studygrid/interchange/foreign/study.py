"""From foreign runs to a study that tables, figures and reports are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from studygrid.errors import NoRunsError, StudygridError
from studygrid.families import load_family
from studygrid.families.base import Family
from studygrid.grid import Run
from studygrid.interchange.foreign.layouts import load_layout
from studygrid.interchange.foreign.merging import Placed, placed
from studygrid.interchange.foreign.plan import collected_plan
from studygrid.interchange.foreign.rows import epoch_rows, profiled_sizes, run_rows, scored_split
from studygrid.interchange.foreign.runs import ForeignRun
from studygrid.results.collected import Collected, LayoutWords, Source
from studygrid.results.frames import frame_of
from studygrid.results.loading import Problem
from studygrid.results.rows import Row
from studygrid.results.study_results import StudyResults
from studygrid.results.summary import summary_rows

_NAMED: Final = 6


def collected_study(
    runs: Sequence[ForeignRun],
    name: str,
    folder: Path,
    *,
    metric: str | None = None,
    looked_in: Sequence[Path] = (),
    problems: Sequence[Problem] = (),
    notes: Sequence[str] = (),
) -> StudyResults:
    """Return a study of foreign runs, for all tables, figures and reports.

    Parameters
    ----------
    runs
        Runs of one family, in the order of their paths.
    name
        Title of the study.
    folder
        Where its files are written.
    metric
        The metric that it is about; if None, the family's own, or else the first that has a
        value.
    looked_in, problems, notes
        For the report: where runs were looked for, what was left out there, what was done.

    Raises
    ------
    NoRunsError
        If there is no run.
    StudygridError
        If the runs are of several families, or the family has not the metric.
    """
    if not runs:
        raise NoRunsError("there is no run to make a study of")
    family = _family(runs)
    grid = placed(runs)
    split = scored_split(grid.runs.values())
    rows = run_rows(grid, family.metric_names, split)
    there = [name for name in family.metric_names if _has_value(rows, name)]
    chosen, why = _metric(family, there, metric)
    plan = collected_plan(name, family, grid.runs, chosen, profiled_sizes(grid.runs.values()))
    epochs, counts_epochs = epoch_rows(grid.runs)
    collected = Collected(
        sources=_sources(grid),
        layouts=_layouts(grid.runs.values()),
        looked_in=tuple(looked_in),
        problems=(*problems, *grid.problems),
        notes=(*notes, *grid.notes, *_lacking(family, there), *why),
        split=split,
        epochs=epochs,
        counts_epochs=counts_epochs,
    )
    facts = {run: foreign.facts for run, foreign in grid.runs.items() if foreign.facts}
    summary = frame_of(summary_rows(plan, rows))
    return StudyResults(plan, folder, frame_of(rows), summary, facts, collected)


def family_of(run: ForeignRun) -> str | None:
    """Return the name of a run's family: as its files say, or that of their layout."""
    return run.family or load_layout(run.layout).family


def _family(runs: Iterable[ForeignRun]) -> Family:
    names = list(dict.fromkeys(str(family_of(run)) for run in runs))
    if len(names) > 1:
        raise StudygridError(
            f"the runs are of several families ({', '.join(names)}), which have no score in "
            "common; take those of one"
        )
    return load_family(names[0])


def _has_value(rows: Iterable[Row], metric: str) -> bool:
    return any(row[f"test_{metric}"] is not None for row in rows)


def _metric(family: Family, there: Sequence[str], given: str | None) -> tuple[str, list[str]]:
    """Return the metric that a study is about, and why if it is not the family's own."""
    if given is not None:
        if given not in family.metric_names:
            known = ", ".join(family.metric_names)
            raise StudygridError(f"{family.name} has no metric {given!r}; it has {known}")
        return given, []
    own = family.primary_metric
    if own in there or not there:
        return own, []
    found = next((name for name in there if name != "loss"), there[0])
    label = family.metric(found).label
    return found, [f"No file has {family.metric(own).label}; the runs are ranked by {label}."]


def _lacking(family: Family, there: Sequence[str]) -> list[str]:
    lacking = [metric.label for metric in family.metrics if metric.name not in there]
    shown = lacking[:_NAMED]
    more = [f"{len(lacking) - _NAMED} more metrics"] if len(lacking) > _NAMED else []
    return [f"No file has a value of {', '.join([*shown, *more])}."] if lacking else []


def _sources(grid: Placed) -> dict[Run, Source]:
    return {
        run: Source(foreign.layout, foreign.paths, run not in grid.numbered, foreign.written_here)
        for run, foreign in grid.runs.items()
    }


def _layouts(runs: Iterable[ForeignRun]) -> dict[str, LayoutWords]:
    """Return what is said of the layouts; caveats of those of which another program wrote runs."""
    by_others: dict[str, bool] = {}
    for run in runs:
        by_others[run.layout] = by_others.get(run.layout, False) or not run.written_here
    found = {name: load_layout(name) for name in by_others}
    return {
        name: LayoutWords(layout.title, layout.caveats if by_others[name] else ())
        for name, layout in found.items()
    }


def frame_in_files(study: StudyResults) -> pd.DataFrame:
    """Return the runs of a collected study with the columns of scores named by their split."""
    if study.split == "test":
        return study.frame
    scores = [name for name in map(str, study.frame) if name.startswith("test_")]
    renamed = {name: f"{study.split}_{name.removeprefix('test_')}" for name in scores}
    return study.frame.rename(columns=renamed)
