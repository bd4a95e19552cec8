"""Distributions of the anomaly score of several kinds of events, a panel a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.contrasted_models import WORDS, contrasted
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import Place, largest_place, nothing_words, place_sentences
from studygrid.figures.model_panels import columns_of, label_outside
from studygrid.figures.score_numbers import BACKGROUND, Histogram, histograms
from studygrid.figures.signal_numbers import signal_runs
from studygrid.figures.style import COLOURS, GREY, WIDTH_IN, house_style
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = [
    "model",
    "resolution",
    "n_train",
    "seed",
    "kind",
    "score_low",
    "score_high",
    "share",
    "density",
    "auroc",
]

_MOST_MODELS = 6
_ROW_IN = 1.6
_STYLES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), "-.")
_FILL: dict[str, Any] = {"facecolor": "#cfcfcf", "edgecolor": "none", "zorder": 1.5}


def draw_histograms(
    study: StudyResults,
    title: str,
    start: str,
    words: Callable[[str], str],
    missing: str,
    *,
    corrupted: bool,
) -> Drawing:
    """Draw the background filled and what it is set against as lines, a panel a model.

    Of more than six models, `contrasted_models.WORDS` says which are drawn.

    Parameters
    ----------
    start
        First sentences of the caption.
    words
        From a kind, signal or corruption, to its name in the legend.
    missing
        Why there is nothing to draw, where no run keeps such a distribution.
    corrupted
        Whether the background is set against itself, corrupted, instead of signals.
    """
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    found = histograms(study, place, corrupted=corrupted)
    if not found:
        runs = chosen.run_words(place.runs, "there")
        return nothing_to_draw(title, f"{missing} {runs}", TABLE_COLUMNS)
    names = [one.model for one in found]
    picked = contrasted(study, names, signal_runs(study, place), _MOST_MODELS)
    shown = [one for one in found if one.model in picked]
    if len(shown) < len(found):
        start = f"{start} Drawn are {WORDS}."
    kinds = [kind for one in found for kind in one.shares if kind != BACKGROUND]
    with house_style():
        return _drawn(study, place, shown, title, {kind: words(kind) for kind in kinds}, start)


def _drawn(
    study: StudyResults,
    place: Place,
    shown: Sequence[Histogram],
    title: str,
    words: Mapping[str, str],
    start: str,
) -> Drawing:
    columns = columns_of(len(shown))
    rows = -(-len(shown) // columns)
    height = 0.45 + _ROW_IN * rows
    figure = Figure(figsize=(WIDTH_IN, height))
    grid = figure.subplots(rows, columns, squeeze=False)
    styles = _styles(words)
    for axes, one in zip(grid.flat, shown, strict=False):
        _draw_panel(axes, one, styles)
    across = f"Anomaly score ({study.split})"
    label_outside(list(grid.flat), columns, len(shown), across=across, upright="Density")
    kinds = {kind for one in shown for kind in one.shares}
    return framed(
        figure,
        _table(place, shown),
        title=title,
        caption=" ".join(filter(None, _caption(study, place, shown, start))),
        entries=_entries({kind: words[kind] for kind in words if kind in kinds}, styles),
        panel_height_in=height,
    )


def _styles(words: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return {
        kind: {
            "color": COLOURS[number % len(COLOURS)],
            "linestyle": _STYLES[number % len(_STYLES)],
            "linewidth": 1.3,
            "zorder": 3,
        }
        for number, kind in enumerate(words)
    }


def _draw_panel(axes: Axes, one: Histogram, styles: Mapping[str, Mapping[str, Any]]) -> None:
    axes.set_title(chosen.short(one.model), loc="left", parse_math=False)
    edges = one.drawn_edges
    if len(edges) < 2:
        words = f"all scores are {edges[0]:g}"
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", color=GREY)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    for kind in one.shares:
        if kind == BACKGROUND:
            axes.stairs(one.density(kind), edges, fill=True, **_FILL)
        else:
            axes.stairs(one.density(kind), edges, **styles[kind])
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, 1.05 * max(float(one.density(kind).max()) for kind in one.shares))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    _write_aurocs(axes, one, styles)


def _write_aurocs(axes: Axes, one: Histogram, styles: Mapping[str, Mapping[str, Any]]) -> None:
    for row, (kind, area) in enumerate(one.aurocs.items()):
        axes.annotate(
            f"AUROC {area:.2f}" if row == 0 else f"{area:.2f}",
            (1, 1),
            xycoords="axes fraction",
            xytext=(-2, -2 - 9 * row),
            textcoords="offset points",
            ha="right",
            va="top",
            size=7,
            color=styles[kind]["color"],
            path_effects=[withStroke(linewidth=2, foreground="white")],
            zorder=5,
        )


def _entries(words: Mapping[str, str], styles: Mapping[str, Any]) -> dict[str, Artist]:
    entries: dict[str, Artist] = {"background": Patch(**{**_FILL, "zorder": 1})}
    return entries | {name: Line2D([], [], **styles[kind]) for kind, name in words.items()}


def _caption(
    study: StudyResults, place: Place, shown: Sequence[Histogram], start: str
) -> list[str]:
    seeds = sorted({one.seed for one in shown})
    which = f"of seed {seeds[0]}" if len(seeds) == 1 else "of the first seed of each model"
    beyond = max(one.beyond for one in shown)
    return [
        start,
        f"Scores are {which}, each model's on a scale of its own; the density is the share of the "
        "events in a bin over its width. AUROCs are of these runs.",
        f"At most {100 * beyond:.2g} % of one kind lie beyond a panel." if beyond > 1e-9 else "",
        *place_sentences(study, place, [one.model for one in shown]),
    ]


def _table(place: Place, shown: Sequence[Histogram]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "model": one.model,
                "resolution": place.resolution,
                "n_train": place.n_train,
                "seed": one.seed,
                "kind": kind,
                "score_low": one.drawn_edges[:-1],
                "score_high": one.drawn_edges[1:],
                "share": one.drawn_shares(kind),
                "density": one.density(kind),
                "auroc": one.aurocs.get(kind, np.nan),
            }
        )
        for one in shown
        for kind in one.shares
    ]
    return pd.concat(parts, ignore_index=True)[TABLE_COLUMNS]
