"""How much is found at the price of how many false alarms: precision against recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.pooled_tables import PooledTable, cell_words, pooled_tables, pooled_words
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.grid import Run
from studygrid.results.study_results import StudyResults

TABLE = "precision_recall"
TABLE_COLUMNS = [
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "threshold",
    "precision",
    "recall",
    "iou",
    "chosen",
    "n",
]

_MOST = 6
_HEIGHT_IN = 4.2
_ISO_IOUS = (0.1, 0.3, 0.5, 0.7, 0.9)
_HALF = 0.5
_POOLED: dict[str, Any] = {"linewidth": 1.5, "zorder": 3}
_SEED: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.45}
_MARK: dict[str, Any] = {"linestyle": "none", "markeredgewidth": 1.0, "zorder": 5}
_AT_HALF: dict[str, Any] = {**_MARK, "markersize": 6, "markerfacecolor": "white"}
_AT_CHOSEN: dict[str, Any] = {**_MARK, "markersize": 4, "markeredgecolor": "white"}
_AT_CHOSEN["markeredgewidth"] = 0.5


def precision_recall_curve(study: StudyResults) -> Drawing:
    """Draw precision against recall over all thresholds, at each model's best cell.

    It is for families whose evaluations keep the table ``precision_recall``: rows of a threshold
    and of the pixels of the test split that are true positives, false positives and missed
    there. Thick lines are of the counts of all seeds together, thin ones of each seed; hollow
    marks stand at the threshold 0.5 and filled ones where each seed's own threshold, chosen on
    the validation split, puts it. At most six models are shown, the best first.

    Returns
    -------
    A drawing whose table has one row a threshold below 1 at which anything is predicted:
        `kind` (``pooled`` over the seeds or ``seed``), `model`, `resolution`, `n_train`, `seed`,
        `threshold`, `precision`, `recall` and `iou` there, `chosen`, whether it is the seed's
        threshold, and `n`, the seeds added up.
    """
    title = f"{study.name}: precision against recall"
    found = [item for item in pooled_tables(study, TABLE) if _is_curve(item)]
    if not found:
        return nothing_to_draw(title, _why_nothing(study), TABLE_COLUMNS)
    with house_style():
        return _drawn(study, found[:_MOST], len(found), title)


def _is_curve(item: PooledTable) -> bool:
    """Tell whether the tables are counts at the same thresholds, with something to be found."""
    tables = list(item.tables.values())
    first = tables[0]
    return (
        first.shape[1] == 4
        and all(bool((table >= 0).all()) for table in tables)
        and all(np.array_equal(table[:, 0], first[:, 0]) for table in tables)
        and bool((first[:, 1] + first[:, 3] > 0).any())
    )


def _why_nothing(study: StudyResults) -> str:
    if not (study.frame["status"] == "ok").any():
        return "No run has ended well yet."
    return (
        "No run keeps counts over thresholds: there is one threshold only where there are two "
        "classes, and something to be found in the test split."
    )


def points_of(table: NDArray[np.float64]) -> pd.DataFrame:
    """Return the curve of a table, a row a threshold below 1 at which anything is predicted.

    At 1 hardly a pixel is left, if any: a line to it would cross recalls that nothing is known of.
    """
    threshold, found, false, missed = table.T
    there = (found + false > 0) & (threshold < 1)
    threshold, found, false, missed = (
        column[there] for column in (threshold, found, false, missed)
    )
    return pd.DataFrame(
        {
            "threshold": threshold,
            "precision": found / (found + false),
            "recall": found / (found + missed),
            "iou": found / (found + false + missed),
        }
    )


def _pooled(item: PooledTable) -> NDArray[np.float64]:
    """Return the counts of all seeds together; the thresholds are not added up."""
    total = item.total
    total[:, 0] /= len(item.tables)
    return total


def _chosen(study: StudyResults, item: PooledTable) -> dict[int, float]:
    """Return the threshold that each seed chose on the validation split, where it did."""
    cell = item.cell
    found = {}
    for run, facts in study.facts.items():
        threshold = facts.scored.get("threshold")
        if _is_of(run, cell) and run.seed in item.tables and isinstance(threshold, float | int):
            found[run.seed] = float(threshold)
    return found


def _is_of(run: Run, cell: pd.Series[Any]) -> bool:
    own = (run.model, run.resolution, str(run.n_train))
    return own == (cell["model"], cell["resolution"], cell["n_train"])


def _drawn(study: StudyResults, found: Sequence[PooledTable], models: int, title: str) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, _HEIGHT_IN))
    axes = figure.subplots()
    _draw_ious(axes)
    look_of = looks(study.order["model"])
    seeds = 1 < max(len(item.tables) for item in found) < chosen.DOTS_BELOW
    parts: list[pd.DataFrame] = []
    # The best model lies on top.
    for item in reversed(found):
        look = look_of[str(item.cell["model"])]
        rows = _rows(study, item, seeds=seeds)
        parts.insert(0, rows)
        _draw_model(axes, rows, look)
    table = pd.concat(parts, ignore_index=True)
    _fix_axes(axes)
    return framed(
        figure,
        table,
        title=title,
        caption=" ".join(filter(None, _caption(study, found, models, table))),
        entries=_entries(study, found, look_of, table),
        panel_height_in=_HEIGHT_IN,
    )


def _draw_model(axes: Axes, rows: pd.DataFrame, look: Look) -> None:
    pooled = rows.loc[rows["kind"] == "pooled"]
    for _, own in rows.loc[rows["kind"] == "seed"].groupby("seed", sort=False):
        axes.plot(own["recall"], own["precision"], color=look.colour, **_SEED)
    axes.plot(pooled["recall"], pooled["precision"], color=look.colour, **_POOLED)
    half = pooled.loc[pooled["threshold"] == _HALF]
    style = {"marker": look.marker, "markeredgecolor": look.colour}
    axes.plot(half["recall"], half["precision"], **{**_AT_HALF, **style})
    picked = rows.loc[rows["chosen"]]
    axes.plot(
        picked["recall"],
        picked["precision"],
        marker=look.marker,
        markerfacecolor=look.colour,
        **_AT_CHOSEN,
    )


def _draw_ious(axes: Axes) -> None:
    """Draw lines of equal IoU: 1 / IoU = 1 / precision + 1 / recall - 1."""
    for iou in _ISO_IOUS:
        recall = np.linspace(iou, 1, 200)
        precision = 1 / (1 / iou + 1 - 1 / recall)
        axes.plot(recall, precision, color="#c8c8c8", linewidth=0.7, zorder=1)
        axes.annotate(
            f"IoU {iou:g}",
            (1, iou),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            color=GREY,
            annotation_clip=False,
        )


def _fix_axes(axes: Axes) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.01)
    axes.set_xlabel("Recall (test, pooled over pixels)")
    axes.set_ylabel("Precision (test, pooled over pixels)")
    axes.grid(visible=False)


def _rows(study: StudyResults, item: PooledTable, *, seeds: bool) -> pd.DataFrame:
    picked = _chosen(study, item)
    tables: list[tuple[str, int | None, NDArray[np.float64]]] = [("pooled", None, _pooled(item))]
    # A single seed has a threshold of its own too.
    if seeds or len(item.tables) == 1:
        tables += [("seed", seed, table) for seed, table in sorted(item.tables.items())]
    axes = {axis: item.cell[axis] for axis in ("model", "resolution", "n_train")}
    parts = []
    for kind, seed, table in tables:
        rows = points_of(table)
        at = None if seed is None else picked.get(seed)
        is_chosen = rows["threshold"] == at if at is not None else False
        n = len(item.tables) if seed is None else 1
        parts.append(rows.assign(kind=kind, seed=seed, chosen=is_chosen, n=n, **axes))
    return pd.concat([part.astype({"seed": "Int64"}) for part in parts])[TABLE_COLUMNS]


def _entries(
    study: StudyResults,
    found: Sequence[PooledTable],
    look_of: Mapping[str, Look],
    table: pd.DataFrame,
) -> dict[str, Artist]:
    entries: dict[str, Artist] = {}
    for item in found:
        look = look_of[str(item.cell["model"])]
        name = cell_words(study, item).replace("\n", ", ")
        style = {**_POOLED, "marker": look.marker, "markersize": 4}
        entries[name] = Line2D([], [], color=look.colour, **style)
    if (table["kind"] == "seed").any() and (table["n"] > 1).any():
        entries["one seed"] = Line2D([], [], color=GREY, **_SEED)
    entries["threshold 0.5"] = Line2D([], [], marker="o", **_AT_HALF, markeredgecolor=GREY)
    if table["chosen"].any():
        entries["threshold of a seed, chosen on validation"] = Line2D(
            [], [], marker="o", **_AT_CHOSEN, markerfacecolor=GREY
        )
    return entries


def _caption(
    study: StudyResults, found: Sequence[PooledTable], models: int, table: pd.DataFrame
) -> list[str]:
    many = max(len(item.tables) for item in found) >= chosen.DOTS_BELOW
    return [
        "Over all pixels of the test split, for thresholds from 0 to 0.99; right and up is better. "
        "Grey lines are of equal IoU.",
        f"Seeds and their thresholds are not drawn: there are {chosen.DOTS_BELOW} or more."
        if many
        else "",
        "No interval is drawn: seeds share their test images.",
        pooled_words(study, list(found), models),
    ]
