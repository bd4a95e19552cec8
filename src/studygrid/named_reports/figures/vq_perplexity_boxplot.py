"""How many of its codes a vector quantiser uses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.cost_axis import set_cost_axis
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.style import GREY, WIDTH_IN, house_style
from studygrid.named_reports.figures.cell_numbers import (
    along_words,
    cell_numbers,
    mean_words,
    without_value_words,
)
from studygrid.named_reports.figures.cells import Cells, cells_of, common_words
from studygrid.named_reports.figures.looks import Looks, looks_of
from studygrid.named_reports.figures.measures import (
    PERPLEXITY,
    at_kept_epoch,
    left_out_words,
    numbers,
    values_of,
)
from studygrid.named_reports.figures.rows import name_rows, row_places
from studygrid.named_reports.inputs import ReportInputs

TABLE_COLUMNS = [
    "kind",
    "cell",
    "run_dir",
    "seed",
    "perplexity",
    "ci_low",
    "ci_high",
    "quartile_low",
    "median",
    "quartile_high",
    "codes",
    "n",
]

_MOST_ROWS = 36
_ROW_IN, _AXIS_IN = 0.21, 0.55
_LOG_FROM = 8.0
_BOX = 0.5
_SPREAD = 0.5
_DOT: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 3.4, "alpha": 0.6}
_MEAN: dict[str, Any] = {"linestyle": "none", "marker": "|", "markersize": 10, "zorder": 3}
_CODES: dict[str, Any] = {"linestyle": "none", "marker": "|", "markersize": 13, "color": "#a8a8a8"}


def vq_perplexity_boxplot(inputs: ReportInputs) -> Drawing:
    """Draw the perplexity of the codebook of each run with one, cell by cell.

    It is that of the validation split at the kept epoch. Below ten seeds each run is a dot; from
    ten on a box from the lower to the upper quartile, with the median.

    Returns
    -------
    A drawing whose table has one row a mark: `kind` (``mean``, ``box`` or ``seed``), what tells
        cells apart, `run_dir`, `seed`, `perplexity`, `ci_low`, `ci_high` (95 % Student t),
        `quartile_low`, `median`, `quartile_high`, `codes` of the codebook, and `n`.
    """
    title = f"{inputs.title}: perplexity of the codebook"
    cells = cells_of(inputs.runs_df)
    values = values_of(inputs, PERPLEXITY)
    has_codes = _has_codebook(inputs, values)
    if not has_codes.any():
        reason = "No run has a codebook: none has the tokenizer vq."
        return nothing_to_draw(title, f"{reason} {left_out_words(inputs)}".strip(), TABLE_COLUMNS)
    values = values.where(has_codes)
    every = cell_numbers(cells, values)
    every = every.loc[every["cell"].isin(cells.runs.loc[has_codes, "cell"])]
    if not (every["n"] > 0).any():
        reason = "No run with a codebook has a perplexity in its epochs."
        return nothing_to_draw(title, f"{reason} {left_out_words(inputs)}".strip(), TABLE_COLUMNS)
    with house_style():
        return _drawn(inputs, cells, values, every, title)


def _has_codebook(inputs: ReportInputs, values: pd.Series[float]) -> pd.Series[bool]:
    if "tokenizer" not in inputs.runs_df:
        return values.notna()
    return (inputs.runs_df["tokenizer"] == "vq") | values.notna()


def _drawn(
    inputs: ReportInputs, cells: Cells, values: pd.Series[float], every: pd.DataFrame, title: str
) -> Drawing:
    shown = every.loc[every["n"] > 0].head(_MOST_ROWS)
    codes = _codes(cells, inputs).reindex(shown["cell"])
    figure = Figure(figsize=(WIDTH_IN, 3))
    axes = figure.subplots()
    places, looks = row_places(shown["cell"].tolist()), looks_of(cells)
    marks = []
    for cell in shown.to_dict("records"):
        own = cells.runs.assign(perplexity=values).loc[cells.runs["cell"] == cell["cell"]]
        runs = own.dropna(subset=["perplexity"])
        marks += _draw_row(axes, cell, runs, codes.get(cell["cell"]), looks, places)
    name_rows([axes], cells, places, part_by=looks.marked)
    table = _table(cells, shown, marks, codes)
    _limit(axes, table)
    height = _AXIS_IN + _ROW_IN * max(4, len(shown))
    figure.set_size_inches(WIDTH_IN, height)
    axes.set_xlabel("Perplexity (validation, codes)")
    return framed(
        figure,
        table,
        title=title,
        caption=" ".join(filter(None, _caption(inputs, cells, values, every, shown, codes))),
        entries=_entries(shown, codes),
        panel_height_in=height,
    )


def _codes(cells: Cells, inputs: ReportInputs) -> pd.Series[float]:
    """Return how many codes the codebook of each cell has, NaN where no file says it."""
    name = next((name for name in ("codebook_size", "codes") if name in inputs.runs_df), "")
    return numbers(inputs.runs_df, name).groupby(cells.runs["cell"]).max()


def _draw_row(
    axes: Axes,
    cell: Mapping[Any, Any],
    runs: pd.DataFrame,
    codes: float | None,
    looks: Looks,
    places: Mapping[int, int],
) -> list[dict[str, Any]]:
    """Draw a cell; return the rows of the table for its marks, without what tells it apart."""
    colour, y = looks.of(cell).colour, places[cell["cell"]]
    named = {"cell": cell["cell"], "n": cell["n"]}
    if codes is not None and codes > 0:
        axes.plot(codes, y, markeredgewidth=1.2, **_CODES)
    axes.plot(_interval(cell, codes), [y, y], color=colour, linewidth=0.9, zorder=2)
    axes.plot(cell["mean"], y, color="black", markeredgewidth=1.4, **_MEAN)
    mean = {"kind": "mean", "perplexity": cell["mean"]}
    marks = [named | mean | {name: cell[name] for name in ("ci_low", "ci_high")}]
    found = runs["perplexity"].to_numpy(float)
    if len(found) >= chosen.DOTS_BELOW:
        low, median, high = (float(value) for value in np.percentile(found, [25, 50, 75]))
        box = Rectangle((low, y - _BOX / 2), high - low, _BOX, color=colour, alpha=0.3, zorder=1.5)
        box.set_linewidth(0)
        axes.add_patch(box)
        axes.plot([median, median], [y - _BOX / 2, y + _BOX / 2], color=colour, linewidth=1.6)
        ends = {"quartile_low": low, "median": median, "quartile_high": high}
        return [*marks, named | {"kind": "box"} | ends]
    lifts = (np.arange(len(runs)) - (len(runs) - 1) / 2) * _SPREAD / max(3, len(runs))
    for run, lift in zip(runs.to_dict("records"), lifts.tolist(), strict=True):
        axes.plot(run["perplexity"], y - lift, color=colour, markeredgewidth=0, **_DOT)
        own = {name: run.get(name) for name in ("run_dir", "seed", "perplexity")}
        marks.append({"cell": cell["cell"], "kind": "seed", "n": 1} | own)
    return marks


def _interval(cell: Mapping[Any, Any], codes: float | None) -> list[float]:
    """Return the ends of the interval that can be: a perplexity is at least 1, at most `codes`."""
    most = codes if codes is not None and codes > 0 else math.inf
    return [min(max(float(cell[name]), 1.0), most) for name in ("ci_low", "ci_high")]


def _is_cut(shown: pd.DataFrame, codes: pd.Series[float]) -> bool:
    most = shown["cell"].map(codes).fillna(math.inf)
    return bool(((shown["ci_low"] < 1) | (shown["ci_high"] > most)).any())


def _limit(axes: Axes, table: pd.DataFrame) -> None:
    values = table[["perplexity", "quartile_low", "quartile_high", "codes"]].to_numpy(float)
    values = values[np.isfinite(values) & (values > 0)]
    low, high = float(values.min()), float(values.max())
    if high / low > _LOG_FROM:
        set_cost_axis(axes, low, high, "")
    else:
        axes.set_xlim(0, 1.06 * high)


def _entries(shown: pd.DataFrame, codes: pd.Series[float]) -> dict[str, Artist]:
    entries: dict[str, Artist] = {}
    if (shown["n"] < chosen.DOTS_BELOW).any():
        entries["a run"] = Line2D([], [], color=GREY, markeredgewidth=0, **_DOT)
    entries["mean"] = Line2D([], [], color="black", markeredgewidth=1.4, **_MEAN)
    if (shown["n"] >= chosen.DOTS_BELOW).any():
        entries["quartiles and median"] = Rectangle((0, 0), 1, 1, color=GREY, alpha=0.3)
    if codes.notna().any():
        entries["all codes of the codebook"] = Line2D([], [], markeredgewidth=1.2, **_CODES)
    return entries


def _caption(
    inputs: ReportInputs,
    cells: Cells,
    values: pd.Series[float],
    every: pd.DataFrame,
    shown: pd.DataFrame,
    codes: pd.Series[float],
) -> list[str]:
    there = int((every["n"] > 0).sum())
    at_end = int((values.notna() & at_kept_epoch(inputs, PERPLEXITY).isna()).sum())
    shared = common_words(cells)
    return [
        *(
            words.replace("Marks are means", "Black strokes are means").replace(
                "vertical bars", "horizontal bars"
            )
            for words in mean_words(shown)
        ),
        "Intervals are drawn from 1 to the number of codes at most, for no perplexity lies beyond; "
        "the figure's CSV has them whole."
        if _is_cut(shown, codes)
        else "",
        f"All runs: {shared}." if shared else "",
        "Perplexity is exp of the entropy in nats of how often each code is used: the number of "
        "codes that would do, were all used alike. More is no merit by itself.",
        "It is that of the epoch whose weights were kept.",
        f"Of {at_end} runs it is that of the last epoch: their files do not have it at the kept "
        "one."
        if at_end
        else "",
        f"Drawn are the first {len(shown)} of {there} cells." if len(shown) < there else "",
        without_value_words(every, "perplexity"),
        along_words(cells),
        left_out_words(inputs),
    ]


def _table(
    cells: Cells, shown: pd.DataFrame, marks: list[dict[str, Any]], codes: pd.Series[float]
) -> pd.DataFrame:
    told = list(cells.told_by)
    table = pd.DataFrame(marks).merge(shown[["cell", *told]], on="cell")
    table["codes"] = table["cell"].map(codes)
    columns = [*TABLE_COLUMNS[:2], *told, *TABLE_COLUMNS[2:]]
    return table.reindex(columns=columns).astype({"n": "Int64"})
