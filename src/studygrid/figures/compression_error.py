"""How small an event becomes against what is lost with it, and what that does to the AUROC."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from studygrid.families.base import Metric
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
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.figures.value_limits import limit_values
from studygrid.results.one_setting import models_along
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = [
    "metric",
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "bits_per_event",
    "compression_ratio",
    "value",
    "ci_low",
    "ci_high",
    "n",
]
METRICS = ("token_mse", "auroc")
SIZES = ("options.latent_dim", "options.latent_tokens", "options.codes")

_MOST = 16
_HEIGHT_IN = 3.1
_DIGITS = ((1, 3), (1, 2, 5), tuple(range(1, 10)))  # of ticks of the compression: few, or more
_LEAST_TICKS = 3
_APART = 0.022  # of the panel's width, between models of equal bits
_CHAIN: dict[str, Any] = {"color": "#a8a8a8", "linewidth": 0.9, "zorder": 2}
_DOT: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 2.4,
    "markeredgewidth": 0,
    "alpha": 0.6,
    "zorder": 4.5,
}
_MEAN: dict[str, Any] = {
    "linestyle": "none",
    "markersize": 5.5,
    "markeredgecolor": "white",
    "markeredgewidth": 0.6,
    "zorder": 4,
}
_BAR: dict[str, Any] = {"linewidth": 0.9, "zorder": 2.5}
_LEVEL: dict[str, Any] = {"linewidth": 1.0, "linestyle": (0, (4, 3)), "zorder": 1.8}


@dataclass(frozen=True)
class _Found:
    """Rows of the table.

    Attributes
    ----------
    means, runs
        Of models with latent tokens.
    levels
        Means of models without them, of metrics that they have.
    """

    place: Place
    models: list[str]
    means: pd.DataFrame
    runs: pd.DataFrame
    levels: pd.DataFrame

    @property
    def limits(self) -> tuple[float, float]:
        """The ends of the axis of bits."""
        bits = self.means["bits_per_event"].astype(float)
        return float(bits.min()) / 1.8, float(bits.max()) * 1.8

    @property
    def places(self) -> dict[str, float]:
        """Where each model is drawn: at its bits, those of equal bits side by side."""
        low, high = self.limits
        step = (high / low) ** _APART
        bits = self.means.drop_duplicates("model").set_index("model")["bits_per_event"]
        found = {}
        for size, group in bits.astype(float).groupby(bits.astype(float).round(6)):
            for number, model in enumerate(group.index):
                found[str(model)] = float(size) * step ** (number - (len(group) - 1) / 2)
        return found


def compression_error(study: StudyResults) -> Drawing:
    """Draw the token error and the AUROC against the bits of an event's latent tokens.

    It is for families with the metrics ``bits_per_event``, ``token_mse`` and ``auroc``. A line
    joins models that differ in the size of their latent tokens alone: in their number, their
    numbers each, or the codes. Models without latent tokens are level lines. All are at the
    largest resolution and training-set size that most share; of more than sixteen, those evenly
    spread over the order of the config.

    Returns
    -------
    A drawing whose table has one row a mark: `metric`, `kind` (``mean``, ``seed``, or ``level`` of
        a model without latent tokens), `model`, `resolution`, `n_train`, `seed`,
        `bits_per_event`, `compression_ratio`, `value`, of a mean `ci_low` and `ci_high` (95 %
        Student t over the seeds), and `n`, the runs of a mean.
    """
    title = f"{study.name}: what is lost with compression"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    found = _found(study, place)
    if found.means.empty:
        runs = chosen.run_words(place.runs, "there")
        reason = f"No model with latent tokens has a result there. {runs}"
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, found, title)


# --- Numbers


def _found(study: StudyResults, place: Place) -> _Found:
    bits = cells_of(study, place, "bits_per_event").set_index("model")["mean"]
    ratios = cells_of(study, place, "compression_ratio").set_index("model")["mean"]
    models = evenly([str(model) for model in bits.index], _MOST)
    means, runs, levels = [], [], []
    for name in METRICS:
        cells = cells_of(study, place, name).rename(columns={"mean": "value"}).assign(metric=name)
        own = cells.loc[cells["model"].isin(models)]
        means.append(own.assign(kind="mean"))
        levels.append(cells.loc[~cells["model"].isin(bits.index)].assign(kind="level"))
        few = set(own.loc[own["n"].between(2, chosen.DOTS_BELOW - 1), "model"])
        dots = place.ok.loc[place.ok["model"].isin(few)].dropna(subset=[f"test_{name}"])
        dots = dots.rename(columns={f"test_{name}": "value"})
        runs.append(dots.assign(metric=name, kind="seed"))
    tables = [
        pd.concat(parts, ignore_index=True)
        .assign(
            bits_per_event=lambda rows: rows["model"].map(bits).astype(float),
            compression_ratio=lambda rows: rows["model"].map(ratios).astype(float),
        )
        .reindex(columns=TABLE_COLUMNS)
        for parts in (means, runs, levels)
    ]
    return _Found(place, models, *tables)


# --- Drawing


def _drawn(study: StudyResults, found: _Found, title: str) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, _HEIGHT_IN))
    shown = [name for name in METRICS if (found.means["metric"] == name).any()]
    grid = figure.subplots(1, len(shown), sharex=True, squeeze=False)[0]
    look_of = looks(study.order["model"])
    cut, chains = False, 0
    for axes, name in zip(grid, shown, strict=True):
        chains += _draw_chains(axes, study, found, name)
        _draw_models(axes, found, name, look_of)
        cut |= _fix(axes, study.family.metric(name), found, study.split)
    return framed(
        figure,
        _table(found),
        title=title,
        caption=" ".join(filter(None, _caption(study, found, chains > 0, cut))),
        entries=_entries(study, found, look_of),
        panel_height_in=_HEIGHT_IN,
    )


def _of(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    return rows.loc[rows["metric"] == name]


def _draw_models(axes: Axes, found: _Found, name: str, look_of: Mapping[str, Look]) -> None:
    for cell in _of(found.levels, name).to_dict("records"):
        axes.axhline(cell["value"], color=look_of[cell["model"]].colour, **_LEVEL)
    places = found.places
    for cell in _of(found.means, name).to_dict("records"):
        look, at = look_of[cell["model"]], places[cell["model"]]
        if not math.isnan(cell["ci_low"]):
            axes.vlines(at, cell["ci_low"], cell["ci_high"], color=look.colour, **_BAR)
        axes.plot(at, cell["value"], color=look.colour, marker=look.marker, **_MEAN)
    for run in _of(found.runs, name).to_dict("records"):
        look = look_of[run["model"]]
        axes.plot(places[run["model"]], run["value"], color=look.colour, **_DOT)


def _draw_chains(axes: Axes, study: StudyResults, found: _Found, name: str) -> int:
    cells, places = _of(found.means, name).set_index("model"), found.places
    drawn = 0
    for group in _chains(study):
        own = cells.loc[[model for model in group if model in cells.index]]
        own = own.sort_values("bits_per_event", kind="stable")
        if own["bits_per_event"].nunique() > 1:
            axes.plot([places[str(model)] for model in own.index], own["value"], **_CHAIN)
            drawn += 1
    return drawn


def _chains(study: StudyResults) -> list[dict[str, float]]:
    return [group for path in SIZES for group in models_along(study.plan, path)]


def _fix(axes: Axes, metric: Metric, found: _Found, split: str) -> bool:
    """Label a panel and fix its axes; return whether an interval leaves it."""
    axes.set_xscale("log", base=2)
    axes.set_xlim(*found.limits)
    axes.xaxis.set_major_locator(LogLocator(base=2, numticks=7))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_whole))
    axes.set_xlabel("Bits an event (latent tokens)")
    axes.set_ylabel(f"{metric.label} ({split})")
    means = _of(found.means, metric.name)
    values = pd.concat([part["value"] for part in _parts(found, metric.name)]).astype(float)
    ends = means["ci_low"].astype(float), means["ci_high"].astype(float)
    bounds = metric.bounds or (0, None)
    _add_compression(axes, found)
    return limit_values(axes.set_ylim, values, *ends, bounds=bounds)


def _parts(found: _Found, name: str) -> list[pd.DataFrame]:
    parts = (_of(rows, name) for rows in (found.means, found.runs, found.levels))
    return [part for part in parts if not part.empty]


def _whole(value: float, _: int) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _add_compression(axes: Axes, found: _Found) -> None:
    """Write how many times smaller an event becomes above the panel."""
    known = found.means.dropna(subset=["compression_ratio"])
    if known.empty:
        return
    # The mean size of an event's tokens, which is the same for every model.
    before = float((known["compression_ratio"] * known["bits_per_event"]).median())
    low, high = (before / end for end in reversed(axes.get_xlim()))
    for digits in _DIGITS:
        every = (first * 10.0**power for power in range(-4, 8) for first in digits)
        ratios = [ratio for ratio in every if low <= ratio <= high]
        if len(ratios) >= _LEAST_TICKS:
            break
    above = axes.secondary_xaxis("top")
    above.set_xticks([before / ratio for ratio in ratios], [f"{ratio:g}×" for ratio in ratios])
    above.xaxis.set_minor_locator(NullLocator())
    above.tick_params(length=2.5)
    above.set_xlabel("Compression")


def _entries(study: StudyResults, found: _Found, look_of: Mapping[str, Look]) -> dict[str, Artist]:
    level = set(found.levels["model"])
    entries: dict[str, Artist] = {}
    for model in study.order["model"]:
        look = look_of[model]
        if model in found.models:
            entries[model] = Line2D([], [], color=look.colour, marker=look.marker, **_MEAN)
        elif model in level:
            entries[model] = Line2D([], [], color=look.colour, **_LEVEL)
    if not found.runs.empty:
        entries["one seed"] = Line2D([], [], color=GREY, **_DOT)
    return entries


def _caption(study: StudyResults, found: _Found, chains: bool, cut: bool) -> list[str]:
    shown = [*found.models, *dict.fromkeys(found.levels["model"])]
    dots = not found.runs.empty
    without: Sequence[str] = list(dict.fromkeys(found.levels["model"]))
    return [
        "Left and down is better in the token error. Compression is the mean size of an event's "
        "tokens, of 32-bit numbers, over that of its latent tokens.",
        "A line joins models that differ in the size of the latent tokens alone." if chains else "",
        chosen.mean_words(found.means["n"], dots=dots),
        "Models of equal bits stand side by side." if _share_bits(found) else "",
        f"Level lines are models without latent tokens: {', '.join(map(chosen.short, without))}."
        if without
        else "",
        *place_sentences(study, found.place, shown),
        "Bars that leave a panel are cut." if cut else "",
    ]


def _share_bits(found: _Found) -> bool:
    bits = found.means.drop_duplicates("model")["bits_per_event"].astype(float).round(6)
    return bool(bits.duplicated().any())


def _table(found: _Found) -> pd.DataFrame:
    parts = [part for part in (found.means, found.runs, found.levels) if not part.empty]
    table = pd.concat(parts, ignore_index=True)
    return table.astype({"resolution": "Int64", "seed": "Int64", "n": "Int64"})
