"""How much of its latent space a model uses: the units that vary, and how far each does."""

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
from matplotlib.patheffects import withStroke

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import (
    Place,
    cells_of,
    facts_at,
    largest_place,
    nothing_words,
    place_sentences,
)
from studygrid.figures.panels import evenly
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.figures.value_limits import limit_values
from studygrid.results.one_setting import settings_of
from studygrid.results.study_results import StudyResults

TABLE = "latent_units"
METRIC = "active_units_percent"
ACTIVE = 0.01  # variance of the posterior mean from which on a unit counts as active
TABLE_COLUMNS = [
    "panel",
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "active_percent",
    "ci_low",
    "ci_high",
    "active_units",
    "latent_units",
    "rank",
    "variance",
    "n",
]

_CELL = ["model", "resolution", "n_train"]
_ENDS = ["ci_low", "ci_high"]
_MOST = 12
_ROW_IN = 0.29
_LEAST_IN = 2.4
_DECADES = 6  # below the greatest variance; what is less is drawn at the edge
_MEAN: dict[str, Any] = {
    "linestyle": "none",
    "markersize": 6,
    "markeredgecolor": "white",
    "markeredgewidth": 0.6,
    "zorder": 4,
}
_DOT: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 2.6,
    "markeredgewidth": 0,
    "alpha": 0.55,
    "zorder": 3,
}
_LINE: dict[str, Any] = {
    "linewidth": 1.1,
    "markersize": 4,
    "markeredgecolor": "white",
    "markeredgewidth": 0.4,
    "zorder": 3,
}


@dataclass(frozen=True)
class _Found:
    """Rows of the table, by panel."""

    place: Place
    models: list[str]
    means: pd.DataFrame
    runs: pd.DataFrame
    spectra: pd.DataFrame


_COUNTS = ["active_units", "latent_units"]


def active_units(study: StudyResults) -> Drawing:
    """Draw how many units of each model are active, and the variance of its units by rank.

    It is for families whose evaluations keep the facts ``active_units`` and ``latent_units`` and
    the table ``latent_units``: the variance over the test split of each unit's posterior mean. A
    unit is active above a variance of 0.01 (Burda, Grosse, Salakhutdinov, Importance weighted
    autoencoders, ICLR 2016, section 5.2). All models are at the largest vocabulary and
    training-set size that most share; of more than twelve, those evenly spread over the order of
    the config. Models without latent space are not there.

    Returns
    -------
    A drawing whose table has one row a mark: `panel` (``active`` or ``spectrum``), `kind`
        (``mean`` or ``seed`` of the first, ``median`` of the second), `model`, `resolution`,
        `n_train`, `seed`; of the first `active_percent` with `ci_low` and `ci_high` (95 % Student
        t of the mean), `active_units` of `latent_units`; of the second the `variance` at a `rank`
        from 1; and `n`, the runs of a mean or median.
    """
    title = f"{study.name}: units of the latent space that are active"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    found = _found(study, place)
    if found.means.empty:
        runs = chosen.run_words(place.runs, "there")
        reason = f"No model with a latent space has a result at the place of comparison. {runs}"
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, found, title)


def _found(study: StudyResults, place: Place) -> _Found:
    cells = cells_of(study, place, METRIC)
    models = evenly(cells["model"].tolist(), _MOST)
    means, runs, spectra = [], [], []
    for cell in cells.loc[cells["model"].isin(models)].to_dict("records"):
        model = str(cell["model"])
        facts = facts_at(study, place, model)
        own = [
            {
                "model": model,
                "seed": seed,
                "active_units": one.scored.get("active_units"),
                "latent_units": one.scored.get("latent_units"),
                "active_percent": one.metrics.get(METRIC),
            }
            for seed, one in facts.items()
            if one.metrics.get(METRIC) is not None
        ]
        # Of a collected study there may be no records, which alone count the units.
        counts = pd.DataFrame(own, columns=_COUNTS).astype(float).mean()
        names = {"mean": "active_percent"}
        means.append(pd.Series(cell).rename(names)[[*_CELL, "active_percent", *_ENDS, "n"]])
        means[-1] = pd.concat([means[-1], counts])
        if 2 <= cell["n"] < chosen.DOTS_BELOW:
            runs += own
        spectra.append(_spectrum(model, [one.tables.get(TABLE) for one in facts.values()]))
    return _Found(
        place,
        models,
        _as_table(place, "active", "mean", pd.DataFrame(means)),
        _as_table(place, "active", "seed", pd.DataFrame(runs)),
        _as_table(place, "spectrum", "median", pd.concat(spectra) if spectra else pd.DataFrame()),
    )


def _as_table(place: Place, panel: str, kind: str, rows: pd.DataFrame) -> pd.DataFrame:
    table = rows.assign(
        panel=panel, kind=kind, resolution=place.resolution, n_train=place.n_train
    ).reindex(columns=TABLE_COLUMNS)
    return table.reset_index(drop=True).astype(
        {"resolution": "Int64", "seed": "Int64", "rank": "Int64", "n": "Int64"}
    )


def _spectrum(model: str, tables: Sequence[Any]) -> pd.DataFrame:
    """Return the median over the runs of the greatest variance, of the second greatest, ..."""
    kept = [np.asarray(table, dtype=float) for table in tables if table]
    variances = [np.sort(table[:, 0])[::-1] for table in kept if table.ndim == 2]
    same = [own for own in variances if len(own) == len(variances[0])]
    if not same:
        return pd.DataFrame()
    ranks = np.arange(1, len(same[0]) + 1)
    middle = np.median(same, axis=0)
    return pd.DataFrame({"model": model, "rank": ranks, "variance": middle, "n": len(same)})


def _drawn(study: StudyResults, found: _Found, title: str) -> Drawing:
    height = max(_LEAST_IN, 0.7 + _ROW_IN * len(found.models))
    figure = Figure(figsize=(WIDTH_IN, height))
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1, 1.15]})
    look_of = looks(study.order["model"])
    for row, cell in enumerate(found.means.to_dict("records")):
        own = found.runs.loc[found.runs["model"] == cell["model"]]
        _draw_active(left, row, cell, own, look_of[str(cell["model"])])
    cut = _fix_active(study, left, found)
    for model in found.models:
        own = found.spectra.loc[found.spectra["model"] == model]
        _draw_spectrum(right, own, look_of[model])
    _fix_spectra(right, found)
    parts = [part for part in (found.means, found.runs, found.spectra) if not part.empty]
    return framed(
        figure,
        pd.concat(parts, ignore_index=True),
        title=title,
        caption=" ".join(filter(None, _caption(study, found, cut))),
        entries=_entries(found),
        panel_height_in=height,
    )


def _draw_active(
    axes: Axes, row: int, cell: dict[Any, Any], runs: pd.DataFrame, look: Look
) -> None:
    axes.plot(runs["active_percent"], [row - 0.22] * len(runs), color=look.colour, **_DOT)
    axes.hlines(row, cell["ci_low"], cell["ci_high"], look.colour, linewidth=0.9)
    axes.plot(cell["active_percent"], row, color=look.colour, marker=look.marker, **_MEAN)
    if not pd.isna(cell["active_units"]):
        units, of = cell["active_units"], cell["latent_units"]
        axes.annotate(
            f"{round(units, 1):g} of {of:g}",
            (1, row),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=GREY,
            size=7,
            annotation_clip=False,
        )


def _fix_active(study: StudyResults, axes: Axes, found: _Found) -> bool:
    betas = settings_of(study.plan, "loss.beta")
    names = [
        f"{chosen.short(model)}" + (f"\nβ = {betas[model]:g}" if model in betas else "")
        for model in found.models
    ]
    axes.set_yticks(range(len(names)), names, parse_math=False, size=7, linespacing=0.95)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(names) - 0.4, -0.7)
    values = pd.concat([found.means["active_percent"], found.runs["active_percent"]])
    ends = found.means["ci_low"], found.means["ci_high"]
    cut = limit_values(axes.set_xlim, values, *ends, bounds=(0, 100))
    # From nothing on; a single mark stands off the edge.
    highest = max(axes.get_xlim()[1], 1.15 * float(values.max()), 5.0)
    axes.set_xlim(-0.03 * highest, min(highest, 104))
    axes.set_xlabel(f"Active units ({study.split}, %)")
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    return cut


def _draw_spectrum(axes: Axes, spectrum: pd.DataFrame, look: Look) -> None:
    every = max(1, len(spectrum) // 6)
    axes.plot(
        spectrum["rank"],
        spectrum["variance"],
        color=look.colour,
        marker=look.marker,
        markevery=every,
        **_LINE,
    )


def _fix_spectra(axes: Axes, found: _Found) -> None:
    variances = found.spectra["variance"].astype(float)
    positive = variances[variances > 0]
    axes.set_xlabel("Rank of the unit")
    axes.set_ylabel("Variance of the posterior mean")
    if positive.empty:
        axes.text(0.5, 0.5, "no variances kept", transform=axes.transAxes, ha="center", color=GREY)
        return
    top = max(float(positive.max()), ACTIVE)
    bottom = max(min(float(positive.min()), ACTIVE / 3), top / 10**_DECADES)
    axes.set_yscale("log")
    axes.set_ylim(bottom / 1.6, top * 1.6)
    axes.set_xscale("log", base=2)
    last = int(found.spectra["rank"].max())
    ticks = [2**power for power in range(last.bit_length())]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(0.85, last * 1.15)
    axes.axhline(ACTIVE, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(
        f"active above {ACTIVE:g}",
        (1, ACTIVE),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 2),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=GREY,
        size=7,
        path_effects=[withStroke(linewidth=2, foreground="white")],
        zorder=5,
    )


def _entries(found: _Found) -> dict[str, Artist]:
    if found.runs.empty:
        return {}
    return {"one seed": Line2D([], [], color=GREY, **_DOT)}


def _caption(study: StudyResults, found: _Found, cut: bool) -> list[str]:
    words = chosen.mean_words(found.means["n"], dots=not found.runs.empty)
    kept = found.spectra["n"].dropna()
    low, high = (int(kept.min()), int(kept.max())) if len(kept) else (0, 0)
    seeds = f"{low} to {high}" if low < high else f"{low}"
    over = "" if high <= 1 else f", each rank the median over n = {seeds} seeds"
    without = _without_units(study, found.place)
    return [
        f"Left: units whose posterior mean has a variance above {ACTIVE:g} over the test rows, in "
        "% of the model's units; beside it the mean count.",
        words.replace("vertical bars", "bars"),
        f"Right: that variance, the units in falling order{over}; both axes are logarithmic."
        if len(kept)
        else "",
        f"Without a latent space: {', '.join(map(chosen.short, without))}." if without else "",
        *place_sentences(study, found.place, [*found.models, *without]),
        "Bars that leave the panel are cut." if cut else "",
    ]


def _without_units(study: StudyResults, place: Place) -> list[str]:
    """Return the models with a result that have no share of active units."""
    have = set(cells_of(study, place, METRIC)["model"])
    there = set(place.ok["model"])
    return [model for model in study.order["model"] if model in there - have]
