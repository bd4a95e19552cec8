"""What a variational autoencoder trades while it trains: reconstruction against code length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from studygrid.figures import chosen_cells as chosen
from studygrid.figures import panels
from studygrid.figures.curve_panels import fix_limits
from studygrid.figures.curves import curves_of
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import (
    Place,
    largest_place,
    nothing_words,
    place_sentences,
)
from studygrid.figures.model_panels import columns_of, label_outside, titles_of
from studygrid.figures.style import COLOURS, GREY, WIDTH_IN, house_style
from studygrid.results.one_setting import fitted_models
from studygrid.results.study_results import StudyResults

PARTS = {"bce": "BCE", "kl": "KL", "loss": "loss that is optimised"}
SPLITS = ("train", "validation")
QUANTITIES = [f"{split}_{part}" for part in PARTS for split in SPLITS]
TABLE_COLUMNS = [
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "status",
    "epoch",
    "step",
    *QUANTITIES,
    "n",
    *(f"{name}_{end}" for name in QUANTITIES for end in ("low", "high")),
]

_MOST = 12
_COLOUR = dict(zip(PARTS, COLOURS, strict=False))
_DASH: dict[str, Any] = {"validation": "-", "train": (0, (3, 1.5))}
_BASELINE_DASHES: tuple[Any, ...] = ((0, (1, 1.6)), (0, (6, 1.5, 1, 1.5)), (0, (8, 3)))
_MEAN: dict[str, Any] = {"linewidth": 1.3, "zorder": 3}
_THIN: dict[str, Any] = {"linewidth": 0.5, "alpha": 0.35, "zorder": 2}
_FLAT: dict[str, Any] = {"linewidth": 1.0, "zorder": 1.5}
_END: dict[str, Any] = {
    "linestyle": "none",
    "marker": "x",
    "markersize": 5,
    "markeredgewidth": 1.3,
    "color": "black",
    "zorder": 6,
    "clip_on": False,
}


@dataclass(frozen=True)
class _Parts:
    """The curves to draw: models that are trained, and the levels of those that are fitted."""

    place: Place
    models: list[str]
    runs: pd.DataFrame
    means: pd.DataFrame
    levels: pd.DataFrame


def loss_parts(study: StudyResults) -> Drawing:
    """Draw BCE, KL and the loss that is optimised against epochs, in a panel for each model.

    It is for families whose epochs have ``bce`` and ``kl`` beside the loss. All models are at the
    largest vocabulary and training-set size that most share. Models that are fitted at once, the
    baselines, are level lines in every panel: their BCE and KL on the validation split.

    Returns
    -------
    A drawing whose table has one row an epoch: `kind` (``seed``, ``mean`` over the ok runs of a
        cell, or ``baseline``, a mean over its runs), `model`, `resolution`, `n_train`, `seed`,
        `status`, `epoch`, `step`, ``<split>_<part>`` of the splits ``train`` and ``validation``
        and the parts ``bce``, ``kl`` and ``loss``, in nats a row, the `n` runs of a mean, and of
        ten or more ``<split>_<part>_low`` and ``<split>_<part>_high``, their 10th and 90th
        percentile.
    """
    title = f"{study.name}: the parts of the loss while training"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    found = _found(study, place)
    if not found.models:
        reason = "No model that is trained in steps has left its BCE and KL of an epoch there."
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, found, title)


def _found(study: StudyResults, place: Place) -> _Parts:
    curves = curves_of(study, QUANTITIES)
    runs, means = (_at(table, place) for table in (curves.runs, curves.means))
    fitted = set(fitted_models(study.plan))
    known = runs.dropna(subset=["validation_bce", "validation_kl"])
    there = set(known["model"]) - fitted
    models = [model for model in study.order["model"] if model in there]
    levels = means.loc[means["model"].isin(fitted)].groupby("model", sort=False).tail(1)
    levels = levels.dropna(subset=["validation_bce", "validation_kl"])
    return _Parts(place, panels.evenly(models, _MOST), runs, means, levels)


def _at(table: pd.DataFrame, place: Place) -> pd.DataFrame:
    here = (table["resolution"] == place.resolution) & (table["n_train"] == place.n_train)
    return table.loc[here].reset_index(drop=True)


def _drawn(study: StudyResults, found: _Parts, title: str) -> Drawing:
    columns = columns_of(len(found.models))
    rows = -(-len(found.models) // columns)
    figure = Figure(figsize=(WIDTH_IN, 3))
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    every = list(grid.flat)
    shown = every[: len(found.models)]
    titles = titles_of(study, found.models, columns)
    for axes, model in zip(shown, found.models, strict=True):
        _draw_model(axes, found, model)
        axes.set_title(titles[model], loc="left", parse_math=False)
    cut = _limit(found, shown)
    for axes, model in zip(shown, found.models, strict=True):
        _mark_ends(axes, found.runs.loc[found.runs["model"] == model])
    label_outside(every, columns, len(found.models), across="Epoch", upright="nats a row")
    every[0].set_xlim(left=0)
    every[0].xaxis.set_major_locator(MaxNLocator(4, integer=True))
    caption = _caption(study, found, cut)
    return framed(
        figure,
        _table(found),
        title=title,
        caption=" ".join(filter(None, caption)),
        entries=_entries(found),
        panel_height_in=2.6 if rows == 1 else 0.35 + 1.5 * rows,
    )


def _draw_model(axes: Axes, found: _Parts, model: str) -> None:
    runs = found.runs.loc[found.runs["model"] == model]
    mean = found.means.loc[found.means["model"] == model]
    many = bool((mean["n"] >= chosen.DOTS_BELOW).any())
    for number, level in enumerate(found.levels.to_dict("records")):
        for part in ("bce", "kl"):
            value = level[f"validation_{part}"]
            dash = _BASELINE_DASHES[number % len(_BASELINE_DASHES)]
            # A KL of nothing would lie on the axis.
            if part == "bce" or value > 0:
                axes.axhline(value, color=_COLOUR[part], linestyle=dash, **_FLAT)
    for part in PARTS:
        for split in SPLITS:
            name = f"{split}_{part}"
            style = {"color": _COLOUR[part], "linestyle": _DASH[split]}
            axes.plot(mean["epoch"], mean[name], **style, **_mean_of(part, split))
            if many:
                axes.fill_between(
                    mean["epoch"],
                    mean[f"{name}_low"],
                    mean[f"{name}_high"],
                    color=_COLOUR[part],
                    linewidth=0,
                    alpha=0.18,
                )
            single = (mean["n"] == 1).all() and runs["seed"].nunique() == 1
            thin = runs.loc[runs["status"] != "ok"] if many or single else runs
            for _, run in thin.groupby("seed", sort=False):
                marker = "." if len(run) == 1 else None
                axes.plot(run["epoch"], run[name], marker=marker, **style, **_THIN)


def _mean_of(part: str, split: str) -> dict[str, Any]:
    """Return how a mean is drawn; where KL is 0, the loss lies below the BCE and is seen."""
    if (part, split) == ("loss", "validation"):
        return {**_MEAN, "linewidth": 2.6, "alpha": 0.6, "zorder": 2.5}
    return {**_MEAN, "zorder": 2.6} if part == "loss" else _MEAN


def _limit(found: _Parts, shown: Sequence[Axes]) -> bool:
    """Fix the common y axis, from zero; return whether a line leaves it."""
    runs = found.runs.loc[found.runs["model"].isin(found.models)]
    cut = fix_limits(shown, runs, QUANTITIES)
    levels = found.levels[["validation_bce", "validation_kl"]].to_numpy(dtype=float)
    highest = float(np.nanmax(levels, initial=0.0))
    top = max(shown[0].get_ylim()[1], 1.05 * highest)
    shown[0].set_ylim(-0.02 * top, top)
    return cut


def _mark_ends(axes: Axes, runs: pd.DataFrame) -> None:
    """Mark the last epoch of each run that failed; at the edge, where that is out of sight."""
    failed = runs.loc[runs["status"] != "ok"].dropna(subset=["validation_loss"])
    ends = failed.groupby("seed", sort=False).tail(1)
    if len(ends):
        (cross,) = axes.plot(ends["epoch"], ends["validation_loss"].clip(*axes.get_ylim()), **_END)
        cross.set_in_layout(False)


def _entries(found: _Parts) -> dict[str, Artist]:
    entries: dict[str, Artist] = {
        words: Line2D([], [], color=_COLOUR[part], **_mean_of(part, "validation"))
        for part, words in PARTS.items()
    }
    entries["validation"] = Line2D([], [], color=GREY, linestyle=_DASH["validation"], **_MEAN)
    entries["training"] = Line2D([], [], color=GREY, linestyle=_DASH["train"], **_MEAN)
    for number, model in enumerate(found.levels["model"].tolist()):
        dash = _BASELINE_DASHES[number % len(_BASELINE_DASHES)]
        entries[chosen.short(model)] = Line2D([], [], color=GREY, linestyle=dash, **_FLAT)
    runs = found.runs.loc[found.runs["model"].isin(found.models)]
    if (runs["status"] != "ok").any():
        entries["failed"] = Line2D([], [], **_END)
    return entries


def _caption(study: StudyResults, found: _Parts, cut: bool) -> list[str]:
    counts = found.means.loc[found.means["model"].isin(found.models)].groupby("model")["n"].max()
    baselines = [chosen.short(model) for model in found.levels["model"].tolist()]
    shown = [*found.models, *found.levels["model"].tolist()]
    plural = "s" if len(baselines) > 1 else ""
    return [
        "The loss is BCE + β · KL: the BCE summed over the tags of a row, the KL over the units, "
        "means over rows.",
        "On the training split they are means over the steps of an epoch, with dropout; on the "
        "validation split of the weights at its end.",
        _line_words(counts),
        f"Level lines: BCE and KL (where it is not 0) of the baseline{plural} "
        f"{' and '.join(baselines)} on the validation split, which no step of training changes."
        if baselines
        else "",
        *place_sentences(study, found.place, shown),
        "Lines that leave a panel are cut." if cut else "",
    ]


def _line_words(counts: pd.Series[int]) -> str:
    if counts.empty:
        return "Thin lines are runs; none of them is ok, so there is no mean."
    low, high = int(counts.min()), int(counts.max())
    if high == 1:
        return "Lines are single runs: 1 seed a cell."
    seeds = f"{low} to {high}" if low < high else f"{low}"
    means = f"Thick lines are means over n = {seeds} seeds, as far as all ok runs of a cell go"
    if high < chosen.DOTS_BELOW:
        return f"{means}, thin lines the runs."
    bottom, top = panels.SPREAD_PERCENT
    return (
        f"{means}. In cells with {chosen.DOTS_BELOW} runs or more, bands are the spread of the "
        f"runs, from the {bottom}th to the {top}th percentile (no interval); in the others, thin "
        "lines are the runs."
    )


def _table(found: _Parts) -> pd.DataFrame:
    parts = [
        rows.assign(kind=kind).reindex(columns=TABLE_COLUMNS)
        for kind, rows in (
            ("seed", _of(found.runs, found.models)),
            ("mean", _of(found.means, found.models)),
            ("baseline", found.levels),
        )
        if not rows.empty
    ]
    numbers = dict.fromkeys(["resolution", "seed", "epoch", "step", "n"], "Int64")
    return pd.concat([part.astype(numbers) for part in parts], ignore_index=True)


def _of(table: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    return table.loc[table["model"].isin(models)]
