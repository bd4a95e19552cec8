"""The section of the ranking by several metrics, with the weights of the config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from studygrid.records import Status
from studygrid.report.answers.answer import cell_name, half_width, in_sentence
from studygrid.report.answers.best import apart
from studygrid.report.blocks import Block, Paragraph, Points, Section
from studygrid.report.numbers import counted, interval, listed, number
from studygrid.report.weighted_score import SCORE, shares, weighted_cells, weighted_runs
from studygrid.results.frames import frame_rows
from studygrid.results.rows import MISSING, Row
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table
from studygrid.tables.headings import headings
from studygrid.tables.rankings import DOES_NOT_LEARN, ranked_models

_CELL = ["model", "resolution", "n_train"]
_MOST_NAMED = 6
_MOST_REASONS = 2


def ranking(study: StudyResults) -> Section | None:
    """Return the cells ranked by the weighted mean of several metrics; None without weights."""
    weights = shares(study)
    if not weights:
        return None
    runs = weighted_runs(study, weights)
    if study.tasks_differ:  # ranked at the largest that has a score
        scored = runs.loc[runs[SCORE].notna() & (runs["status"] == "ok"), "resolution"]
        runs = runs.loc[runs["resolution"] == scored.max()] if len(scored) else runs
    frame = ranked_models(study, weighted_cells(study, runs), runs, SCORE, higher_is_better=True)
    rows = [row for row in frame_rows(frame) if row["n"] > 0 and row["verdict"] != DOES_NOT_LEARN]
    blocks: list[Block] = [Paragraph(_rule(study, weights))]
    if study.tasks_differ:
        blocks.append(Paragraph(f"{study.tasks_differ} Here stands the largest with a score."))
    if rows:
        sentences = [_first(study, rows[0]), *apart(study, rows), *_lacking(study, rows)]
        blocks += [Points(tuple(sentences)), _table(study, frame, runs, weights)]
    else:
        blocks.append(Paragraph(_no_score(study, weights), True))
    return Section("ranking", "Ranking by several metrics", tuple(blocks))


def _rule(study: StudyResults, weights: Mapping[str, float]) -> str:
    """Return what the score is."""
    metrics = [study.family.metric(name) for name in weights]
    parts = listed(
        [f"{weights[one.name]:.3g} × {in_sentence(one.label)}" for one in metrics], len(metrics)
    )
    turned = [in_sentence(metric.label) for metric in metrics if not metric.higher_is_better]
    scales = {metric.bounds for metric in metrics} - {(0, 1)}
    sentences = [f"The score of a run is {parts}, on the test split."]
    if scales:
        sentences.append("Each metric is first scaled so that its worst value is 0, its best 1.")
    if turned:
        verb = "counts" if len(turned) == 1 else "count"
        sentences.append(f"Of {listed(turned)} lower is better; it {verb} as 1 minus its value.")
    sentences.append(
        "The weights are those of report.ranking in the config, divided by their sum. Cells are "
        "ranked by the mean over their seeds; its interval is Student's t at 95 %, of the scores."
    )
    return " ".join(sentences)


def _first(study: StudyResults, best: Row) -> str:
    half = half_width(best)
    start = f"First is {cell_name(study, best)} with a score of {number(best['mean'], half)}"
    if half is None:
        return f"{start}, from one run; so there is no interval."
    ends = interval(best["ci_low"], best["ci_high"])
    return f"{start}, interval {ends}, over {counted(best['n'], 'seed')}."


def _lacking(study: StudyResults, rows: Sequence[Row]) -> list[str]:
    """Name the ranked cells that lost runs."""
    lacking = [row for row in rows if row["n"] < row["planned"]]
    if not lacking:
        return []
    named = [f"{cell_name(study, row)} ({row['n']} of {row['planned']})" for row in lacking]
    more = len(named) - _MOST_NAMED
    text = "; ".join(named[:_MOST_NAMED]) + (f"; and {more:,} more" if more > 0 else "")
    return [f"Ranked without some of their runs, which failed or are missing: {text}."]


def _no_score(study: StudyResults, weights: Mapping[str, float]) -> str:
    """Say why no run has a score: runs are to come, all failed, or metrics have no value."""
    start = "No run has a value of all of these metrics"
    if (study.frame["status"] == MISSING).any():
        return f"{start} yet."
    done = [facts for facts in study.facts.values() if facts.status == Status.OK.value]
    if not done:
        return f"{start}: all of them failed."
    parts = []
    for name in weights:
        lacking = [facts.undefined for facts in done if facts.metrics.get(name) is None]
        if lacking:
            reasons = dict.fromkeys(why.get(name, "no reason is recorded") for why in lacking)
            label = in_sentence(study.family.metric(name).label)
            parts.append(
                f"{label} is undefined in {_share(len(lacking), len(done))} that ended well "
                f"({listed(list(reasons), _MOST_REASONS)})"
            )
    return f"{start}: {'; '.join(parts)}."


def _share(some: int, of: int) -> str:
    if some < of:
        return f"{some:,} of {of:,} runs"
    return "the run" if of == 1 else f"all {of:,} runs"


def _table(
    study: StudyResults, frame: pd.DataFrame, runs: pd.DataFrame, weights: Mapping[str, float]
) -> Table:
    names = [f"test_{name}" for name in weights]
    means = runs.dropna(subset=[SCORE]).groupby(_CELL, sort=False)[names].mean().reset_index()
    shown = ["rank", *_CELL, "n", "planned", "failed", "missing", "mean", "ci_low", "ci_high"]
    table = frame[[*shown, "p_holm", "verdict"]].merge(means, on=_CELL, how="left")
    counts = [name for name in ("failed", "missing") if table[name].sum()]
    scored = ["mean", "ci_low", "ci_high", "verdict", "p_holm", *names]
    main = ["rank", *_CELL, "n", "planned", *counts, *scored]
    words = headings(map(str, table), study.family)
    note = (
        "One row a cell, best first by the mean score, beside it the means of its parts over the "
        "same runs. Each cell is compared with the first over the seeds that they share (paired "
        "t test, Holm's correction). Where the verdict is “not told apart”, the order of the two "
        "may be chance; so may that of neighbours whose intervals overlap."
    )
    return Table(
        "weighted_ranking",
        "Cells by weighted score",
        note,
        table[[*main, *(name for name in table if name not in main)]],
        tuple(main),
        {**words, "mean": "Score"},
    )
