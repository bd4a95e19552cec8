"""The section of the inference phase: the kept weights, scored again."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import pandas as pd

from studygrid.families.base import Metric
from studygrid.figures.inference_cells import InferenceCells, inference_cells, metric_cells
from studygrid.records import Status
from studygrid.report.blocks import Block, Figure, Paragraph, Section
from studygrid.report.numbers import counted, listed, number
from studygrid.results.inference import InferenceResults, planned_inference
from studygrid.results.rows import MISSING
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table

_MOST_REASONS = 3


def inference(study: StudyResults) -> Section | None:
    """Return what inference found; None where the config does not enable it."""
    if study.collected or not study.plan.study.inference.enabled:
        return None
    results = planned_inference(study.plan, study.folder)
    cells = inference_cells(results)
    if isinstance(cells, str):
        blocks: list[Block] = [Paragraph(cells, True)]
    else:
        metric = _shown(study, results)
        sentences = _start(results), _instead(study, metric), _effect(metric, results)
        words = " ".join(filter(None, sentences))
        blocks = [Paragraph(words), *_lacking(results), _table(cells, metric)]
    figures = [Figure(name, of_inference=True) for name in study.plan.inference_figures]
    return Section("inference", "Weights scored again", (*blocks, *figures))


def _shown(study: StudyResults, results: InferenceResults) -> Metric:
    """Return the study's metric, or the first that has a value on this split."""
    losses = [metric for metric in study.family.metrics if metric.of_loss]
    others = [metric for metric in study.family.metrics if not metric.of_loss]
    for metric in (study.metric, *others, *losses):
        if metric.name in results.frame and results.frame[metric.name].notna().any():
            return metric
    return study.metric


def _instead(study: StudyResults, metric: Metric) -> str:
    if metric == study.metric:
        return ""
    return f"No run has a value of {study.metric.label} there; {metric.label} is shown instead."


def _start(results: InferenceResults) -> str:
    records = results.records.values()
    splits = listed(sorted({record.split for record in records}))
    precisions = listed(sorted({record.precision for record in records}))
    sizes = listed([str(size) for size in sorted({record.batch_size for record in records})])
    ok = int((results.frame["status"] == Status.OK.value).sum())
    return (
        f"Inference scored the kept weights of {counted(ok, 'run')} of {len(results.frame):,} once "
        f"more, on the {splits} split, in {precisions}, {sizes} samples at once."
    )


def _effect(metric: Metric, results: InferenceResults) -> str:
    """Say what autocast does to a metric."""
    column = f"autocast_effect_{metric.name}"
    if column not in results.frame:
        return ""
    changes = results.frame[column].dropna().astype(float).tolist()
    if not changes:
        return ""
    return (
        f"Against float32 autocast changes {metric.label} by "
        f"{number(fmean(changes), sign=True)} in the mean and by "
        f"{number(max(changes, key=abs), sign=True)} in the run where it does most "
        f"({counted(len(changes), 'run')})."
    )


def _lacking(results: InferenceResults) -> list[Paragraph]:
    """Name why runs have no scores."""
    frame = results.frame.loc[results.frame["status"] != Status.OK.value]
    if frame.empty:
        return []
    missing = int((frame["status"] == MISSING).sum())
    parts = {"failed": len(frame) - missing, "missing": missing}
    what = listed([f"{count:,} {status}" for status, count in parts.items() if count])
    reasons = [str(reason) for reason in frame["reason"].dropna().unique()]
    return [Paragraph(f"Without scores: {what} ({listed(reasons, _MOST_REASONS)}).", True)]


def _table(cells: InferenceCells, metric: Metric) -> Table:
    split = cells.split_words
    frame = metric_cells(cells, metric.name)
    frame = frame.assign(planned=frame["runs"], **_medians(cells, metric.name))
    frame = frame.drop(columns=["cell", "runs"]).rename(columns={"name": "cell"})
    autocast = [name for name in ("autocast_effect",) if frame[name].notna().any()]
    main = ["cell", "n", "planned", "mean", "ci_low", "ci_high", *autocast, "samples_per_sec"]
    label, unit = metric.label, f", {metric.unit}" if metric.unit else ""
    return Table(
        "inference",
        "Cells scored again",
        "One row a cell: the mean over the runs with a value and its 95 % Student-t interval. "
        "Throughput is the median over the runs, of the forward passes alone, and not measured "
        "with the machine to itself: for costs see the profiles. inference/runs.csv has every "
        "run and metric.",
        frame[[*main, *(name for name in map(str, frame) if name not in main)]],
        tuple(main),
        {
            "cell": "Cell",
            "n": "n",
            "planned": "Planned",
            "mean": f"{label} ({split}{unit})",
            "ci_low": "95 % CI, low",
            "ci_high": "95 % CI, high",
            "autocast_effect": f"Change of {label} by autocast",
            "samples_per_sec": "Samples per second",
        },
    )


def _medians(cells: InferenceCells, metric: str) -> dict[str, Any]:
    """Return medians over the runs of each cell: the effect of autocast, and the throughput."""
    columns = {
        "autocast_effect": f"autocast_effect_{metric}",
        "samples_per_sec": "throughput_samples_per_sec",
    }
    by_cell = cells.runs.groupby("cell", sort=True)
    return {
        name: by_cell[column].median().reindex(cells.table["cell"]).to_numpy(float)
        if column in cells.runs
        else pd.NA
        for name, column in columns.items()
    }
