"""Which classes are taken for which: the confusion matrices of the best cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.data_names import data_names
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.pooled_tables import PooledTable, cell_words, pooled_tables, pooled_words
from studygrid.figures.style import GREY, WIDTH_IN, house_style
from studygrid.results.study_results import StudyResults

TABLE = "confusion_matrix"
TABLE_COLUMNS = [
    "model",
    "resolution",
    "n_train",
    "true",
    "true_name",
    "predicted",
    "predicted_name",
    "count",
    "share_of_true",
    "n",
]

_MOST_NUMBERED = 20
_MOST_NAMED = 30
_NAME = 14
_CHARACTER_IN = 0.066
_BAR_IN = 0.85


@dataclass(frozen=True)
class _Layout:
    """How many matrices stand side by side, how many there are at most, and what is in them."""

    columns: int
    most: int
    side_in: float
    shares: bool
    counts: bool
    text_size: float


def _layout(classes: int) -> _Layout:
    if classes <= 4:
        return _Layout(3, 6, 2.5, shares=True, counts=True, text_size=8 if classes < 4 else 6.5)
    if classes <= 10:
        return _Layout(2, 6, 2.75, shares=True, counts=False, text_size=7)
    if classes <= _MOST_NUMBERED:
        return _Layout(1, 2, 5.6, shares=True, counts=False, text_size=7)
    return _Layout(3, 6, 2.9, shares=False, counts=False, text_size=7)


def confusion_matrices(study: StudyResults) -> Drawing:
    """Draw the confusion matrix of each model's best cell, of the best models alone.

    It is for any family whose evaluations keep the table ``confusion_matrix``: counts, rows true
    and columns predicted. Counts are added up over the seeds of a cell, which share the test
    split; colours are shares of each true class. Up to 4 classes counts are written too, up to
    20 shares; up to 10 classes six models are shown, up to 20 two, and above that six again.

    Returns
    -------
    A drawing whose table has one row a field of a matrix: `model`, `resolution`, `n_train`,
        `true` and `predicted` class (numbers from 0), `true_name` and `predicted_name`, `count`,
        `share_of_true` (empty for a class without samples), and `n`, the seeds added up.
    """
    title = f"{study.name}: which classes are taken for which"
    found = [item for item in pooled_tables(study, TABLE) if _is_square(item.total)]
    if not found:
        reason = "No run that ended well keeps a confusion matrix yet."
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    layout = _layout(max(len(item.total) for item in found))
    with house_style():
        return _drawn(study, found[: layout.most], len(found), layout, title)


def _is_square(matrix: NDArray[np.float64]) -> bool:
    return matrix.shape[0] == matrix.shape[1] and bool((matrix >= 0).all())


def _drawn(
    study: StudyResults,
    found: Sequence[PooledTable],
    models: int,
    layout: _Layout,
    title: str,
) -> Drawing:
    columns = min(layout.columns, len(found))
    rows = -(-len(found) // columns)
    names = [_names(study, item) for item in found]
    height = rows * _row_height(names, layout, columns)
    figure = Figure(figsize=(WIDTH_IN, height))
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in list(grid.flat)[len(found) :]:
        axes.set_axis_off()
    most = _most_share(found)
    for position, (item, own) in enumerate(zip(found, names, strict=True)):
        axes = grid.flat[position]
        _draw_matrix(axes, item.total, own, layout, most)
        axes.set_title(cell_words(study, item), loc="left", parse_math=False)
        if position + columns >= len(found):
            axes.set_xlabel("Predicted")
        if position % columns == 0:
            axes.set_ylabel("True")
        elif own == names[0]:
            axes.set_yticks([])
    bar = figure.colorbar(
        grid.flat[0].images[0],
        ax=grid,
        shrink=0.6,
        pad=0.01,
        aspect=30,
        format=PercentFormatter(1, 0),
    )
    bar.locator = MaxNLocator(5, steps=[1, 2, 5, 10])
    bar.set_label("Share of the true class")
    bar.outline.set_visible(False)
    caption = [
        "Rows are true classes, columns predicted ones; each row adds up to 100 %.",
        _what_is_written(layout),
        _what_is_empty(found, layout),
        pooled_words(study, list(found), models),
    ]
    table = pd.concat([_rows(item, own) for item, own in zip(found, names, strict=True)])
    return framed(
        figure,
        table.reset_index(drop=True),
        title=title,
        caption=" ".join(filter(None, caption)),
        entries={},
        panel_height_in=height,
    )


def _most_share(found: Sequence[PooledTable]) -> float:
    """Return where the colours end: the greatest share, rounded up to a tenth."""
    shares = np.concatenate([shares_of_rows(item.total).ravel() for item in found])
    return float(np.ceil(10 * np.nanmax(shares)) / 10) if np.isfinite(shares).any() else 1.0


def _row_height(names: Sequence[Sequence[str]], layout: _Layout, columns: int) -> float:
    """Return how high a row of matrices is with its words, so that no space is left over."""
    shown = [chosen.short(name, _NAME) for own in names for name in own]
    beside = 0.3 + _CHARACTER_IN * max(map(len, shown))
    side = min((WIDTH_IN - _BAR_IN - beside) / columns - 0.1, layout.side_in)
    upright = len(names[0]) == 2 or max(map(len, shown)) <= 2 or len(names[0]) > _MOST_NAMED
    return side + 0.75 + (0 if upright else _CHARACTER_IN * max(map(len, shown)) - 0.1)


def _what_is_written(layout: _Layout) -> str:
    if layout.counts:
        return "In each field: the share in %, and the count."
    if layout.shares:
        return "In each field: the share in %; the counts are in the table of this figure."
    return (
        f"With more than {_MOST_NUMBERED} classes no numbers are written; they are in the table "
        "of this figure."
    )


def _what_is_empty(found: Sequence[PooledTable], layout: _Layout) -> str:
    zero = "An empty field is none at all." if layout.shares and not layout.counts else ""
    absent = any(bool((item.total.sum(axis=1) == 0).any()) for item in found)
    return " ".join(filter(None, [zero, "Grey rows: no test samples." if absent else ""]))


def _names(study: StudyResults, item: PooledTable) -> list[str]:
    classes = len(item.total)
    known = data_names(study, int(str(item.cell["resolution"])), "classes")
    return known if len(known) == classes else [str(number) for number in range(classes)]


def shares_of_rows(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each count as a share of its row; NaN in a row without samples."""
    totals = matrix.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.full_like(matrix, np.nan)
    np.divide(matrix, totals, out=shares, where=totals > 0)
    return shares


def _draw_matrix(
    axes: Axes,
    matrix: NDArray[np.float64],
    names: Sequence[str],
    layout: _Layout,
    most: float,
) -> None:
    shares = shares_of_rows(matrix)
    axes.set_facecolor("#eeeeee")  # where a class has no samples
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=most, interpolation="nearest")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    _name_classes(axes, names)
    if not layout.shares:
        return
    for true, predicted in np.ndindex(*matrix.shape):
        share = float(shares[true, predicted])
        text = _percent(share)
        if layout.counts:
            text += f"\n({matrix[true, predicted]:,.0f})"
        # Zeros everywhere hide what is confused: without counts, an empty field says it too.
        if not layout.counts and matrix[true, predicted] == 0 and not np.isnan(share):
            continue
        colour = "white" if share > 0.6 * most else "black"
        axes.text(
            predicted, true, text, ha="center", va="center", size=layout.text_size, color=colour
        )


def _percent(share: float) -> str:
    """Return a share in percent; what is there does not round to nothing, nor most to all."""
    if np.isnan(share):
        return "–"
    if 0 < share < 0.005:
        return "<1"
    return ">99" if 0.995 <= share < 1 else f"{100 * share:.0f}"


def _name_classes(axes: Axes, names: Sequence[str]) -> None:
    classes = len(names)
    if classes > _MOST_NAMED:
        step = 10 if classes <= 120 else 10 ** (len(str(classes)) - 1)
        marked = list(range(0, classes, step))
        axes.set_xticks(marked, [str(number) for number in marked])
        axes.set_yticks(marked, [str(number) for number in marked])
        return
    shown = [chosen.short(name, _NAME) for name in names]
    turned = 0 if classes == 2 or max(map(len, shown)) <= 2 else 90
    size = 8 if classes <= 10 else 6.5
    axes.set_xticks(range(classes), shown, parse_math=False, rotation=turned, size=size)
    axes.set_yticks(range(classes), shown, parse_math=False, size=size)
    axes.tick_params(length=0, colors=GREY if classes > _MOST_NUMBERED else "black")


def _rows(item: PooledTable, names: Sequence[str]) -> pd.DataFrame:
    matrix, shares = item.total, shares_of_rows(item.total)
    true, predicted = (places.ravel().tolist() for places in np.indices(matrix.shape))
    return pd.DataFrame(
        {
            "model": item.cell["model"],
            "resolution": item.cell["resolution"],
            "n_train": item.cell["n_train"],
            "true": true,
            "true_name": [names[number] for number in true],
            "predicted": predicted,
            "predicted_name": [names[number] for number in predicted],
            "count": matrix.ravel().astype(np.int64),
            "share_of_true": shares.ravel(),
            "n": len(item.tables),
        },
        columns=TABLE_COLUMNS,
    )
