"""Whether thin things are found too: IoU against the width of what is in the mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.data_names import data_names
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.pooled_tables import PooledTable, cell_words, pooled_tables, pooled_words
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.results.study_results import StudyResults

TABLE = "iou_by_width"
TABLE_COLUMNS = [
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "width_low_percent",
    "width_high_percent",
    "images",
    "iou",
    "n",
]

_MOST = 6
_HEIGHT_IN = 3.9
_DODGE = 0.09
_POOLED: dict[str, Any] = {
    "linewidth": 1.2,
    "markersize": 5,
    "markeredgecolor": "white",
    "markeredgewidth": 0.5,
    "zorder": 3,
}
_DOT: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 2.4,
    "markeredgewidth": 0,
    "alpha": 0.45,
}


def score_by_width(study: StudyResults) -> Drawing:
    """Draw the IoU of images whose foreground is of about one width, at each model's best cell.

    It is for families whose evaluations keep the table ``iou_by_width``: rows of a bin's ends,
    as shares of the image's side, how many images it has, and their pixels that are true
    positives, false positives and missed. Marks are of the pixels of all seeds together, dots of
    each seed; below stands how many images each bin has. At most six models, the best first.

    Returns
    -------
    A drawing whose table has one row a bin that has images: `kind` (``pooled`` over the seeds or
        ``seed``), `model`, `resolution`, `n_train`, `seed`, `width_low_percent` and
        `width_high_percent` of the image's side, `images`, `iou`, pooled over their pixels, and
        `n`, the seeds added up.
    """
    found = [item for item in pooled_tables(study, TABLE) if _is_by_width(item)]
    if not found:
        title = f"{study.name}: IoU against the width of the foreground"
        return nothing_to_draw(title, _why_nothing(study), TABLE_COLUMNS)
    with house_style():
        return _drawn(study, _of_same_bins(found)[:_MOST], len(found))


def _is_by_width(item: PooledTable) -> bool:
    """Tell whether the tables are counts of the same bins, some of them with images."""
    tables = list(item.tables.values())
    first = tables[0]
    return (
        first.shape[1] == 6
        and all(bool((table >= 0).all()) for table in tables)
        and all(np.array_equal(table[:, :3], first[:, :3]) for table in tables)
        and bool((first[:, 2] > 0).any())
    )


def _of_same_bins(found: Sequence[PooledTable]) -> list[PooledTable]:
    """Return those whose bins are the first one's."""
    bins = _first(found[0])[:, :2]
    return [item for item in found if np.array_equal(_first(item)[:, :2], bins)]


def _first(item: PooledTable) -> NDArray[np.float64]:
    return next(iter(item.tables.values()))


def _why_nothing(study: StudyResults) -> str:
    if not (study.frame["status"] == "ok").any():
        return "No run has ended well yet."
    return "No run keeps its counts by width: the test split has no foreground, or none was kept."


def _drawn(study: StudyResults, found: Sequence[PooledTable], models: int) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, _HEIGHT_IN))
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3.4, 1]})
    look_of = looks(study.order["model"])
    dots = 1 < max(len(item.tables) for item in found) < chosen.DOTS_BELOW
    bins = _bins(found)
    shifts = _DODGE * (np.arange(len(found)) - (len(found) - 1) / 2)
    parts = []
    for item, shift in zip(found, shifts.tolist(), strict=True):
        rows = _rows(item, dots=dots)
        parts.append(rows)
        _draw_model(above, rows, bins, shift, look_of[str(item.cell["model"])])
    _draw_counts(below, found, bins)
    _fix_axes(study, found, above, below, bins)
    return framed(
        figure,
        pd.concat(parts, ignore_index=True)[TABLE_COLUMNS],
        title=f"{study.name}: IoU against {_width_words(study, found)}",
        caption=" ".join(filter(None, _caption(study, found, models, dots))),
        entries=_entries(study, found, look_of, dots),
        panel_height_in=_HEIGHT_IN,
    )


def _width_words(study: StudyResults, found: Sequence[PooledTable]) -> str:
    """Return what the width is of: the one class beside the background, where it has a name."""
    names = data_names(study, int(str(found[0].cell["resolution"])), "classes")
    return f"{chosen.short(names[1])} width" if len(names) == 2 else "the width of the foreground"


def _bins(found: Sequence[PooledTable]) -> NDArray[np.int64]:
    """Return the rows of the bins to show: from the first to the last that has images."""
    there = np.flatnonzero(np.sum([_first(item)[:, 2] for item in found], axis=0) > 0)
    return np.arange(there[0], there[-1] + 1)


def _rows(item: PooledTable, *, dots: bool) -> pd.DataFrame:
    images = _first(item)[:, 2]
    tables: list[tuple[str, int | None, NDArray[np.float64]]] = [("pooled", None, item.total)]
    if dots:
        tables += [("seed", seed, table) for seed, table in sorted(item.tables.items())]
    axes = {axis: item.cell[axis] for axis in ("model", "resolution", "n_train")}
    low, high = 100 * _first(item)[:, :2].T
    parts = []
    for kind, seed, table in tables:
        pixels = table[:, 3:].sum(axis=1)
        there = (images > 0) & (pixels > 0)
        rows = pd.DataFrame(
            {
                "width_low_percent": low[there],
                "width_high_percent": high[there],
                "images": images[there].astype(np.int64),
                "iou": table[there, 3] / pixels[there],
                "bin": np.flatnonzero(there),
            }
        )
        n = len(item.tables) if seed is None else 1
        parts.append(rows.assign(kind=kind, seed=seed, n=n, **axes))
    return pd.concat([part.astype({"seed": "Int64"}) for part in parts])


def _draw_model(
    axes: Axes, rows: pd.DataFrame, bins: NDArray[np.int64], shift: float, look: Look
) -> None:
    pooled = rows.loc[rows["kind"] == "pooled"].set_index("bin")["iou"].reindex(bins)
    seeds = rows.loc[rows["kind"] == "seed"]
    axes.plot(seeds["bin"] + shift, seeds["iou"], color=look.colour, **_DOT)
    axes.plot(bins + shift, pooled, color=look.colour, marker=look.marker, **_POOLED)


def _draw_counts(axes: Axes, found: Sequence[PooledTable], bins: NDArray[np.int64]) -> None:
    """Draw how many images each bin has, in the first cell: resizing moves few of them."""
    counts = _first(found[0])[bins, 2]
    axes.bar(bins, counts, width=0.7, color="#b8b8b8")
    for place, count in zip(bins.tolist(), counts.tolist(), strict=True):
        axes.text(place, count, f"{count:.0f}", ha="center", va="bottom", color=GREY)
    axes.set_ylim(0, 1.35 * max(float(counts.max()), 1))


def _fix_axes(
    study: StudyResults,
    found: Sequence[PooledTable],
    above: Axes,
    below: Axes,
    bins: NDArray[np.int64],
) -> None:
    above.set_ylim(-0.02, 1.02)
    above.set_ylabel("IoU (test)")
    below.set_ylabel("Images")
    below.yaxis.set_major_locator(MaxNLocator(2, integer=True))
    below.grid(visible=False)
    edges = _first(found[0])[bins, :2]
    sides = {int(str(item.cell["resolution"])) for item in found}
    labels = [_ends(100 * low, 100 * high) for low, high in edges.tolist()]
    words = f"Mean {_width_words(study, found).removeprefix('the ')} in an image, % of its side"
    if len(sides) == 1 and study.family.resolution_unit == "px":
        side = sides.pop()
        labels = [
            f"{label}\n{_ends(side * low, side * high)} px"
            for label, (low, high) in zip(labels, edges.tolist(), strict=True)
        ]
    below.set_xticks(bins, labels)
    below.set_xlim(bins[0] - 0.6, bins[-1] + 0.6)
    below.set_xlabel(words)


def _ends(low: float, high: float) -> str:
    """Return the ends of a bin as they are worth reading."""
    return f"{_short(low)}–{_short(high)}"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{round(value, 1):g}"


def _entries(
    study: StudyResults,
    found: Sequence[PooledTable],
    look_of: Mapping[str, Look],
    dots: bool,
) -> dict[str, Artist]:
    entries: dict[str, Artist] = {}
    for item in found:
        look = look_of[str(item.cell["model"])]
        name = cell_words(study, item).replace("\n", ", ")
        entries[name] = Line2D([], [], color=look.colour, marker=look.marker, **_POOLED)
    if dots:
        entries["one seed"] = Line2D([], [], color=GREY, **_DOT)
    return entries


def _caption(
    study: StudyResults, found: Sequence[PooledTable], models: int, dots: bool
) -> list[str]:
    many = not dots and max(len(item.tables) for item in found) > 1
    differ = any(not np.array_equal(_first(item)[:, 2], _first(found[0])[:, 2]) for item in found)
    which = "; those of the first cell are drawn, the others' differ a little" if differ else ""
    return [
        "IoU over all foreground pixels of the images in a bin; images with an empty mask are in "
        f"none. Below: how many images a bin has{which}. Bins with few images scatter.",
        f"Seeds are not drawn: there are {chosen.DOTS_BELOW} or more." if many else "",
        "No interval is drawn: seeds share their test images.",
        pooled_words(study, list(found), models),
    ]
