"""The answers of a study in sentences, made from its numbers alone.

Every function here is one of `StudyResults`: what is computed stands in plain values (`Gains`,
`Cost`, the frame of `tables.rankings`), and the sentences only word it.
"""

from __future__ import annotations

from studygrid.losses import why_not_comparable
from studygrid.report.answers.answer import Answer
from studygrid.report.answers.best import best_answer, chance_answer
from studygrid.report.answers.cost_answer import cost_answer
from studygrid.report.answers.failures import failure_answer
from studygrid.report.answers.gain_answer import gain_answer
from studygrid.results.frames import frame_rows
from studygrid.results.study_results import StudyResults
from studygrid.tables.rankings import DOES_NOT_LEARN, ranking


def answers(study: StudyResults) -> list[Answer]:
    """Return the answers that the results support, in the order in which they are read."""
    scored = [row for row in frame_rows(ranking(study)) if row["n"] > 0]
    ranked = [row for row in scored if row["verdict"] != DOES_NOT_LEARN]
    if not ranked:
        which = " of a model that learns" if scored else ""
        label = study.metric.label
        nothing = (f"No run{which} has a value of {label} yet: there is nothing to answer.",)
        return [Answer("best", "Nothing to answer yet", nothing), failure_answer(study)]
    reason = why_not_comparable(study.plan, study.metric)
    if reason:
        choose = "No cell is best by it: name another metric in report.metric."
        return [Answer("best", "No best cell", (reason, choose)), failure_answer(study)]
    best, differ = ranked[0], study.tasks_differ
    if differ:
        ranked = [row for row in ranked if row["resolution"] == best["resolution"]]
    fixed = [row for row in scored if row["verdict"] == DOES_NOT_LEARN]
    found = [
        best_answer(study, ranked, fixed),
        chance_answer(study, ranked),
        gain_answer(study, "n_train", best["model"], best["resolution"]),
        None if differ else gain_answer(study, "resolution", best["model"], best["n_train"]),
        cost_answer(study, ranked),
        failure_answer(study),
    ]
    return [answer for answer in found if answer is not None]


__all__ = ["Answer", "answers"]
