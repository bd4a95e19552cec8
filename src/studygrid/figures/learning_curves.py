"""Training and validation loss while the runs train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import pandas as pd
from matplotlib.figure import Figure

from studygrid.figures import chosen_cells as chosen
from studygrid.figures import panels
from studygrid.figures.curve_panels import draw_curves, entries_of, fix_limits, mark_ends
from studygrid.figures.curves import LOSSES, Curves, curves_of
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.style import WIDTH_IN, house_style, looks
from studygrid.results.study_results import StudyResults

_MOST_MODELS = 6
_MOST_SIZES = 3
_MOST_RESOLUTIONS = 2


@dataclass(frozen=True)
class _Shown:
    """What has room: the models, and the (resolution, size) of each panel, row by row."""

    models: list[str]
    pairs: list[list[tuple[int, str]]]


def learning_curves(study: StudyResults) -> Drawing:
    """Draw training and validation loss against optimiser steps, in a panel for each cell.

    The models of a (resolution, training-set size) share a panel. Where all models monitor
    another score than the loss, further panels show that on the validation split. Of many
    models the six with the best cells are drawn, of many sizes three, of many resolutions two.

    Returns
    -------
    A drawing whose table has all curves, drawn or not, one row an epoch: `kind` (``seed``, or
        ``mean`` over the ok runs of a cell), `model`, `resolution`, `n_train`, `seed`,
        `status`, `epoch`, `step`, ``train_loss``, ``validation_loss`` and perhaps
        ``validation_<score>``; of a run `kept`, whether the epoch's weights were scored on the
        test split; of a mean `n` runs and, of ten or more, ``<column>_low`` and
        ``<column>_high``, their 10th and 90th percentile; and `drawn`.
    """
    title = f"{study.name}: learning curves"
    curves = curves_of(study)
    if curves.runs[curves.quantities].isna().all(axis=None):
        runs = chosen.run_words(study.frame, "in the study")
        reason = f"No run that ended has left an epoch. {runs}"
        return nothing_to_draw(title, reason, _columns(curves))
    shown = _shown(study, curves)
    with house_style():
        return _drawn(study, curves, shown, title)


def _shown(study: StudyResults, curves: Curves) -> _Shown:
    there = curves.runs[panels.CELL_AXES].drop_duplicates()
    cells = chosen.metric_cells(study).merge(there.astype({"resolution": int}))
    pairs = _pairs(cells)
    places = {pair for row in pairs for pair in row}
    found = [pair in places for pair in zip(cells["resolution"], cells["n_train"], strict=True)]
    with_curve = set(cells.loc[found, "model"])
    ranked = [*chosen.best_cells(study)["model"], *study.order["model"]]
    best = [model for model in dict.fromkeys(ranked) if model in with_curve][:_MOST_MODELS]
    return _Shown([model for model in study.order["model"] if model in best], pairs)


def _pairs(cells: pd.DataFrame) -> list[list[tuple[int, str]]]:
    """Return the (resolution, size) of each panel: a grid, or a few in rows where it has holes."""
    order = panels.sizes_in_order(cells)
    sizes = panels.evenly(order, _MOST_SIZES)
    most = _MOST_RESOLUTIONS if len(sizes) > 1 else _MOST_SIZES
    resolutions = panels.evenly(sorted(set(cells["resolution"])), most)
    rows = [[(resolution, size) for size in sizes] for resolution in resolutions]
    if len(sizes) == 1:
        rows = [[pair for row in rows for pair in row]]
    there = dict.fromkeys(zip(cells["resolution"], cells["n_train"], strict=True))
    if all(pair in there for row in rows for pair in row):
        return rows
    found = sorted(there, key=lambda pair: (pair[0], order.index(pair[1])))
    found = panels.evenly(found, 4 if len(found) == 5 else _MOST_RESOLUTIONS * _MOST_SIZES)
    columns = 2 if len(found) == 4 else _MOST_SIZES
    return [found[start : start + columns] for start in range(0, len(found), columns)]


def _in(table: pd.DataFrame, shown: _Shown) -> pd.Series[bool]:
    places = {pair for row in shown.pairs for pair in row}
    pairs = zip(table["resolution"], table["n_train"], strict=True)
    inside = pd.Series([pair in places for pair in pairs], table.index, dtype=bool)
    return inside & table["model"].isin(shown.models)


def _drawn(study: StudyResults, curves: Curves, shown: _Shown, title: str) -> Drawing:
    look_of = looks(study.order["model"])
    drawn_looks = {model: look_of[model] for model in shown.models}
    groups = [LOSSES, *([name] for name in curves.quantities[len(LOSSES) :])]
    rows, columns = len(groups) * len(shown.pairs), len(shown.pairs[0])
    figure = Figure(figsize=(WIDTH_IN, 3))
    grid = figure.subplots(rows, columns, sharex="col", sharey="row", squeeze=False)
    runs = curves.runs.loc[_in(curves.runs, shown)]
    means = curves.means.loc[_in(curves.means, shown)]
    cut = False
    for number, group in enumerate(groups):
        block = grid[number * len(shown.pairs) : (number + 1) * len(shown.pairs)]
        for row, pairs in zip(block, shown.pairs, strict=True):
            for axes, pair in zip(row, pairs, strict=True):
                draw_curves(axes, _of(runs, pair), _of(means, pair), drawn_looks, group)
                axes.set_title(_place_words(study, pair), loc="left")
            row[0].set_ylabel(_quantity_words(study, group))
        cut |= fix_limits(list(block.flat), runs, group)
        for axes, pair in zip(block.flat, chain.from_iterable(shown.pairs), strict=True):
            mark_ends(axes, _of(runs, pair), group[-1])
    for axes in grid[-1]:
        axes.set_xlabel(study.progress_words)
        axes.set_xlim(left=0)
    caption = _caption(study, curves, shown, runs, groups)
    return framed(
        figure,
        _table(curves, shown),
        title=title,
        caption=" ".join([*caption, *(["Lines that leave a panel are cut."] if cut else [])]),
        entries=entries_of(drawn_looks, runs),
        panel_height_in=2.4 if rows == 1 else 0.3 + 1.6 * rows,
    )


def _of(table: pd.DataFrame, pair: tuple[int, str]) -> pd.DataFrame:
    return table.loc[(table["resolution"] == pair[0]) & (table["n_train"] == pair[1])]


def _place_words(study: StudyResults, pair: tuple[int, str]) -> str:
    counts = chosen.sample_counts(study.frame, pair[0])
    size = chosen.size_words(pair[1], counts[pair[1]])
    return f"{chosen.resolution_words(study, pair[0])}, {size}"


def _quantity_words(study: StudyResults, group: Sequence[str]) -> str:
    metric = study.family.metric(group[-1].removeprefix("validation_"))
    split = "" if len(group) > 1 else "validation"
    inside = ", ".join(filter(None, [split, metric.unit]))
    return f"{metric.label} ({inside})" if inside else metric.label


def _caption(
    study: StudyResults,
    curves: Curves,
    shown: _Shown,
    runs: pd.DataFrame,
    groups: Sequence[Sequence[str]],
) -> list[str]:
    """Return the sentences that say what is drawn, from how many runs, and what is not."""
    planned = study.frame.loc[_in(study.frame, shown)]
    counts = runs.loc[runs["status"] == "ok"].groupby(panels.CELL_AXES)["seed"].nunique()
    monitored = "" if len(groups) == 1 else " The lower panels have the score that is monitored."
    return [
        *_line_words(counts),
        (
            "Losses are as the files have them."
            if study.collected
            else "The training loss is the one that is optimised, averaged over the steps of an "
            "epoch."
        )
        + monitored,
        chosen.run_words(planned, "in these panels"),
        *_failure_words(planned, runs),
        *_left_out_words(study, curves, shown),
    ]


def _line_words(counts: pd.Series[int]) -> list[str]:
    if counts.empty:
        return ["Thin lines are runs; none of them is ok, so there is no mean."]
    low, high = int(counts.min()), int(counts.max())
    marks = "open marks the epochs whose weights were scored"
    if high == 1:
        return [f"Lines are single runs: 1 seed a cell; {marks}."]
    seeds = f"{low} to {high}" if low < high else f"{low}"
    means = f"Thick lines are means over n = {seeds} seeds, as far as all ok runs of a cell go"
    if high < chosen.DOTS_BELOW:
        return [f"{means}, thin lines the runs, {marks}."]
    bottom, top = panels.SPREAD_PERCENT
    return [
        f"{means}; {marks}.",
        f"In cells with {chosen.DOTS_BELOW} runs or more, bands are the spread of the runs, from "
        f"the {bottom}th to the {top}th percentile (no interval), and one open mark stands at "
        "the medians of the epochs that were kept; in the others, thin lines are the runs.",
    ]


def _failure_words(planned: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    failed = int((~planned["status"].isin(["ok", "missing"])).sum())
    if not failed:
        return []
    drawn = runs.loc[runs["status"] != "ok"].groupby([*panels.CELL_AXES, "seed"]).ngroups
    parts = [
        f"{drawn} of those that failed {'ends' if drawn == 1 else 'end'} at a cross"
        if drawn
        else ""
    ]
    if failed > drawn:
        parts.append(f"{failed - drawn} failed before an epoch was over")
    return [f"{'; '.join(filter(None, parts))}."]


def _left_out_words(study: StudyResults, curves: Curves, shown: _Shown) -> list[str]:
    there = curves.runs[panels.CELL_AXES].drop_duplicates()
    drawn = int(_in(there, shown).sum())
    if drawn == len(there):
        return []
    best = f" (of the models, the {_MOST_MODELS} {chosen.first_words(study)})"
    every = set(there["model"])
    chosen_models = best if len(every) > len(shown.models) else ""
    return [
        f"Drawn are {drawn} of the {len(there)} cells with a curve{chosen_models}; "
        "the figure's CSV holds the curves of all."
    ]


def _columns(curves: Curves) -> list[str]:
    ends = [f"{name}_{end}" for name in curves.quantities for end in ("low", "high")]
    axes = ["model", "resolution", "n_train", "seed", "status", "epoch", "step"]
    return ["kind", *axes, *curves.quantities, "kept", "n", *ends, "drawn"]


def _table(curves: Curves, shown: _Shown) -> pd.DataFrame:
    parts = [
        rows.assign(kind=kind, drawn=_in(rows, shown)).reindex(columns=_columns(curves))
        for kind, rows in (("seed", curves.runs), ("mean", curves.means))
        if not rows.empty
    ]
    numbers = dict.fromkeys(["resolution", "seed", "epoch", "step", "n"], "Int64")
    return pd.concat(
        [part.astype({**numbers, "kept": "boolean"}) for part in parts], ignore_index=True
    )
