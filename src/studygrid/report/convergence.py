"""The section of convergence: what the curves say of training and of overfitting."""

from __future__ import annotations

import pandas as pd

from studygrid.axes import AXES
from studygrid.families.base import Metric
from studygrid.report.answers.answer import cell_name, in_sentence
from studygrid.report.blocks import Paragraph, Points, Section
from studygrid.report.curve_rules import (
    LEAST_EPOCHS,
    TREND_LEVEL,
    curve_verdicts,
    gap_metric,
    ideal,
)
from studygrid.report.numbers import counted, number
from studygrid.results.frames import frame_rows
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table
from studygrid.tables.headings import headings

_CELL = list(AXES[:-1])
_MOST_GROUPS = 8
_TITLE = "How training went"


def convergence(study: StudyResults) -> Section | None:
    """Return what the curves of the runs that ended well say; None where there is no such run."""
    ok = int((study.frame["status"] == "ok").sum())
    if not ok:
        return None
    runs = curve_verdicts(study)
    if runs.empty:
        text = (
            f"No run has a curve (epochs.jsonl) of the {LEAST_EPOCHS} epochs that a statement on "
            "it needs."
        )
        return Section("convergence", _TITLE, (Paragraph(text),))
    points = [
        *_improving(study, runs),
        *_overfitting(study, runs),
        *_endings(study, runs),
        *_gaps(study, runs),
        *_schedule(study),
    ]
    start = f"From the curves of {_all_of(len(runs), ok)}; the table below has the rules."
    blocks = (Paragraph(start), Points(tuple(points)), _table(study, runs))
    return Section("convergence", _TITLE, blocks)


def _all_of(judged: int, ok: int) -> str:
    if judged == ok:
        return f"{'the run' if ok == 1 else f'all {ok:,} runs'} that ended well"
    return (
        f"{judged:,} of {counted(ok, 'run')} that ended well (the others have fewer than "
        f"{LEAST_EPOCHS} epochs, or no curve)"
    )


def _improving(study: StudyResults, runs: pd.DataFrame) -> list[str]:
    improving, never = runs.loc[runs["improving"]], runs.loc[runs["never_better"]]
    unclear = runs.loc[runs["late"] & ~runs["improving"]]
    settled = runs.loc[~runs["late"] & runs["settled_epoch"].notna()]
    sentences = []
    if len(improving):
        sentences.append(
            f"Still improving at the end: {_of(improving, runs)}. There {_monitored_words(study)} "
            "came within 5 % of its best value only in the last quarter of the epochs, and gets "
            "better over their last half; a larger budget may raise the scores, and may change "
            "which cell is best."
        )
    if len(unclear):
        sentences.append(
            f"Neither settled nor still improving for certain: {_of(unclear, runs)}. The best "
            "values come late, but the last half of the epochs has no trend: noise looks so, too."
        )
    if len(settled):
        sentences.append(
            f"Settled: {_of(settled, runs)}, in the median by {_epoch_words(settled)}."
        )
    if len(never):
        sentences.append(f"Never better than after the first epoch: {_of(never, runs)}.")
    return sentences


def _epoch_words(runs: pd.DataFrame) -> str:
    return f"epoch {runs['settled_epoch'].median():g} of {runs['epochs'].median():g}"


def _monitored_words(study: StudyResults) -> str:
    """Return what is measured against its best: the monitored score, or what it lacks."""
    names = dict.fromkeys(model.training.monitor for model in study.plan.models.values())
    metrics = [study.family.metric(name) for name in names]
    if len(metrics) > 1:
        return "distance of the monitored score from the best one possible"
    score = f"validation {in_sentence(metrics[0].label)}"
    return f"{ideal(metrics[0]):g} minus {score}" if ideal(metrics[0]) else score


def _of(some: pd.DataFrame, runs: pd.DataFrame) -> str:
    """Return how many of the runs, and which models and sizes most of them are of."""
    if len(some) == len(runs):
        return "the one run" if len(runs) == 1 else f"all {len(runs):,} runs"
    start = f"{len(some):,} of {len(runs):,} runs"
    parts = [_split(some, runs, axis) for axis in ("model", "n_train")]
    words = "; ".join(filter(None, parts))
    return f"{start} ({words})" if words else start


def _split(some: pd.DataFrame, runs: pd.DataFrame, axis: str) -> str:
    """Return the counts of each value of an axis; nothing of an axis with one value."""
    planned = runs[axis].value_counts(sort=False)
    if len(planned) < 2:
        return ""
    found = some[axis].value_counts(sort=False)
    start = "n = " if axis == "n_train" else ""
    parts = [
        f"{start}{value}: {found[value]:,} of {planned[value]:,}"
        for value in planned.index
        if value in found.index
    ]
    more = len(parts) - _MOST_GROUPS
    return ", ".join([*parts[:_MOST_GROUPS], *([f"{more:,} more"] if more > 0 else [])])


def _overfitting(study: StudyResults, runs: pd.DataFrame) -> list[str]:
    known = runs.loc[runs["overfits"].notna()]
    if known.empty:
        return []
    found = known.loc[known["overfits"].astype(bool)]
    if found.empty:
        return ["Overfitting: none of the runs, by the rule below."]
    sentence = (
        f"Overfitting: {_of(found, known)}. Their validation loss ends more than 10 % above its "
        "minimum while the training loss goes on falling."
    )
    if study.collected and not study.collected.is_ours:
        return [f"{sentence} Whether the weights of the best epoch were scored, no file says."]
    return [
        f"{sentence} The weights that are scored are those of the best validation score, so what "
        "came after does not lower the scores."
    ]


def _endings(study: StudyResults, runs: pd.DataFrame) -> list[str]:
    if not any(_patience(study)):
        return []
    stopped = runs.loc[runs["early_stopped"]]
    if stopped.empty:
        return ["Stopped early: none of the runs; each spent its budget."]
    rest = "" if len(stopped) == len(runs) else " The others spent their budget."
    median = stopped["epochs"].median()
    return [f"Stopped early: {_of(stopped, runs)}, in the median after epoch {median:g}.{rest}"]


def _patience(study: StudyResults) -> list[int | None]:
    return [model.training.early_stopping.patience for model in study.plan.models.values()]


def _gaps(study: StudyResults, runs: pd.DataFrame) -> list[str]:
    metric = gap_metric(study)
    known = runs.dropna(subset=["gap"])
    if metric is None or known.empty:
        return []
    cells = known.groupby(_CELL, sort=False)["gap"].mean().reset_index()
    words = _gap_words(metric)
    if len(cells) == 1:
        return [f"{words}: {_signed(cells['gap'].iloc[0])}, mean of the runs. {_GAP_NOTE}"]
    ordered = frame_rows(cells.sort_values("gap", kind="stable"))
    ends = [f"{_signed(row['gap'])} ({cell_name(study, row)})" for row in (ordered[0], ordered[-1])]
    return [f"{words}: from {ends[0]} to {ends[1]}, means of cells. {_GAP_NOTE}"]


_GAP_NOTE = (
    "Training scores are taken while the weights still change, with augmentation and dropout in "
    "force; so the gap is rather too small than too large."
)


def _gap_words(metric: Metric) -> str:
    order = "training minus validation" if metric.higher_is_better else "validation minus training"
    return f"Gap of {in_sentence(metric.label)} at the kept epoch ({order})"


def _signed(value: float) -> str:
    return number(value, 0.05, sign=True)


def _schedule(study: StudyResults) -> list[str]:
    if study.collected:
        return []  # the files may not say it
    schedules = {model.training.schedule for model in study.plan.models.values()}
    if schedules == {"constant"}:
        return []
    return [
        "The learning rate falls along a schedule that ends with the budget: what is gained at the "
        "end is in part its doing, and a settled curve does not show that a larger budget would "
        "gain nothing."
        if "cosine" in schedules
        else "The learning rate falls in steps: a curve may settle because of a step."
    ]


def _table(study: StudyResults, runs: pd.DataFrame) -> Table:
    cells = runs.groupby(_CELL, sort=False)
    numbers = {
        "runs": cells.size(),
        "improving": cells["improving"].sum(),
        "never_better": cells["never_better"].sum(),
        "overfits": cells["overfits"].sum(),
        "early_stopped": cells["early_stopped"].sum(),
        **{name: cells[name].quantile(0.5, interpolation="lower") for name in _EPOCHS},
        "gap": cells["gap"].mean(),
    }
    counts = ["runs", "improving", "never_better", "overfits", "early_stopped"]
    frame = pd.DataFrame(numbers).astype(dict.fromkeys(counts, int)).reset_index()
    metric = gap_metric(study)
    if metric is None or frame["gap"].isna().all():
        frame = frame.drop(columns="gap")
    if not any(_patience(study)):
        frame = frame.drop(columns="early_stopped")
    frame = frame.astype(dict.fromkeys(_EPOCHS, "Int64"))
    main = tuple(map(str, frame))
    words = headings(main, study.family) | _HEADINGS
    words["gap"] = f"Gap, {metric.label}" if metric else ""
    return Table("convergence", "Curves by cell", _rules(study, metric), frame, main, words)


_EPOCHS = ["settled_epoch", "kept_epoch", "epochs"]
_HEADINGS = {
    "runs": "Runs",
    "improving": "Still improving",
    "never_better": "Never better",
    "overfits": "Overfitting",
    "early_stopped": "Stopped early",
    "settled_epoch": "Settled by epoch",
    "kept_epoch": "Kept epoch",
    "epochs": "Epochs",
}


def _rules(study: StudyResults, metric: Metric | None) -> str:
    rules = [
        "One row a cell: how many of its runs, and the (lower) medians of their epochs.",
        f"Settled by the first epoch at which {_monitored_words(study)} is within 5 % of its best "
        "value in the run; still improving where that lies in the last quarter of its epochs and "
        "the scores of their last half (of four at least) get better by Kendall's rank test, "
        f"one-sided, p ≤ {TREND_LEVEL:g}.",
        "Never better: the first epoch was the best.",
        "Overfitting: the validation loss, averaged over the epochs of the last quarter that come "
        "after its minimum, is more than 10 % above it, and the training loss of these epochs is "
        "below that at the minimum.",
    ]
    if metric is not None:
        rules.append(f"{_gap_words(metric)}: the mean over the runs.")
    return " ".join(rules)
