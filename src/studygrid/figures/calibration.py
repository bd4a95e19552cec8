"""Whether confidence can be trusted: reliability diagrams of the best cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, FixedLocator, MaxNLocator
from numpy.typing import NDArray

from studygrid.families.classification.metrics.calibration import error_of_bins
from studygrid.figures import chosen_cells as chosen
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.pooled_tables import PooledTable, cell_words, pooled_tables, pooled_words
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.results.study_results import StudyResults

TABLE = "reliability"
TABLE_COLUMNS = [
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "bin_low",
    "bin_high",
    "count",
    "confidence",
    "accuracy",
    "ece",
    "n",
]

_DOT: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 2.2,
    "markeredgewidth": 0,
    "alpha": 0.4,
}
_MOST = 6
_COLUMNS = 3
_ROW_IN = 2.75
_AXIS_IN = 0.1
_GAP = 0.5


def calibration(study: StudyResults) -> Drawing:
    """Draw how often predictions of a confidence are right, at each model's best cell.

    It is for families whose evaluations keep the table ``reliability``: a row for each of equal
    bins of confidence, with the count of samples, the sum of their confidences and the count
    that is right. At most six models are shown, the best first.

    Returns
    -------
    A drawing whose table has one row a bin that holds samples: `kind` (``pooled`` over the seeds
        or ``seed``), `model`, `resolution`, `n_train`, `seed`, `bin_low` and `bin_high` of the
        confidence, `count`, mean `confidence` and `accuracy`, and `ece`, the expected
        calibration error: of the seed, or in ``pooled`` rows the mean over the `n` seeds.
    """
    title = f"{study.name}: calibration of the predictions"
    if not (study.frame["status"] == "ok").any():
        return nothing_to_draw(title, "No run has ended well yet.", TABLE_COLUMNS)
    found = [item for item in pooled_tables(study, TABLE) if _is_reliability(item.total)]
    if not found:
        reason = (
            "These evaluations keep no bins of confidence: they were made by an earlier version. "
            "Evaluate again (run the study once more); nothing is trained again."
        )
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, found[:_MOST], len(found), title)


def _is_reliability(table: NDArray[np.float64]) -> bool:
    return table.shape[1] == 3 and bool((table >= 0).all() and table[:, 0].sum() > 0)


def mean_error(pooled: PooledTable) -> float:
    """Return the mean over the seeds of their expected calibration errors."""
    return float(np.mean([error_of_bins(table.tolist()) for table in pooled.tables.values()]))


def _drawn(study: StudyResults, found: Sequence[PooledTable], models: int, title: str) -> Drawing:
    columns = min(_COLUMNS, len(found))
    rows = -(-len(found) // columns)
    height = rows * _ROW_IN + _AXIS_IN
    figure = Figure(figsize=(WIDTH_IN, height))
    ratios = ([3.2, 1, _GAP] * rows)[:-1]
    grid = figure.subplots(
        3 * rows - 1, columns, squeeze=False, sharex=True, gridspec_kw={"height_ratios": ratios}
    )
    look_of = looks(study.order["model"])
    most = max(len(item.tables) for item in found)
    dots = 1 < most < chosen.DOTS_BELOW
    for axes in [*grid[2::3].flat, *grid[-2:, columns - (rows * columns - len(found)) :].flat]:
        axes.set_axis_off()
    for position, item in enumerate(found):
        row, column = divmod(position, columns)
        above, below = grid[3 * row, column], grid[3 * row + 1, column]
        look = look_of[str(item.cell["model"])]
        _draw_diagram(above, item, look, dots=dots)
        _draw_counts(below, item, look)
        above.set_title(cell_words(study, item), loc="left", parse_math=False)
        if column == 0:
            above.set_ylabel("Share right")
            below.set_ylabel("Samples")
        else:
            above.tick_params(labelleft=False)
        if position + columns >= len(found):
            below.tick_params(labelbottom=True)
            below.set_xlabel("Confidence")
    table = pd.concat([_rows(item, dots=dots) for item in found], ignore_index=True)
    return framed(
        figure,
        table.astype({"seed": "Int64"}),
        title=title,
        caption=" ".join(_caption(study, found, models, dots)),
        entries=_entries(dots),
        panel_height_in=height,
    )


def _points(table: NDArray[np.float64]) -> pd.DataFrame:
    """Return the bins that hold samples: edges, count, mean confidence, share right."""
    edges = np.arange(len(table) + 1) / len(table)
    filled = table[:, 0] > 0
    count, confidence, right = table[filled].T
    return pd.DataFrame(
        {
            "bin_low": edges[:-1][filled],
            "bin_high": edges[1:][filled],
            "count": count.astype(np.int64),
            "confidence": confidence / count,
            "accuracy": right / count,
        }
    )


def _draw_diagram(axes: Axes, item: PooledTable, look: Look, *, dots: bool) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    pooled = _points(item.total)
    # The gap to the diagonal is what the expected calibration error adds up.
    axes.vlines(
        pooled["confidence"],
        pooled["confidence"],
        pooled["accuracy"],
        color=look.colour,
        linewidth=2.5,
        alpha=0.35,
    )
    for table in item.tables.values() if dots else ():
        own = _points(table)
        axes.plot(own["confidence"], own["accuracy"], color=look.colour, **_DOT)
    axes.plot(pooled["confidence"], pooled["accuracy"], **_mark(look), color=look.colour)
    axes.text(
        0.03, 0.97, f"ECE {mean_error(item):.3f}", transform=axes.transAxes, va="top", ha="left"
    )
    axes.set_xlim(0, 1.02)
    axes.set_ylim(-0.02, 1.04)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
        axis.set_major_formatter("{x:g}")


def _mark(look: Look) -> dict[str, Any]:
    return {
        "marker": look.marker,
        "markersize": 4.5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
        "linewidth": 1.0,
    }


def _draw_counts(axes: Axes, item: PooledTable, look: Look) -> None:
    pooled = _points(item.total)
    width = pooled["bin_high"] - pooled["bin_low"]
    axes.bar(
        pooled["bin_low"],
        pooled["count"],
        width,
        align="edge",
        color=look.colour,
        edgecolor="white",
        linewidth=0.5,
    )
    axes.yaxis.set_major_locator(MaxNLocator(2, integer=True))
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))


def _entries(dots: bool) -> dict[str, Artist]:
    entries: dict[str, Artist] = {
        "confidence equals share right": Line2D(
            [], [], color=GREY, linewidth=0.8, linestyle=(0, (4, 3))
        ),
        "all seeds together" if dots else "bins": Line2D(
            [], [], color=GREY, **_mark(Look(GREY, "o"))
        ),
    }
    if dots:
        entries["one seed"] = Line2D([], [], color=GREY, **_DOT)
    return entries


def _caption(
    study: StudyResults, found: Sequence[PooledTable], models: int, dots: bool
) -> list[str]:
    bins = len(found[0].total)
    return [
        f"Samples of the test split in {bins} equal bins of the confidence in the predicted "
        "class, and below how many each holds. Under the dashed line predictions are surer than "
        "they are right; bars show by how much.",
        "ECE is the expected calibration error, the mean over the seeds.",
        "No interval is drawn: seeds share their test samples. Bins with few samples scatter.",
        pooled_words(study, list(found), models),
        "" if dots else _why_no_dots(found),
    ]


def _why_no_dots(found: Sequence[PooledTable]) -> str:
    most = max(len(item.tables) for item in found)
    return "" if most == 1 else f"Seeds are not drawn: there are {chosen.DOTS_BELOW} or more."


def _rows(item: PooledTable, *, dots: bool) -> pd.DataFrame:
    tables: list[tuple[str, int | None, NDArray[np.float64], float]] = [
        ("pooled", None, item.total, mean_error(item))
    ]
    if dots:
        tables += [
            ("seed", seed, table, error_of_bins(table.tolist()))
            for seed, table in sorted(item.tables.items())
        ]
    axes = {axis: item.cell[axis] for axis in ("model", "resolution", "n_train")}
    parts = [
        _points(table).assign(
            kind=kind, seed=seed, ece=error, n=len(item.tables) if kind == "pooled" else 1, **axes
        )
        for kind, seed, table, error in tables
    ]
    return pd.concat([part.astype({"seed": "Int64"}) for part in parts])[TABLE_COLUMNS]
