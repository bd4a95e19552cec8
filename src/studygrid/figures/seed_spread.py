"""The noise of the seeds against the differences between cells."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from studygrid.figures import chosen_cells as chosen
from studygrid.figures import panels
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = [
    "rank",
    "kind",
    *panels.CELL_AXES,
    "seed",
    "value",
    "sd",
    "ci_low",
    "ci_high",
    "spread_low",
    "spread_high",
    "n",
    "planned",
]

_MOST_ROWS = 40
_ROW_IN = 0.165
_DOT: dict[str, Any] = {
    "linestyle": "none",
    "markersize": 3.6,
    "markeredgewidth": 0,
    "alpha": 0.7,
    "zorder": 3,
}
_MEAN: dict[str, Any] = {
    "linestyle": "none",
    "marker": "|",
    "markersize": 9,
    "markeredgewidth": 1.2,
    "color": "black",
    "zorder": 2.5,
}


def seed_spread(study: StudyResults) -> Drawing:
    """Draw every run of each cell, and the mean with its interval, the best cell at the top.

    Where the metric is not comparable between models, the cells stand in axis order.

    Returns
    -------
    A drawing whose table has one row a mark: `rank` of the cell by its mean (none where models
        are not ranked), `kind` (``seed`` for a dot, ``mean``), `model`, `resolution`, `n_train`,
        `seed`, `value`, and of a mean `sd`, `ci_low` and `ci_high` (95 % Student t), `spread_low`
        and `spread_high` (10th and 90th percentile of ten runs or more), `n` runs of `planned`.
    """
    title = f"{study.name}: {study.metric.label} of every run, by cell"
    cells = panels.spread_cells(study)
    results = cells.loc[cells["n"] > 0]
    if results.empty:
        return nothing_to_draw(title, panels.no_value_words(study), TABLE_COLUMNS)
    ranked = results
    if not chosen.why_not_ranked(study):
        ranked = chosen.in_order_of_rank(study, results)
    ranked = ranked.reset_index(drop=True)
    ranked["rank"] = np.arange(1, len(ranked) + 1)
    with house_style():
        return _drawn(study, cells, ranked, title)


def _drawn(study: StudyResults, cells: pd.DataFrame, ranked: pd.DataFrame, title: str) -> Drawing:
    shown = ranked.head(_MOST_ROWS)
    ranks = shown[[*panels.CELL_AXES, "rank"]]
    dots = panels.seed_dots(chosen.metric_runs(study), shown, least=1).merge(ranks)
    figure = Figure(figsize=(WIDTH_IN, 3))
    axes = figure.subplots()
    _draw_rows(axes, shown, dots, looks(study.order["model"]))
    names = [_cell_words(study, cell) for cell in shown.to_dict("records")]
    axes.set_yticks(list(shown["rank"]), names, parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(shown) + 0.7, 0.3)
    values = pd.concat([shown["mean"], shown["spread_low"], shown["spread_high"], dots["value"]])
    left, right, cut = chosen.shown_range(values.dropna(), shown["ci_low"], shown["ci_high"])
    axes.set_xlim(left, right)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.set_xlabel(chosen.metric_words(study))
    caption = _caption(study, cells, ranked, shown)
    table = _table(shown, dots)
    return framed(
        figure,
        table.assign(rank=math.nan) if chosen.why_not_ranked(study) else table,
        title=title,
        caption=" ".join([*caption, *(["Bars that leave the panel are cut."] if cut else [])]),
        entries={},
        panel_height_in=0.5 + _ROW_IN * (len(shown) + 0.4),
    )


def _draw_rows(
    axes: Axes, shown: pd.DataFrame, dots: pd.DataFrame, look_of: Mapping[str, Look]
) -> None:
    for cell in shown.to_dict("records"):
        look, row = look_of[cell["model"]], cell["rank"]
        band = [cell["spread_low"], cell["spread_high"]]
        axes.plot(band, [row, row], color=look.colour, linewidth=6, alpha=0.3, zorder=1.5)
        bar = [cell["ci_low"], cell["ci_high"]]
        axes.plot(bar, [row, row], color=look.colour, linewidth=0.9, zorder=2)
        own = dots.loc[dots["rank"] == row, "value"]
        place = [row] * len(own)
        axes.plot(own, place, color=look.colour, marker=look.marker, **_DOT)
        axes.plot(cell["mean"], row, **_MEAN)
        if cell["n"] < cell["planned"]:
            axes.annotate(
                f"{cell['n']} of {cell['planned']}",
                (1, row),
                xycoords=("axes fraction", "data"),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                color=GREY,
            )


def _cell_words(study: StudyResults, cell: Mapping[Any, Any]) -> str:
    """Return what tells a cell from the others; the model is always said."""
    parts = [chosen.short(cell["model"])]
    if len(study.order["resolution"]) > 1:
        parts.append(chosen.resolution_words(study, cell["resolution"]))
    if len(study.order["n_train"]) > 1:
        parts.append(chosen.size_words(cell["n_train"], cell["samples"]))
    return ", ".join(parts)


def _caption(
    study: StudyResults, cells: pd.DataFrame, ranked: pd.DataFrame, shown: pd.DataFrame
) -> list[str]:
    without = len(cells) - len(ranked)
    partial = (shown["n"] < shown["planned"]).any()
    runs = chosen.metric_runs(study)
    unlike = chosen.why_not_ranked(study)
    better = f"{chosen.better_words(study)[:-1]}; the best cell is at the top."
    parts = [
        _mark_words(shown["n"]),
        unlike or better,
        "" if unlike else _noise_words(ranked, study.metric.unit),
        "Grey numbers: runs with a value, of those planned." if partial else "",
        f"Drawn are the {'first' if unlike else 'best'} {len(shown)} of {len(ranked)} cells; "
        "summary_statistics.csv has all."
        if len(shown) < len(ranked)
        else "",
        f"Of {len(cells)} cells {without} {'has' if without == 1 else 'have'} no result."
        if without
        else "",
        chosen.run_words(runs, "in the study"),
    ]
    return [part for part in parts if part]


def _mark_words(counts: pd.Series[int]) -> str:
    """Return what is drawn: here the marks are the runs, and their mean an upright stroke."""
    words = panels.mark_words(counts)
    for elsewhere, here in (
        ("Marks are means", "Upright strokes are means"),
        ("dots the runs", "marks the runs"),
        ("vertical bars", "horizontal bars"),
    ):
        words = words.replace(elsewhere, here)
    return words


def _noise_words(cells: pd.DataFrame, unit: str) -> str:
    """Return how far runs of one cell lie apart, against how far the cells' means do.

    The first is the pooled standard deviation, √(Σ (n − 1) sd² / Σ (n − 1)) over the cells.
    """
    freedom = cells["n"] - 1
    if not freedom.sum() or len(cells) < 2:
        return ""
    unit = f" {unit}" if unit else ""
    within = math.sqrt(float((freedom * cells["sd"].fillna(0.0) ** 2).sum() / freedom.sum()))
    between = float(cells["mean"].std())
    return (
        f"Standard deviation of the runs of one cell, pooled over the cells: {within:.2g}{unit}; "
        f"of the means of the {len(cells)} cells: {between:.2g}{unit}."
    )


def _table(shown: pd.DataFrame, dots: pd.DataFrame) -> pd.DataFrame:
    means = shown.rename(columns={"mean": "value"}).assign(kind="mean")
    parts = [means, dots.assign(kind="seed")]
    table = pd.concat(
        [part.reindex(columns=TABLE_COLUMNS) for part in parts if not part.empty],
        ignore_index=True,
    )
    table = table.sort_values(["rank", "kind"], kind="stable", ignore_index=True)
    return table.astype({"seed": "Int64", "n": "Int64", "planned": "Int64"})
