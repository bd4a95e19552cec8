"""Whether a model gives rows as many tags as those of the data have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import (
    Place,
    largest_place,
    nothing_words,
    place_sentences,
)
from studygrid.figures.model_panels import columns_of, label_outside, titles_of
from studygrid.figures.panels import evenly
from studygrid.figures.pooled_rows import KINDS, PooledRows, pooled_rows
from studygrid.figures.style import COLOURS, WIDTH_IN, house_style
from studygrid.results.study_results import StudyResults

TABLE = "tags_per_row"
TABLE_COLUMNS = [
    "model",
    "resolution",
    "n_train",
    "tags",
    *(f"{kind}_{what}" for kind in KINDS for what in ("count", "share")),
    "n",
]

_MOST = 12
_RARE = 0.002  # rows of more tags than all but so few have lie beyond the panel
_HIGHEST = 2.2  # times the greatest share of test rows or samples
_BAR: dict[str, Any] = {"width": 0.9, "color": "#c4c4c4", "zorder": 1}
_LINES: dict[str, dict[str, Any]] = {
    "reconstruction": {
        "color": COLOURS[0],
        "linewidth": 1.1,
        "linestyle": (0, (3, 1.5)),
        "marker": "o",
        "markersize": 2.6,
        "markerfacecolor": "white",
        "zorder": 2,
    },
    "prior": {
        "color": COLOURS[1],
        "linewidth": 1.3,
        "marker": "o",
        "markersize": 2.6,
        "zorder": 3,
    },
}


def tags_per_row(study: StudyResults) -> Drawing:
    """Draw how many tags rows have: those of the test split, reconstructions and prior samples.

    It is for families whose evaluations keep the table ``tags_per_row``: for each number of tags
    the rows of each kind that have so many. All models are at the largest vocabulary and
    training-set size that most share, a panel each; of more than twelve, those evenly spread over
    the order of the config.

    Returns
    -------
    A drawing whose table has one row a model and number of `tags`: `model`, `resolution`,
        `n_train`, and of ``data``, ``reconstruction`` and ``prior`` each `<kind>_count`, the rows
        of all seeds together, and `<kind>_share` of the rows; and `n`, the seeds added up.
    """
    title = f"{study.name}: tags of a row"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    there = set(place.ok["model"])
    found = {
        model: pooled
        for model in study.order["model"]
        if model in there
        and (pooled := pooled_rows(study, place, model, TABLE, first=1)) is not None
    }
    if not found:
        runs = chosen.run_words(place.runs, "there")
        reason = f"No run there keeps how many tags its rows have. {runs}"
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, place, {name: found[name] for name in evenly([*found], _MOST)}, title)


def _drawn(
    study: StudyResults, place: Place, found: Mapping[str, PooledRows], title: str
) -> Drawing:
    columns = columns_of(len(found))
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(WIDTH_IN, 3))
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    every = list(grid.flat)
    titles = titles_of(study, list(found), columns)
    for axes, (model, pooled) in zip(every, found.items(), strict=False):
        _draw(axes, pooled)
        axes.set_title(titles[model], loc="left", parse_math=False)
    last = _last(found)
    every[0].set_xlim(-0.7, last + 0.7)
    cut = _limit(every, found)
    every[0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    every[0].yaxis.set_major_formatter(PercentFormatter(1, 0, symbol=" %"))
    label_outside(every, columns, len(found), across="Tags of a row", upright="Share of the rows")
    table = pd.concat([_rows(place, model, pooled) for model, pooled in found.items()])
    return framed(
        figure,
        table.reset_index(drop=True)[TABLE_COLUMNS],
        title=title,
        caption=" ".join(filter(None, _caption(study, place, found, last, cut))),
        entries=_entries(),
        panel_height_in=2.6 if rows == 1 else 0.35 + 1.5 * rows,
    )


def _draw(axes: Axes, pooled: PooledRows) -> None:
    numbers = np.arange(len(pooled.counts))
    axes.bar(numbers, pooled.shares[:, KINDS.index("data")], **_BAR)
    for kind, style in _LINES.items():
        axes.plot(numbers, pooled.shares[:, KINDS.index(kind)], **style)


def _limit(every: Sequence[Axes], found: Mapping[str, PooledRows]) -> bool:
    """Fix the common axis of shares; return whether a line leaves it, where it is then named.

    A model all of whose reconstructions are alike must not flatten the others.
    """
    shares = [np.nan_to_num(pooled.shares) for pooled in found.values()]
    usual = max(float(own[:, [KINDS.index("data"), KINDS.index("prior")]].max()) for own in shares)
    every_share = np.concatenate([own.ravel() for own in shares])
    top = 1.08 * float(every_share[every_share <= _HIGHEST * usual].max())
    every[0].set_ylim(0, top)
    cut = False
    for axes, own in zip(every, shares, strict=False):
        column = own[:, KINDS.index("reconstruction")]
        for number in np.flatnonzero(column > top).tolist():
            cut = True
            axes.annotate(
                f"{100 * column[number]:.0f} %",
                (number, top),
                xytext=(3, -1),
                textcoords="offset points",
                va="top",
                size=7,
                color=COLOURS[0],
                path_effects=[withStroke(linewidth=2, foreground="white")],
                zorder=5,
            )
    return cut


def _last(found: Mapping[str, PooledRows]) -> int:
    """Return the greatest number of tags to show: a few long rows must press nothing together."""
    last = 1
    for pooled in found.values():
        beyond = np.cumsum(np.nan_to_num(pooled.shares)[::-1], axis=0)[::-1]
        last = max(last, int(np.flatnonzero((beyond > _RARE).any(axis=1))[-1]))
    return last


def _beyond(pooled: PooledRows, last: int) -> NDArray[np.float64]:
    """Return the share of the rows of each kind that have more tags."""
    shares: NDArray[np.float64] = np.nan_to_num(pooled.shares)[last + 1 :].sum(axis=0)
    return shares


def _rows(place: Place, model: str, pooled: PooledRows) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "model": model,
        "resolution": place.resolution,
        "n_train": place.n_train,
        "tags": np.arange(len(pooled.counts)),
        "n": pooled.n,
    }
    for number, kind in enumerate(KINDS):
        columns[f"{kind}_count"] = pooled.counts[:, number].astype(np.int64)
        columns[f"{kind}_share"] = pooled.shares[:, number]
    return pd.DataFrame(columns)


def _entries() -> dict[str, Artist]:
    return {
        "test rows": Patch(color=_BAR["color"]),
        "reconstructions": Line2D([], [], **_LINES["reconstruction"]),
        "prior samples": Line2D([], [], **_LINES["prior"]),
    }


def _caption(
    study: StudyResults, place: Place, found: Mapping[str, PooledRows], last: int, cut: bool
) -> list[str]:
    most = max(float(_beyond(pooled, last).max()) for pooled in found.values())
    return [
        f"Rows are added up over {seed_words([pooled.n for pooled in found.values()])}. No "
        "interval is drawn: seeds share their test rows.",
        f"Rows of more than {last} tags are not shown: {100 * most:.2g} % of a kind at most."
        if most
        else "",
        *place_sentences(study, place, list(found)),
        "Shares that leave a panel are written at its edge." if cut else "",
    ]


def seed_words(counts: Sequence[int]) -> str:
    """Return over how many seeds something is added up or averaged: ``n = 2 to 3 seeds``."""
    low, high = min(counts), max(counts)
    seeds = f"{low} to {high}" if low < high else f"{low}"
    return f"n = {seeds} {'seed' if high == 1 else 'seeds'}"
