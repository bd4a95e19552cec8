"""How many codes of its codebook a model uses, and how evenly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, StrMethodFormatter

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
from studygrid.results.study_results import StudyResults

TABLE = "code_shares"
TABLE_COLUMNS = [
    "panel",
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "perplexity",
    "ci_low",
    "ci_high",
    "codes",
    "used_share",
    "rank",
    "share",
    "n",
]

_CELL = ["model", "resolution", "n_train"]
_MOST = 12
_ROW_IN = 0.32
_LEAST_IN = 2.2
_ROOM = 1.1  # between the least perplexity and the edge of the panel, as a factor
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
_CODES: dict[str, Any] = {
    "linestyle": "none",
    "marker": "|",
    "markersize": 11,
    "markeredgewidth": 1.4,
    "color": GREY,
    "zorder": 3,
}
_LINE: dict[str, Any] = {"linewidth": 1.1, "zorder": 3}
_LINE_MARK: dict[str, Any] = {"markersize": 4, "markeredgecolor": "white", "markeredgewidth": 0.4}
_EVEN: dict[str, Any] = {"linewidth": 0.8, "linestyle": (0, (1, 2)), "zorder": 1.5}


@dataclass(frozen=True)
class _Found:
    """Rows of the table, by panel."""

    place: Place
    models: list[str]
    means: pd.DataFrame
    runs: pd.DataFrame
    spectra: pd.DataFrame


def codebook_use(study: StudyResults) -> Drawing:
    """Draw the perplexity of each codebook, and how often its codes are used by rank.

    It is for families with the metrics ``perplexity`` and ``codebook_use``, whose evaluations keep
    the fact ``codes`` and the table ``code_shares``: rank and share of all uses. All models are at
    the largest resolution and training-set size that most share; of more than twelve, those
    evenly spread over the order of the config. Models without a codebook are not there.

    Returns
    -------
    A drawing whose table has one row a mark: `panel` (``perplexity`` or ``shares``), `kind`
        (``mean`` or ``seed`` of the first, ``median`` of the second), `model`, `resolution`,
        `n_train`, `seed`; of the first `perplexity` with `ci_low` and `ci_high` (95 % Student t of
        the mean), the number of `codes` and the `used_share` of them; of the second the `share` of
        uses at a `rank` from 1; and `n`, the runs of a mean or median.
    """
    title = f"{study.name}: use of the codebooks"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    found = _found(study, place)
    if found.means.empty:
        runs = chosen.run_words(place.runs, "there")
        reason = f"No model with a codebook has a result there. {runs}"
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, found, title)


# --- Numbers


def _found(study: StudyResults, place: Place) -> _Found:
    cells = cells_of(study, place, "perplexity")
    models = evenly([str(model) for model in cells["model"]], _MOST)
    means, runs, spectra = [], [], []
    for cell in cells.loc[cells["model"].isin(models)].to_dict("records"):
        model = str(cell["model"])
        facts = facts_at(study, place, model)
        own = [
            {
                "model": model,
                "seed": seed,
                "perplexity": one.metrics.get("perplexity"),
                "codes": one.scored.get("codes"),
                "used_share": one.metrics.get("codebook_use"),
            }
            for seed, one in facts.items()
            if one.metrics.get("perplexity") is not None
        ]
        columns = ["codes", "used_share"]
        counts = pd.DataFrame(own, columns=columns).astype(float).mean()
        kept = {name: cell[name] for name in (*_CELL, "ci_low", "ci_high", "n")}
        means.append({**kept, "perplexity": cell["mean"], **dict(counts)})
        if 2 <= cell["n"] < chosen.DOTS_BELOW:
            runs += own
        spectra.append(_spectrum(model, [one.tables.get(TABLE) for one in facts.values()]))
    return _Found(
        place,
        models,
        _as_table(place, "perplexity", "mean", pd.DataFrame(means)),
        _as_table(place, "perplexity", "seed", pd.DataFrame(runs)),
        _as_table(place, "shares", "median", pd.concat(spectra) if spectra else pd.DataFrame()),
    )


def _as_table(place: Place, panel: str, kind: str, rows: pd.DataFrame) -> pd.DataFrame:
    table = rows.assign(
        panel=panel, kind=kind, resolution=place.resolution, n_train=place.n_train
    ).reindex(columns=TABLE_COLUMNS)
    whole = dict.fromkeys(["resolution", "seed", "rank", "n"], "Int64")
    return table.reset_index(drop=True).astype(whole)


def _spectrum(model: str, tables: Sequence[Any]) -> pd.DataFrame:
    """Return the median share over the runs of the code used most, of the next, ...

    A run that does not use so many codes counts as 0 there.
    """
    kept = [np.asarray(table, dtype=float) for table in tables if table]
    shares = [table[:, 1] for table in kept if table.ndim == 2 and table.shape[1] == 2]
    if not shares:
        return pd.DataFrame()
    longest = max(map(len, shares))
    middle = np.median([np.pad(own, (0, longest - len(own))) for own in shares], axis=0)
    ranks = np.arange(1, longest + 1)
    return pd.DataFrame({"model": model, "rank": ranks, "share": middle, "n": len(shares)})


# --- Drawing


def _drawn(study: StudyResults, found: _Found, title: str) -> Drawing:
    height = max(_LEAST_IN, 0.7 + _ROW_IN * len(found.models))
    figure = Figure(figsize=(WIDTH_IN, height))
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1, 1.1]})
    look_of = looks(study.order["model"])
    for row, cell in enumerate(found.means.to_dict("records")):
        own = found.runs.loc[found.runs["model"] == cell["model"]]
        _draw_perplexity(left, row, cell, own, look_of[str(cell["model"])])
        spectrum = found.spectra.loc[found.spectra["model"] == cell["model"]]
        _draw_spectrum(right, cell, spectrum, look_of[str(cell["model"])])
    cut = _fix_perplexities(study, left, found)
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


def _draw_perplexity(
    axes: Axes, row: int, cell: dict[Any, Any], runs: pd.DataFrame, look: Look
) -> None:
    axes.plot(runs["perplexity"], [row - 0.24] * len(runs), color=look.colour, **_DOT)
    axes.hlines(row, cell["ci_low"], cell["ci_high"], look.colour, linewidth=0.9)
    axes.plot(cell["perplexity"], row, color=look.colour, marker=look.marker, **_MEAN)
    if not pd.isna(cell["codes"]):
        axes.plot(cell["codes"], row, **_CODES)
    if not pd.isna(cell["used_share"]):
        _write_beside(axes, row, f"{100 * cell['used_share']:.0f} %")


def _write_beside(axes: Axes, row: float, words: str) -> None:
    axes.annotate(
        words,
        (1, row),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        color=GREY,
        size=7,
        annotation_clip=False,
    )


def _fix_perplexities(study: StudyResults, axes: Axes, found: _Found) -> bool:
    """Label the panel and fix its axes; return whether an interval leaves it."""
    names = [chosen.short(model) for model in found.models]
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(names) - 0.4, -0.7)
    axes.set_xscale("log", base=2)
    values = pd.concat([found.means["perplexity"], found.runs["perplexity"], found.means["codes"]])
    values = values.dropna().astype(float)
    # From one power of two to another, so that both have a tick.
    low = 2.0 ** math.floor(math.log2(float(values.min()) / _ROOM)) / 1.1
    high = 2.0 ** math.ceil(math.log2(float(values.max()))) * 1.25
    axes.set_xlim(low, high)
    _plain_ticks(axes, numticks=6)
    axes.set_xlabel(f"Perplexity ({study.split}, codes)")
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    if found.means["used_share"].notna().any():
        _write_beside(axes, -0.55, "used")
    ends = [found.means[end].astype(float) for end in ("ci_low", "ci_high")]
    return bool((ends[0] < low).any() or (ends[1] > high).any())


def _plain_ticks(axes: Axes, numticks: int) -> None:
    axes.xaxis.set_major_locator(LogLocator(base=2, numticks=numticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _draw_spectrum(axes: Axes, cell: dict[Any, Any], spectrum: pd.DataFrame, look: Look) -> None:
    used = spectrum.loc[spectrum["share"] > 0]
    marks = np.unique(np.geomspace(1, max(len(used), 1), 6).astype(int)) - 1
    axes.plot(
        used["rank"].astype(float),
        used["share"],
        color=look.colour,
        marker=look.marker,
        markevery=marks.tolist(),
        **_LINE,
        **_LINE_MARK,
    )
    if not used.empty and not pd.isna(cell["codes"]):
        codes = float(cell["codes"])
        axes.plot([1, codes], [1 / codes, 1 / codes], color=look.colour, **_EVEN)


def _fix_spectra(axes: Axes, found: _Found) -> None:
    axes.set_xlabel("Rank of the code")
    axes.set_ylabel("Share of all uses")
    shares = found.spectra["share"].astype(float)
    if not (shares > 0).any():
        axes.text(0.5, 0.5, "no shares kept", transform=axes.transAxes, ha="center", color=GREY)
        return
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    _plain_ticks(axes, numticks=6)
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 3)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(_percent))
    last = max(float(found.spectra["rank"].max()), float(found.means["codes"].fillna(1).max()))
    axes.set_xlim(0.85, last * 1.2)


def _percent(value: float, _: int) -> str:
    return f"{100 * value:g} %"


def _entries(found: _Found) -> dict[str, Artist]:
    entries: dict[str, Artist] = {}
    if not found.runs.empty:
        entries["one seed"] = Line2D([], [], color=GREY, **_DOT)
    if found.means["codes"].notna().any():
        entries["codes of the codebook"] = Line2D([], [], **_CODES)
        entries["all codes used alike"] = Line2D([], [], color=GREY, **_EVEN)
    return entries


def _caption(study: StudyResults, found: _Found, cut: bool) -> list[str]:
    words = chosen.mean_words(found.means["n"], dots=not found.runs.empty)
    kept = found.spectra["n"].dropna()
    low, high = (int(kept.min()), int(kept.max())) if len(kept) else (0, 0)
    seeds = str(low) if low == high else f"{low} to {high}"
    over = "" if high <= 1 else f" Lines are medians over n = {seeds} seeds."
    have = set(cells_of(study, found.place, "perplexity")["model"])
    there = set(found.place.ok["model"])
    without = [model for model in study.order["model"] if model in there - have]
    return [
        "Left: exp of the entropy of the uses, the number of codes that would do if all were used "
        "alike; beside it the share of the codes that is used at all.",
        words.replace("vertical bars", "bars"),
        f"Right: how often the code used most is used, the next, and so on.{over}",
        "Codes that are used alike need not say anything of an event.",
        f"Without a codebook: {', '.join(map(chosen.short, without))}." if without else "",
        *place_sentences(study, found.place, [*found.models, *without]),
        "Bars that leave a panel are cut." if cut else "",
    ]
