"""What the answers had to do without: in words."""

from __future__ import annotations

from collections import Counter

from studygrid.records import Status
from studygrid.report.answers.answer import Answer
from studygrid.report.numbers import counted, listed
from studygrid.results.rows import MISSING
from studygrid.results.study_results import StudyResults


def failure_answer(study: StudyResults) -> Answer:
    """Say how many planned runs have no score, and in which models."""
    frame = study.frame
    bad = frame[frame["status"] != Status.OK.value]
    column = f"test_{study.metric.name}"
    empty = int(((frame["status"] == Status.OK.value) & frame[column].isna()).sum())
    if bad.empty and not empty:
        runs = f"All {len(frame):,} planned runs have" if len(frame) > 1 else "The planned run has"
        text = f"{runs} a score; nothing was left out."
        return Answer("failures", "What is missing", (text,))
    sentences = []
    if len(bad):
        statuses = Counter(bad["status"])
        ways = listed([f"{count:,} {status}" for status, count in statuses.items()])
        models = listed([f"{model} {count:,}" for model, count in Counter(bad["model"]).items()])
        sentences.append(
            f"{len(bad):,} of {counted(len(frame), 'planned run')} "
            f"{'has' if len(bad) == 1 else 'have'} no score: {ways}. By model: {models}."
        )
        if set(statuses) - {MISSING}:
            sentences.append(
                "Runs do not fail at random: the means of cells that lost runs are those of the "
                "runs that went well."
            )
    if empty:
        sentences.append(
            f"{counted(empty, 'run')} ended well but {'has' if empty == 1 else 'have'} no value "
            f"of {study.metric.label}: it is undefined there."
        )
    return Answer("failures", "What is missing", tuple(sentences))
