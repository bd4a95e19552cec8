"""The section of outlier runs: whose test score lies far from the others, and what else is odd."""

from __future__ import annotations

import pandas as pd

from studygrid.axes import AXES
from studygrid.report.answers.answer import in_sentence
from studygrid.report.blocks import Block, Paragraph, Section
from studygrid.report.judged_runs import JudgedRuns, judged_runs
from studygrid.report.numbers import counted
from studygrid.report.outlier_reasons import COMPARED, Reasons
from studygrid.results.study_results import StudyResults
from studygrid.statistics.outliers import OWN_FROM, POOLED_FROM
from studygrid.tables.contents import Table
from studygrid.tables.headings import headings

_TITLE = "Outlier runs"


def outliers(study: StudyResults) -> Section | None:
    """Return the runs whose test score is an outlier; None where no run has a score."""
    judged = judged_runs(study.frame, f"test_{study.metric.name}")
    if judged.runs.empty:
        return None
    blocks: list[Block] = [Paragraph(_rule(study, judged))]
    found = judged.runs.loc[judged.runs["outside"]]
    if judged.cells.keys() - {None}:
        blocks.append(Paragraph(_counted(judged, found)))
    if len(found):
        blocks.append(_table(study, found))
    return Section("outliers", _TITLE, tuple(blocks))


def _rule(study: StudyResults, judged: JudgedRuns) -> str:
    """Say what was judged, and how."""
    metric, cells = study.metric, judged.cells
    unjudged = cells.get(None, 0)
    if unjudged == sum(cells.values()):
        return (
            f"Not looked for: quartiles of so few runs mean nothing. A cell needs {POOLED_FROM} "
            f"runs with a value of {in_sentence(metric.label)}, and the cells six together; "
            "where half of the runs or more are equal there are none either."
        )
    sentences = [
        f"A run is named where its {study.split} {in_sentence(metric.label)} lies more than 1.5 "
        "interquartile ranges outside the quartiles (Tukey’s rule)."
    ]
    if "own" in cells:
        sentences.append(
            f"{counted(cells['own'], 'cell')} with {OWN_FROM} runs or more: by the quartiles of "
            "the cell’s own runs."
        )
    if "pooled" in cells:
        runs = int((judged.runs["by"] == "pooled").sum())
        sentences.append(
            f"{counted(cells['pooled'], 'cell')} with {POOLED_FROM} to {OWN_FROM - 1} runs, too "
            "few for quartiles of their own: together, by how far each run is from the median of "
            f"the other runs of its cell ({counted(runs, 'distance')}); so runs of cells that "
            "scatter more than others are named more often."
        )
    if unjudged:
        verb = "is" if unjudged == 1 else "are"
        sentences.append(f"{counted(unjudged, 'cell')} {verb} not judged, with too few runs.")
    return " ".join(sentences)


def _counted(judged: JudgedRuns, found: pd.DataFrame) -> str:
    """Say how many were found, and how many chance alone would give."""
    total = int(judged.runs["by"].notna().sum())
    chance = (
        "Where scores are normal and nothing is wrong, the rule still names 1 to 4 runs in 100."
    )
    if found.empty:
        return f"None of {counted(total, 'run')} is an outlier. {chance}"
    verb = "is an outlier" if len(found) == 1 else "are outliers"
    return (
        f"{len(found):,} of {counted(total, 'run')} {verb}. {chance} None was left out of a mean "
        "or a test."
    )


def _table(study: StudyResults, found: pd.DataFrame) -> Table:
    reasons = Reasons(study)
    sign = 1 if study.metric.higher_is_better else -1
    better = (sign * found["value"] > sign * found["median"]).map({True: "better", False: "worse"})
    frame = found[[*AXES, "value", "median", "low", "high"]].assign(
        side=better, unusual=[reasons.of(row) for row in found[list(AXES)].to_dict("records")]
    )
    main = (*AXES, "value", "side", "median", "low", "high", "unusual")
    words = headings(map(str, frame), study.family) | {
        "value": f"{study.metric.label} ({study.split})",
        "side": "Side",
        "median": "Median of its cell",
        "low": "Lower fence",
        "high": "Upper fence",
        "unusual": "What else is unusual in its records",
    }
    note = (
        "One row an outlier, with the median of its cell and the fences that it was judged by. The "
        f"last column has what of its records stands out too: {COMPARED}."
    )
    return Table("outliers", "Outliers", note, frame[list(main)], main, words)
