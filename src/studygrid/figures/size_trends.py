"""All metrics against training-set size, those of amplitude and phase side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from numpy.typing import NDArray

from studygrid.families.base import Metric
from studygrid.figures import chosen_cells as chosen
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import largest_place, nothing_words
from studygrid.figures.panels import evenly
from studygrid.figures.reference_lines import chance_entry, reference_entries
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.figures.tested_axis import dodge, set_ticks
from studygrid.figures.trend_metrics import Panels, panels_of, with_values
from studygrid.figures.trend_numbers import Trend, trend_of
from studygrid.figures.trend_panels import draw_trend, limit_trend, places_of, trend_entries
from studygrid.figures.trend_words import learning_models, trend_caption
from studygrid.results.not_said import NOT_SAID
from studygrid.results.one_setting import models_without_learning
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = [
    "metric",
    "kind",
    "model",
    "resolution",
    "n_train",
    "samples",
    "seed",
    "value",
    "ci_low",
    "ci_high",
    "spread_low",
    "spread_high",
    "n",
    "planned",
]

_MOST_MODELS = 8
_ROW_IN = 1.26


def size_trends(study: StudyResults) -> Drawing:
    """Draw every metric against training-set size, at the largest resolution.

    Lines are medians over the seeds; bands the middle half of the seeds, a spread and no interval;
    bars the intervals of the means. Models that do not learn are level lines, and so is what a
    guesser that ignores the input scores. Of metrics that are there of several parts of the
    predictions, as of amplitude and phase, each part has a column. At most eight models that
    learn are drawn.

    Returns
    -------
    A drawing whose table has one row a mark: `metric`, `kind` (``median`` and ``mean`` of a cell,
        ``seed`` for a dot, ``reference`` for a model that does not learn, ``chance``), `model`,
        `resolution`, `n_train`, `samples` (how many that is), `seed`, `value`, of a mean `ci_low`
        and `ci_high` (95 % Student t), of a median `spread_low` and `spread_high` (the quartiles;
        of a reference, a median too, the least and the greatest run), and `n` runs of `planned`.
    """
    title = _title(study)
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    panels = panels_of(study.family)
    trends = {
        metric.name: trend_of(study, place.resolution, metric.name) for metric in panels.metrics
    }
    if all(trend.is_empty for trend in trends.values()):
        runs = chosen.run_words(study.frame, "in the study")
        return nothing_to_draw(title, f"No run has a value of any metric. {runs}", TABLE_COLUMNS)
    ticks = _ticks(study, place.resolution)
    if not ticks:
        reason = "No file says the training-set size of a run."
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, place.resolution, panels, trends, ticks)


def _ticks(study: StudyResults, resolution: int) -> dict[float, str]:
    """Return the sizes with a name each: those of models that learn, where there are any."""
    runs = study.frame.loc[study.frame["resolution"] == resolution]
    learning = runs.loc[~runs["model"].isin(models_without_learning(study.plan))]
    samples = chosen.sample_counts(study.frame, resolution)
    sizes = dict.fromkeys((runs if learning.empty else learning)["n_train"])
    counts = sorted(
        (samples[size], size) for size in sizes if size != NOT_SAID and not pd.isna(samples[size])
    )
    return {count: f"{count:.0f}" + (" (all)" if size == "all" else "") for count, size in counts}


# --- Drawing


def _drawn(
    study: StudyResults,
    resolution: int,
    panels: Panels,
    trends: Mapping[str, Trend],
    ticks: Mapping[float, str],
) -> Drawing:
    shown = with_values(panels, trends)
    known = [trend for metric in shown.metrics if not (trend := trends[metric.name]).is_empty]
    models = evenly(learning_models(study, known), _MOST_MODELS)
    look_of = looks(study.order["model"])
    height = 0.45 + _ROW_IN * len(shown.rows)
    figure = Figure(figsize=(WIDTH_IN, height))
    grid = figure.subplots(len(shown.rows), len(shown.rows[0]), sharex=True, squeeze=False)
    slot = dodge(list(ticks), places_of(len(models)))
    cut, hidden = False, False
    for axes, metric in zip(grid.flat, [one for row in shown.rows for one in row], strict=True):
        if metric is None:
            axes.set_axis_off()
            continue
        axes.set_ylabel(shown.label(metric))
        if trends[metric.name].is_empty:
            axes.text(0.5, 0.5, "no value", transform=axes.transAxes, ha="center", color=GREY)
            axes.set_yticks([])
            continue
        draw_trend(axes, trends[metric.name], models, look_of, slot)
        left, outside = limit_trend(axes, trends[metric.name], _bounds(metric, trends[metric.name]))
        cut, hidden = cut or left, hidden or bool(outside)
        axes.set_title(outside, loc="right", size=7, color=GREY, pad=2, parse_math=False)
    _label_columns(grid, shown, ticks)
    return framed(
        figure,
        _table(known, resolution),
        title=_title(study),
        caption=" ".join(
            [
                *filter(None, trend_caption(study, resolution, panels, trends, models)),
                *(["Bars that leave a panel are cut."] if cut else []),
                *(["Arrows name level lines that are out of sight."] if hidden else []),
            ]
        ),
        entries=_entries(known, models, look_of),
        panel_height_in=height,
    )


def _bounds(metric: Metric, trend: Trend) -> tuple[float, float] | None:
    """Return what values cannot leave; errors, which are 0 at best, have no upper bound."""
    if metric.bounds is not None or metric.higher_is_better or (trend.runs["value"] < 0).any():
        return metric.bounds
    return 0.0, math.inf


def _label_columns(grid: NDArray[Any], shown: Panels, ticks: Mapping[float, str]) -> None:
    """Name the parts above the columns, and the sizes below the last panel of each."""
    for number in range(grid.shape[1]):
        below = [axes for axes in grid[:, number] if axes.axison][-1]
        set_ticks(below, ticks, WIDTH_IN / grid.shape[1] - 0.7)
        below.set_xlabel("Training-set size (samples)")
        below.tick_params(labelbottom=True)
    for axes, part in zip(grid[0], shown.parts, strict=False):
        axes.set_title(part, loc="left", weight="bold")


def _entries(
    known: Sequence[Trend], models: Sequence[str], look_of: Mapping[str, Look]
) -> dict[str, Artist]:
    fixed = [one.model for trend in known for one in trend.references]
    entries = trend_entries(known, {model: look_of[model] for model in models})
    entries |= reference_entries(list(dict.fromkeys(fixed)), look_of)
    if any(trend.chance is not None for trend in known):
        entries["guess that ignores the input"] = chance_entry()
    return entries


def _title(study: StudyResults) -> str:
    return f"{study.name}: metrics against training-set size"


# --- Numbers


def _table(known: Sequence[Trend], resolution: int) -> pd.DataFrame:
    parts = [part for trend in known for part in _rows(trend)]
    table = pd.concat(
        [part.reindex(columns=TABLE_COLUMNS) for part in parts if not part.empty], ignore_index=True
    )
    table["resolution"] = resolution
    whole = {"resolution": "Int64", "samples": "Int64", "seed": "Int64", "n": "Int64"}
    return table.astype({**whole, "planned": "Int64", "value": float})


def _rows(trend: Trend) -> list[pd.DataFrame]:
    cells = trend.cells.loc[trend.cells["n"] > 0]
    counts = ["model", "n_train", "samples", "n", "planned"]
    medians = cells.rename(columns={"median": "value"})
    means = cells.dropna(subset=["ci_low"]).rename(columns={"mean": "value"})
    references = [
        {
            "model": one.model,
            "value": one.value,
            "spread_low": one.low,
            "spread_high": one.high,
            "n": one.n,
        }
        for one in trend.references
    ]
    found = {
        "median": medians[[*counts, "value", "spread_low", "spread_high"]],
        "mean": means[[*counts, "value", "ci_low", "ci_high"]],
        "seed": trend.dots[["model", "n_train", "samples", "seed", "value"]],
        "reference": pd.DataFrame(references),
        "chance": pd.DataFrame([] if trend.chance is None else [{"value": trend.chance}]),
    }
    return [rows.assign(metric=trend.metric, kind=kind) for kind, rows in found.items()]
