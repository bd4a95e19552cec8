"""How many nats a code takes against what is lost with it: rate and distortion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import (
    Place,
    cells_of,
    largest_place,
    nothing_words,
    place_sentences,
)
from studygrid.figures.panels import evenly
from studygrid.figures.point_labels import label_points
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.figures.value_limits import limit_values
from studygrid.results.one_setting import models_along, settings_of
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = [
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "beta",
    "rate",
    "rate_ci_low",
    "rate_ci_high",
    "distortion",
    "distortion_ci_low",
    "distortion_ci_high",
    "elbo",
    "n",
]

_MOST = 12
_HEIGHT_IN = 4.4
_LINES = 7
_LEAST_SHARE = 0.25
_CHAIN: dict[str, Any] = {"color": "#9a9a9a", "linewidth": 1.0, "zorder": 2}
_DOT: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 2.6,
    "markeredgewidth": 0,
    "alpha": 0.5,
    "zorder": 3,
}
_MEAN: dict[str, Any] = {
    "linestyle": "none",
    "markersize": 6.5,
    "markeredgecolor": "white",
    "markeredgewidth": 0.6,
    "zorder": 4,
}


@dataclass(frozen=True)
class _Found:
    """One row a cell and a run, in the columns of the table."""

    place: Place
    models: list[str]
    means: pd.DataFrame
    runs: pd.DataFrame


def rate_distortion(study: StudyResults) -> Drawing:
    """Draw distortion against rate on the test split: what a model loses, and what its code costs.

    It is for families with the metrics ``kl`` (the rate) and ``bce`` (the distortion), in nats a
    row. Grey lines are of equal ELBO, -(rate + distortion). A line joins models that differ in β
    alone, in its order. All models are at the largest vocabulary and training-set size that most
    share; of more than twelve, those evenly spread over the order of the config.

    Returns
    -------
    A drawing whose table has one row a mark: `kind` (``mean`` or ``seed``), `model`,
        `resolution`, `n_train`, `seed`, `beta` (empty for models that are fitted at once),
        `rate` and `distortion` with the ends of the 95 % Student-t intervals of the means,
        `rate_ci_low`, `rate_ci_high`, `distortion_ci_low` and `distortion_ci_high`, `elbo` and
        `n`, the runs of a mean.
    """
    title = f"{study.name}: rate against distortion"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    found = _found(study, place)
    if found.means.empty:
        runs = chosen.run_words(study.frame, "in the study")
        reason = f"No run has a BCE and a KL on the test split. {runs}"
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, found, title)


def _found(study: StudyResults, place: Place) -> _Found:
    betas = settings_of(study.plan, "loss.beta")
    cells = _joined(cells_of(study, place, "kl"), cells_of(study, place, "bce"))
    models = evenly(cells["model"].tolist(), _MOST)
    cells = cells.loc[cells["model"].isin(models)]
    ok = place.ok.rename(columns={"test_kl": "rate", "test_bce": "distortion"})
    ok = ok.dropna(subset=["rate", "distortion"])
    few = set(cells.loc[cells["n"].between(2, chosen.DOTS_BELOW - 1), "model"])
    runs = ok.loc[ok["model"].isin(few)]
    return _Found(
        place,
        models,
        *(
            rows.assign(
                kind=kind,
                beta=rows["model"].map(betas).astype(float),
                elbo=-(rows["rate"] + rows["distortion"]),
            )
            .reindex(columns=TABLE_COLUMNS)
            .reset_index(drop=True)
            for kind, rows in (("mean", cells), ("seed", runs))
        ),
    )


def _joined(rates: pd.DataFrame, distortions: pd.DataFrame) -> pd.DataFrame:
    """Return one row a cell, from what the summary has of its two metrics."""
    names = {"mean": "", "ci_low": "_ci_low", "ci_high": "_ci_high"}
    axes = ["model", "resolution", "n_train"]
    parts = [
        cells[[*axes, "n", *names]].rename(
            columns={old: f"{of}{new}" for old, new in names.items()}
        )
        for of, cells in (("rate", rates), ("distortion", distortions))
    ]
    return parts[0].merge(parts[1].drop(columns="n"), on=axes, how="inner")


def _drawn(study: StudyResults, found: _Found, title: str) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, _HEIGHT_IN))
    axes = figure.subplots()
    look_of = looks(study.order["model"])
    cut = _limit(axes, found, study.split)
    words = _draw_equal_elbos(axes)
    lines = _draw_chains(axes, study, found)
    marks = []
    for cell in found.means.to_dict("records"):
        look = look_of[cell["model"]]
        lines += _draw_bars(axes, cell, look)
        marks += axes.plot(
            cell["rate"], cell["distortion"], color=look.colour, marker=look.marker, **_MEAN
        )
    dots = [
        dot
        for run in found.runs.to_dict("records")
        for dot in axes.plot(
            run["rate"], run["distortion"], color=look_of[run["model"]].colour, **_DOT
        )
    ]
    drawing = framed(
        figure,
        _table(found),
        title=title,
        caption=" ".join(filter(None, _caption(study, found, bool(lines), cut))),
        entries=_entries(found, look_of),
        panel_height_in=_HEIGHT_IN,
    )
    betas = found.means["beta"].tolist()
    named = [place for place, beta in enumerate(betas) if not math.isnan(beta)]
    names = [f"β = {betas[place]:g}" for place in named]
    label_points(axes, names, [marks[place] for place in named], [*marks, *words], dots, lines)
    return drawing


def _limit(axes: Axes, found: _Found, split: str) -> bool:
    """Fix both axes on what was measured; return whether an interval leaves them."""
    cut = False
    for of, set_limits in (("rate", axes.set_xlim), ("distortion", axes.set_ylim)):
        ends = found.means[f"{of}_ci_low"], found.means[f"{of}_ci_high"]
        values = pd.concat([found.means[of], found.runs[of]])
        cut |= limit_values(set_limits, values, *ends, least_share=_LEAST_SHARE, bounds=(0, None))
    axes.set_xlabel(f"Rate: mean KL of a row ({split}, nats)")
    axes.set_ylabel(f"Distortion: mean BCE of a row ({split}, nats)")
    axes.grid(visible=False)
    return cut


def _draw_equal_elbos(axes: Axes) -> list[Artist]:
    """Draw lines of equal rate + distortion through the panel; return their names in it."""
    inside: list[Artist] = []
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    totals = MaxNLocator(_LINES, steps=[1, 2, 2.5, 5, 10]).tick_values(left + bottom, right + top)
    for total in map(float, totals):
        if not left + bottom < total < right + top:
            continue
        ends = [total - top, total - bottom], [top, bottom]
        axes.plot(*ends, color="#d4d4d4", linewidth=0.7, zorder=1)
        words = f"ELBO {-total:g}".replace("-", "−")
        style: dict[str, Any] = {"textcoords": "offset points", "color": GREY, "size": 7}
        if total - right > bottom:
            at = (right, total - right)
            axes.annotate(words, at, xytext=(3, 0), va="center", annotation_clip=False, **style)
        else:
            # It meets the lower edge: named at the left or the upper one, above the line.
            at = (left, total - left) if total - left < top else (total - top, top)
            place = (4, -1) if total - left < top else (4, -9)
            halo = [withStroke(linewidth=2, foreground="white")]
            inside.append(
                axes.annotate(words, at, xytext=place, va="bottom", path_effects=halo, **style)
            )
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    return inside


def _draw_chains(axes: Axes, study: StudyResults, found: _Found) -> list[Line2D]:
    places = found.means.set_index("model")
    lines = []
    for group in models_along(study.plan, "loss.beta"):
        own = places.loc[[model for model in group if model in places.index]]
        if len(own) > 1:
            lines += axes.plot(own["rate"], own["distortion"], **_CHAIN)
    return lines


def _draw_bars(axes: Axes, cell: Mapping[Any, Any], look: Look) -> list[Line2D]:
    if math.isnan(cell["rate_ci_low"]) or math.isnan(cell["distortion_ci_low"]):
        return []
    style: dict[str, Any] = {"color": look.colour, "linewidth": 0.8, "zorder": 2.5}
    ends = [[cell[f"{of}_ci_low"], cell[f"{of}_ci_high"]] for of in ("rate", "distortion")]
    across = axes.plot(ends[0], [cell["distortion"]] * 2, **style)
    return across + axes.plot([cell["rate"]] * 2, ends[1], **style)


def _entries(found: _Found, look_of: Mapping[str, Look]) -> dict[str, Artist]:
    entries: dict[str, Artist] = {}
    for cell in found.means.to_dict("records"):
        look = look_of[cell["model"]]
        # Marks that lie on each other have no room for their β.
        beta = "" if math.isnan(cell["beta"]) else f", β = {cell['beta']:g}"
        mark = Line2D([], [], color=look.colour, marker=look.marker, **_MEAN)
        entries[f"{cell['model']}{beta}"] = mark
    if not found.runs.empty:
        entries["one seed"] = Line2D([], [], color=GREY, **_DOT)
    return entries


def _caption(study: StudyResults, found: _Found, chains: bool, cut: bool) -> list[str]:
    joined = any(
        sum(model in found.models for model in group) > 1
        for group in models_along(study.plan, "loss.beta")
    )
    return [
        "Down and to the left is better; grey lines are of equal ELBO, −(rate + distortion).",
        "A line joins models that differ in β alone." if joined else "",
        mean_words(found.means["n"], dots=not found.runs.empty),
        *place_sentences(study, found.place, found.models),
        "Bars that leave the panel are cut." if cut else "",
    ]


def mean_words(counts: pd.Series[int], dots: bool) -> str:
    """Return what marks, bars and dots are, where the bars go both ways."""
    words = chosen.mean_words(counts, dots)
    return words.replace("vertical bars", "bars")


def _table(found: _Found) -> pd.DataFrame:
    parts = [part for part in (found.means, found.runs) if not part.empty]
    table = pd.concat(parts, ignore_index=True)
    return table.astype({"resolution": "Int64", "seed": "Int64", "n": "Int64"})
