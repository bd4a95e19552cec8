"""Two panels: on the left one number a model, on the right what its parts have, by rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.largest_place import Place, cells_of, facts_at
from studygrid.figures.panels import evenly
from studygrid.figures.style import GREY, WIDTH_IN, Look, looks
from studygrid.results.reading import RunFacts
from studygrid.results.study_results import StudyResults

CELL = ["model", "resolution", "n_train"]
_MOST = 12
_DOTS_ABOVE = 0.24  # rows
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


@dataclass(frozen=True)
class Ranked:
    """Rows of a figure's table.

    Attributes
    ----------
    models
        From top to bottom.
    means
        Of each model on the left.
    runs
        The single seeds of these, where they are drawn.
    spectra
        Of each model and rank on the right.
    """

    place: Place
    models: list[str]
    means: pd.DataFrame
    runs: pd.DataFrame
    spectra: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """All of them."""
        parts = [part for part in (self.means, self.runs, self.spectra) if not part.empty]
        return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class Kind:
    """What such a figure shows.

    Attributes
    ----------
    metric
        Of the left panel.
    column
        Its name in the table.
    counts
        Facts of a run that stand beside it in the table: name, and how to find it.
    panels
        Names of the two in the table.
    table
        Kept by an evaluation: what the right panel is made of.
    spectrum
        From the tables of a model's runs to columns ``rank``, a value, and ``n``; may be empty.
    columns
        Of the figure's table.
    """

    metric: str
    column: str
    counts: dict[str, Callable[[RunFacts], Any]]
    panels: tuple[str, str]
    table: str
    spectrum: Callable[[Sequence[Any]], pd.DataFrame]
    columns: Sequence[str]


def ranked(study: StudyResults, place: Place, kind: Kind) -> Ranked:
    """Return what is to be drawn of all models at a place; of more than twelve, evenly spread."""
    cells = cells_of(study, place, kind.metric)
    models = evenly([str(model) for model in cells["model"]], _MOST)
    means, runs, spectra = [], [], []
    for cell in cells.loc[cells["model"].isin(models)].to_dict("records"):
        model = str(cell["model"])
        facts = facts_at(study, place, model)
        own = [
            {
                "model": model,
                "seed": seed,
                kind.column: one.metrics[kind.metric],
                **{name: find(one) for name, find in kind.counts.items()},
            }
            for seed, one in facts.items()
            if one.metrics.get(kind.metric) is not None
        ]
        # Of a collected study there may be no records, which alone have the counts.
        counts = pd.DataFrame(own, columns=list(kind.counts)).astype(float).mean()
        kept = {name: cell[name] for name in (*CELL, "ci_low", "ci_high", "n")}
        means.append({**kept, kind.column: cell["mean"], **dict(counts)})
        if 2 <= cell["n"] < chosen.DOTS_BELOW:
            runs += own
        found = kind.spectrum([one.tables.get(kind.table) for one in facts.values()])
        spectra.append(found.assign(model=model))
    left, right = kind.panels
    drawn = pd.concat(spectra) if spectra else pd.DataFrame()
    return Ranked(
        place,
        models,
        _as_table(kind, place, left, "mean", pd.DataFrame(means)),
        _as_table(kind, place, left, "seed", pd.DataFrame(runs)),
        _as_table(kind, place, right, "median", drawn),
    )


def _as_table(kind: Kind, place: Place, panel: str, mark: str, rows: pd.DataFrame) -> pd.DataFrame:
    table = rows.assign(
        panel=panel, kind=mark, resolution=place.resolution, n_train=place.n_train
    ).reindex(columns=list(kind.columns))
    whole = dict.fromkeys(["resolution", "seed", "rank", "n"], "Int64")
    return table.reset_index(drop=True).astype(whole)


def two_panels(height_in: float, wider: float) -> tuple[Figure, Axes, Axes]:
    """Return an empty figure, its panels side by side, the right one wider by a factor."""
    figure = Figure(figsize=(WIDTH_IN, height_in))
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1, wider]})
    return figure, left, right


def draw_means(
    study: StudyResults,
    axes: Axes,
    found: Ranked,
    column: str,
    beside: Callable[[dict[Any, Any]], str],
) -> None:
    """Draw a row a model: mean, interval and seeds.

    Parameters
    ----------
    beside
        From a row of the means to what is written to the right of the panel.
    """
    look_of = looks(study.order["model"])
    for row, cell in enumerate(found.means.to_dict("records")):
        look = look_of[str(cell["model"])]
        own = found.runs.loc[found.runs["model"] == cell["model"], column]
        axes.plot(own, [row - _DOTS_ABOVE] * len(own), color=look.colour, **_DOT)
        axes.hlines(row, cell["ci_low"], cell["ci_high"], look.colour, linewidth=0.9)
        axes.plot(cell[column], row, color=look.colour, marker=look.marker, **_MEAN)
        write_beside(axes, row, beside(cell))


def write_beside(axes: Axes, row: float, words: str) -> None:
    """Write to the right of a panel."""
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


def name_rows(axes: Axes, names: Sequence[str], **text: Any) -> None:
    """Name the rows, from top to bottom."""
    axes.set_yticks(range(len(names)), names, parse_math=False, **text)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(names) - 0.4, -0.7)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")


def spectra_of(
    study: StudyResults, found: Ranked
) -> list[tuple[dict[Any, Any], pd.DataFrame, Look]]:
    """Return, of each model, its row of the means, its ranks and its look."""
    look_of = looks(study.order["model"])
    return [
        (cell, found.spectra.loc[found.spectra["model"] == cell["model"]], look_of[cell["model"]])
        for cell in found.means.to_dict("records")
    ]


def seed_entries(found: Ranked) -> dict[str, Artist]:
    """Return the entry of the legend for single seeds, where they are drawn."""
    return {} if found.runs.empty else {"one seed": Line2D([], [], color=GREY, **_DOT)}


def mean_words(found: Ranked) -> str:
    """Return what mean and bars are."""
    words = chosen.mean_words(found.means["n"], dots=not found.runs.empty)
    return words.replace("vertical bars", "bars")


def seed_words(found: Ranked) -> str:
    """Return over how many seeds the ranks are medians; empty where each is of one."""
    kept = found.spectra["n"].dropna()
    low, high = (int(kept.min()), int(kept.max())) if len(kept) else (0, 0)
    return "" if high <= 1 else f"n = {low if low == high else f'{low} to {high}'} seeds"


def models_without(study: StudyResults, found: Ranked, metric: str) -> list[str]:
    """Return the models with a result at the place that have no value of the metric."""
    have = set(cells_of(study, found.place, metric)["model"])
    there = set(found.place.ok["model"])
    return [model for model in study.order["model"] if model in there - have]
