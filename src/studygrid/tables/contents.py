"""The tables of a study, whatever format they are written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from studygrid.axes import AXES
from studygrid.grid import Run
from studygrid.losses import why_not_comparable
from studygrid.records import Status
from studygrid.results.study_results import StudyResults
from studygrid.tables.headings import headings
from studygrid.tables.rankings import DOES_NOT_LEARN, LEVEL, ranking

TABLES = ("runs", "summary", "rankings", "failures")

_CELL = ("model", "resolution", "n_train")
_OTHER_METRICS = 3


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes
    ----------
    name
        ``runs``, ``summary``, ``rankings`` or ``failures``; it names files and sheets.
    note
        What a row is and how to read it, in a sentence or two.
    frame
        All of it, in the order in which it is read.
    main
        The columns that fit on a page, in order.
    headings
        The words, with units, that head each column where people read it.
    """

    name: str
    title: str
    note: str
    frame: pd.DataFrame
    main: tuple[str, ...]
    headings: Mapping[str, str] = field(default_factory=dict)


def study_tables(study: StudyResults) -> list[Table]:
    """Return the tables of a study: its runs, its cells, their ranking, and what failed."""
    tables = [_runs(study), _summary(study), _rankings(study), _failures(study)]
    words = [headings(map(str, table.frame), study.family, study.split) for table in tables]
    return [replace(table, headings=own) for table, own in zip(tables, words, strict=True)]


def _runs(study: StudyResults) -> Table:
    frame = study.frame
    others = [metric.name for metric in study.family.metrics if metric != study.metric]
    shown = [study.metric.name, *others[:_OTHER_METRICS]]
    latency = [name for name in map(str, frame) if name.endswith("_median_sec_per_sample")]
    main = [*AXES, "status", *(f"test_{name}" for name in shown), "train_time_sec", *latency[:1]]
    if frame["reason"].notna().any():
        main.insert(5, "reason")
    counts = _counts(frame)
    note = (
        f"One row a planned run: {counts}. Scores are of the {study.split} split, one model a run."
    )
    return Table("runs", f"Runs of {study.name}", f"{note}{_devices(frame)}", frame, tuple(main))


def _counts(frame: pd.DataFrame) -> str:
    ok = int((frame["status"] == Status.OK.value).sum())
    missing = int((frame["status"] == "missing").sum())
    return f"{len(frame)} planned, {ok} ok, {len(frame) - ok - missing} failed, {missing} missing"


def _devices(frame: pd.DataFrame) -> str:
    notes = []
    for column, what in (("train_device", "Training"), ("profile_device", "Latency")):
        devices = sorted(set(frame[column].dropna())) if column in frame else []
        if len(devices) > 1:
            notes.append(
                f" {what} was measured on several devices ({', '.join(devices)}): "
                f"compare times only where {column} is the same."
            )
    return "".join(notes)


def _summary(study: StudyResults) -> Table:
    note = (
        "One row a cell and metric. n counts the runs that have a value; the mean, the standard "
        "deviation and the 95 % Student-t interval of the mean are over these alone. A failed or "
        "missing run is counted and has no value."
    )
    counts = _count_columns(study.summary)
    main = (*_CELL, "metric", *counts, "mean", "ci_low", "ci_high", "sd")
    return Table("summary", f"Cells of {study.name}", note, study.summary, main)


def _rankings(study: StudyResults) -> Table:
    frame = ranking(study)
    main = ("rank", *_CELL, *_count_columns(frame), "mean", "ci_low", "ci_high", "difference")
    main += ("difference_ci_low", "difference_ci_high", "p_holm", "verdict")
    title = f"Ranking of {study.name} by {study.metric.label}"
    return Table("rankings", title, _rankings_note(study, frame), frame, main)


def _rankings_note(study: StudyResults, frame: pd.DataFrame) -> str:
    reason = why_not_comparable(study.plan, study.metric)
    if reason:
        return f"One row a cell, in the order of the config, and no ranks: {reason}"
    better = "higher" if study.metric.higher_is_better else "lower"
    note = f"{study.tasks_differ} " if study.tasks_differ else ""
    note += (
        f"One row a cell, best first by the mean {study.metric.label} on the {study.split} split "
        f"({better} is better), with its 95 % Student-t interval. Each cell is compared with the "
        "best over the seeds that they share: the mean difference, cell minus best, with its "
        "interval; the paired t test; Holm's correction over all comparisons of this table. "
        "“Told apart” means a corrected p below 0.05; “not told apart” does not mean equal; “no "
        "seed noise” is a difference that is the same in every seed: there is no noise to test "
        "it against. "
        "Choosing the best by these same scores flatters it, and its differences to the others. "
        "Failed and missing runs have no score: a mean is over the runs that ended well."
    )
    if (frame["verdict"] == DOES_NOT_LEARN).any():
        note += (
            " Models that do not learn from the training split are no trained models: they have no "
            "rank, and nothing is compared with them."
        )
    return f"{note}{_exact_test(frame)}"


def _count_columns(frame: pd.DataFrame) -> tuple[str, ...]:
    missing = ("missing",) if frame["missing"].sum() else ()
    return ("n", "planned", "failed", *missing)


def _exact_test(frame: pd.DataFrame) -> str:
    """Say where the test that assumes no distribution cannot tell anything from the best."""
    least = frame["smallest_exact_p"].min()
    if pd.isna(least) or least < LEVEL:
        return ""
    return (
        f" With {frame['pairs'].max()} shared seeds the exact sign-flip test, which assumes no "
        f"distribution, cannot give a p below {least:g}: the verdicts rest on the t test."
    )


def _failures(study: StudyResults) -> Table:
    # The frame has a row a planned run, in their order.
    bad = study.frame["status"] != Status.OK.value
    frame = study.frame.loc[bad, [*AXES, "status", "reason"]].reset_index(drop=True)
    runs = [run for run, is_bad in zip(study.plan.runs, bad, strict=True) if is_bad]
    frame["file"] = pd.Series([_place_to_look(study, run) for run in runs], dtype=object)
    note = (
        "One row a run that failed, or that has no usable records (missing), with the file "
        f"{'' if study.collected else 'below the results folder '}to look into."
    )
    if frame.empty:
        note = f"{note} Every planned run ended well."
    return Table(
        "failures", f"Failures of {study.name}", note, frame, (*AXES, "status", "reason", "file")
    )


def _place_to_look(study: StudyResults, run: Run) -> str:
    if study.collected:
        return str(study.collected.sources[run].paths[0])
    folder = f"runs/{run.path}"
    log = f"{folder}/training.log"
    return log if (study.folder / log).is_file() else folder
