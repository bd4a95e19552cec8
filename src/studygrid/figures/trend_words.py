"""What the figure of metrics against training-set size says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.reference_lines import reference_words
from studygrid.figures.trend_metrics import Panels
from studygrid.figures.trend_numbers import Trend, lacking_words
from studygrid.results.study_results import StudyResults


def learning_models(study: StudyResults, known: Sequence[Trend]) -> list[str]:
    """Return the models that learn and have a value of something."""
    there = {
        model
        for trend in known
        for model in trend.cells.loc[trend.cells["n"] > 0, "model"].tolist()
    }
    return [model for model in study.order["model"] if model in there]


def trend_caption(
    study: StudyResults,
    resolution: int,
    panels: Panels,
    trends: Mapping[str, Trend],
    models: Sequence[str],
) -> list[str]:
    """Return the sentences of the caption, some of them empty.

    Parameters
    ----------
    panels
        All metrics that were to be drawn.
    trends
        From each metric to its numbers.
    models
        Those that learn and are drawn.
    """
    known = [trend for trend in trends.values() if not trend.is_empty]
    runs = study.frame.loc[study.frame["resolution"] == resolution]
    fixed = any(trend.references for trend in known)
    return [
        _where_words(study, resolution),
        _mark_words(known),
        reference_words("median") if fixed else "",
        _chance_words(known),
        chosen.run_words(runs, "there"),
        "Runs that failed have no score; every run that has one is in, however poor it is.",
        lacking_words(known, {metric.name: metric.label for metric in panels.metrics}),
        _left_out_words(study, known, models),
        _no_value_words(study, panels, trends),
    ]


def _where_words(study: StudyResults, resolution: int) -> str:
    here = f"At {chosen.resolution_words(study, resolution)}"
    if len(set(study.frame["resolution"])) == 1:
        return f"{here}."
    label = study.family.resolution_label.lower()
    return (
        f"{here}, the largest {label} that most models share; summary_statistics.csv has the "
        "others."
    )


def _mark_words(known: Sequence[Trend]) -> str:
    counts = pd.concat([trend.cells["n"] for trend in known])
    counts = counts[counts > 0]
    if counts.empty:
        return ""
    low, high = int(counts.min()), int(counts.max())
    if high == 1:
        return "Marks are single runs: 1 seed a cell, so there is neither a spread nor an interval."
    seeds = f"{low} to {high}" if low < high else f"{low}"
    dots = ", dots the runs" if any(not trend.dots.empty for trend in known) else ""
    return (
        f"Lines are medians over n = {seeds} seeds{dots}; bands reach from the first to the third "
        "quartile of the seeds: a spread, no interval. Bars are the 95 % Student-t intervals of "
        "the means, which are their dashes."
    )


def _chance_words(known: Sequence[Trend]) -> str:
    if all(trend.chance is None for trend in known):
        return ""
    return "Dotted: what a guess scores that ignores the input, such as a flat object."


def _left_out_words(study: StudyResults, known: Sequence[Trend], models: Sequence[str]) -> str:
    there = {
        *learning_models(study, known),
        *(one.model for trend in known for one in trend.references),
    }
    nowhere = [chosen.short(model) for model in study.order["model"] if model not in there]
    more = [chosen.short(model) for model in learning_models(study, known) if model not in models]
    parts = [f"No result: {', '.join(nowhere)}." if nowhere else ""]
    parts.append(f"For want of room not drawn: {', '.join(more)}." if more else "")
    return " ".join(filter(None, parts))


def _no_value_words(study: StudyResults, panels: Panels, trends: Mapping[str, Trend]) -> str:
    """Return of which metrics no run has a value, and why, as far as one reason is all there is."""
    empty = [metric for metric in panels.metrics if trends[metric.name].is_empty]
    if not empty:
        return ""
    names = {metric.name for metric in empty}
    reasons = {
        facts.undefined[name]
        for facts in study.facts.values()
        for name in names & facts.undefined.keys()
    }
    why = f" ({reasons.pop()})" if len(reasons) == 1 else ""
    return f"No run has a value of {', '.join(metric.label for metric in empty)}{why}."
