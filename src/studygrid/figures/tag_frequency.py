"""Whether a model gives each tag as often as the data does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.contrasting import contrast_words, contrasting_models
from studygrid.figures.cost_axis import round_ticks
from studygrid.figures.data_names import data_names
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import (
    Place,
    largest_place,
    nothing_words,
    place_sentences,
)
from studygrid.figures.model_panels import titles_of
from studygrid.figures.pooled_rows import KINDS, PooledRows, pooled_rows
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.results.study_results import StudyResults

TABLE = "tag_frequency"
TABLE_COLUMNS = [
    "model",
    "resolution",
    "n_train",
    "tag",
    "tag_name",
    *(f"{kind}_{what}" for kind in KINDS for what in ("count", "share", "rank")),
    "n",
]

_MOST = 2
_HEIGHT_IN = 2.75
_MOST_TICKS = 3  # along a narrow panel
_PRIOR: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 3.4,
    "markeredgewidth": 0,
    "alpha": 0.65,
    "zorder": 3,
}
_RECONSTRUCTION: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 3.4,
    "markerfacecolor": "none",
    "markeredgewidth": 0.6,
    "alpha": 0.8,
    "zorder": 2,
}
_EQUAL: dict[str, Any] = {"color": GREY, "linewidth": 0.8, "zorder": 1}
_DATA_LINE: dict[str, Any] = {"color": "black", "linewidth": 1.6, "zorder": 2}
_LINES: dict[str, dict[str, Any]] = {
    "prior": {"linewidth": 1.2, "zorder": 3},
    "reconstruction": {"linewidth": 1.0, "linestyle": (0, (3, 1.5)), "zorder": 2.5},
}


def tag_frequency(study: StudyResults) -> Drawing:
    """Draw how often tags are in prior samples and reconstructions against how often in the data.

    It is for families whose evaluations keep the table ``tag_frequency``: of each tag the test
    rows, the reconstructions and the prior samples that have it. Two models are shown, at the
    largest vocabulary and training-set size that most share: the best by ELBO, and that whose
    rate is farthest from its own. On the right are the same shares by rank, each in its own order.

    Returns
    -------
    A drawing whose table has one row a model and tag: `model`, `resolution`, `n_train`, `tag` (its
        column, from 0), `tag_name`, and of ``data``, ``reconstruction`` and ``prior`` each
        `<kind>_count`, the rows that have the tag, of all seeds together, `<kind>_share` of the
        rows, and `<kind>_rank` of the tag, from 1; and `n`, the seeds added up.
    """
    title = f"{study.name}: how often tags are given"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    found = {
        model: pooled
        for model in contrasting_models(study, place, _MOST)
        if (pooled := pooled_rows(study, place, model, TABLE)) is not None
    }
    if not found:
        reason = f"No run there keeps counts of its tags. {chosen.run_words(place.runs, 'there')}"
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, place, found, title)


def _drawn(
    study: StudyResults, place: Place, found: Mapping[str, PooledRows], title: str
) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, _HEIGHT_IN))
    grid = figure.subplots(1, len(found) + 1, sharey=True)
    look_of = looks(study.order["model"])
    scale = _scale(found)
    titles = titles_of(study, list(found), 3)
    for axes, (model, pooled) in zip(grid, found.items(), strict=False):
        _draw_scatter(axes, pooled, look_of[model], scale)
        axes.set_title(titles[model], loc="left", parse_math=False, color=look_of[model].colour)
    _draw_ranks(grid[-1], found, look_of, scale)
    grid[0].set_ylabel("Share of the rows of the model")
    grid[0].set_yscale("log")
    grid[0].set_yticks(list(scale.ticks()), list(scale.ticks().values()))
    grid[0].minorticks_off()
    grid[0].set_ylim(scale.low, scale.high)
    table = pd.concat([_rows(study, place, model, own) for model, own in found.items()])
    return framed(
        figure,
        table.reset_index(drop=True)[TABLE_COLUMNS],
        title=title,
        caption=" ".join(filter(None, _caption(study, place, found))),
        entries=_entries(found),
        panel_height_in=_HEIGHT_IN,
    )


@dataclass(frozen=True)
class _Scale:
    """The axis of shares, the same along and up: its ends, and where tags of no row stand."""

    low: float
    high: float
    nothing: float | None

    def placed(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return shares as they are drawn."""
        zero = np.nan if self.nothing is None else self.nothing
        return np.where(shares == 0, zero, shares)

    def ticks(self, most: int | None = None) -> dict[float, str]:
        """Return where the axis is marked, and how; at most so often beside the zero."""
        found = {} if self.nothing is None else {self.nothing: "0"}
        lowest = self.low if self.nothing is None else 1.5 * self.nothing
        shares = round_ticks(lowest, self.high)
        if most is not None and len(shares) > most:
            shares = shares[-1::-2][::-1]
        return found | {tick: f"{100 * tick:g} %" for tick in shares}


def _scale(found: Mapping[str, PooledRows]) -> _Scale:
    shares = np.concatenate([pooled.shares.ravel() for pooled in found.values()])
    positive = shares[shares > 0]
    low, high = (float(positive.min()), float(positive.max())) if len(positive) else (0.1, 1.0)
    if not bool((shares == 0).any()):
        return _Scale(low / 1.5, 1.5 * high, None)
    return _Scale(low / 5, 1.5 * high, low / 3)


def _draw_scatter(axes: Axes, pooled: PooledRows, look: Look, scale: _Scale) -> None:
    data, reconstructed, prior = (scale.placed(column) for column in pooled.shares.T)
    axes.plot([scale.low, scale.high], [scale.low, scale.high], **_EQUAL)
    axes.plot(data, reconstructed, markeredgecolor=look.colour, **_RECONSTRUCTION)
    axes.plot(data, prior, color=look.colour, **_PRIOR)
    axes.set_xscale("log")
    ticks = scale.ticks(_MOST_TICKS)
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()
    axes.set_xlim(scale.low, scale.high)
    axes.set_xlabel("Share of the test rows")


def _draw_ranks(
    axes: Axes, found: Mapping[str, PooledRows], look_of: Mapping[str, Look], scale: _Scale
) -> None:
    first = next(iter(found.values()))
    axes.plot(*_by_rank(first, "data", scale), **_DATA_LINE)
    for model, pooled in found.items():
        for kind, style in _LINES.items():
            axes.plot(*_by_rank(pooled, kind, scale), color=look_of[model].colour, **style)
    last = len(first.counts)
    axes.set_xscale("log")
    ticks = round_ticks(0.9, 1.1 * last)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(0.85, 1.15 * last)
    axes.set_xlabel("Rank of the tag")
    axes.set_title("Each in its own order", loc="left")


def _by_rank(
    pooled: PooledRows, kind: str, scale: _Scale
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    shares = np.sort(pooled.shares[:, KINDS.index(kind)])[::-1]
    return np.arange(1, len(shares) + 1), scale.placed(shares)


def _rows(study: StudyResults, place: Place, model: str, pooled: PooledRows) -> pd.DataFrame:
    tags = np.arange(len(pooled.counts))
    known = data_names(study, place.resolution, "tags")
    names = known if len(known) == len(tags) else [str(tag) for tag in tags]
    columns: dict[str, Any] = {
        "model": model,
        "resolution": place.resolution,
        "n_train": place.n_train,
        "tag": tags,
        "tag_name": names,
        "n": pooled.n,
    }
    for number, kind in enumerate(KINDS):
        counts = pooled.counts[:, number]
        columns[f"{kind}_count"] = counts.astype(np.int64)
        columns[f"{kind}_share"] = pooled.shares[:, number]
        ranks = np.empty(len(counts), dtype=np.int64)
        ranks[np.argsort(-counts, kind="stable")] = np.arange(1, len(counts) + 1)
        columns[f"{kind}_rank"] = ranks
    return pd.DataFrame(columns)


def _entries(found: Mapping[str, PooledRows]) -> dict[str, Artist]:
    return {
        "prior samples": Line2D([], [], color=GREY, **{**_PRIOR, "linestyle": "-"}),
        "reconstructions": Line2D(
            [],
            [],
            color=GREY,
            markeredgecolor=GREY,
            **{**_RECONSTRUCTION, "linestyle": (0, (3, 1.5))},
        ),
        "test rows (by rank)": Line2D([], [], **_DATA_LINE),
        "equal shares": Line2D([], [], **_EQUAL),
    }


def _caption(study: StudyResults, place: Place, found: Mapping[str, PooledRows]) -> list[str]:
    seeds = sorted({pooled.n for pooled in found.values()})
    words = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    never = [
        f"{int((pooled.counts[:, 2] == 0).sum())} of {chosen.short(model)}"
        for model, pooled in found.items()
        if pooled.rows[2] and (pooled.counts[:, 2] == 0).any()
    ]
    plural = "seed" if seeds == [1] else "seeds"
    nothing = any((pooled.counts[:, pooled.rows > 0] == 0).any() for pooled in found.values())
    return [
        f"Each mark is a tag; rows are added up over n = {words} {plural}. No interval is drawn: "
        "seeds share their test rows.",
        "Tags that no row has stand at 0." if nothing else "",
        f"In no prior sample: {', '.join(never)}." if never else "",
        contrast_words(len(found)),
        *place_sentences(study, place, list(dict.fromkeys(place.ok["model"]))),
    ]
