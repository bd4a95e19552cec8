"""What a better fit of the globals costs the tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.style import WIDTH_IN, house_style
from studygrid.named_reports.figures.cell_numbers import (
    along_words,
    cell_numbers,
    dots_of,
    mean_words,
    without_value_words,
)
from studygrid.named_reports.figures.cells import Cells, cells_of, common_words, in_order
from studygrid.named_reports.figures.looks import MARK_SIZE, Looks, looks_of
from studygrid.named_reports.figures.measures import GLOBALS, TOKENS, left_out_words, values_of
from studygrid.named_reports.figures.panel_grid import panel_grid
from studygrid.named_reports.figures.panels import Panel, panels_of, same_scale
from studygrid.named_reports.figures.scatter import Marks, draw_mark, limit_y
from studygrid.named_reports.inputs import ReportInputs

TABLE_COLUMNS = [
    "kind",
    "cell",
    "run_dir",
    "seed",
    "token_mse",
    "token_mse_low",
    "token_mse_high",
    "globals_mse",
    "globals_mse_low",
    "globals_mse_high",
    "n",
    "drawn",
]

_MOST_PANELS = 6
_WITHIN = ("tokenizer", "globals_weight")
_LINE: dict[str, Any] = {"linewidth": 0.8, "alpha": 0.5, "zorder": 1.5}


def tradeoff_scatter(inputs: ReportInputs) -> Drawing:
    """Draw the error of the globals against that of the tokens, with a line through the weights.

    Both are of the validation split, at the kept epoch; a panel has the runs that share all but
    tokenizer and weight. Cells of weight 0 are open: nothing trains their globals.

    Returns
    -------
    A drawing whose table has one row a mark: `kind` (``mean`` or ``seed``), what tells cells
        apart, `run_dir`, `seed`, `token_mse` and `globals_mse`, each with `_low` and `_high` of
        a mean (95 % Student t), `n`, and `drawn`.
    """
    title = f"{inputs.title}: errors of globals and of tokens"
    cells = cells_of(inputs.runs_df)
    tokens, globals_ = values_of(inputs, TOKENS), values_of(inputs, GLOBALS)
    both = tokens.notna() & globals_.notna()
    points = _points(cells, tokens.where(both), globals_.where(both))
    if not both.any():
        reason = f"No run has both {TOKENS.label} and {GLOBALS.label}. {left_out_words(inputs)}"
        return nothing_to_draw(title, reason.strip(), TABLE_COLUMNS)
    dots = dots_of(cells, globals_.where(both), points)
    dots = dots.assign(x=tokens.reindex(dots.index))
    shown, note = panels_of(cells, points, _WITHIN, _MOST_PANELS)
    with house_style():
        return _drawn(inputs, cells, points, dots, shown, note, title)


def _points(cells: Cells, tokens: pd.Series[float], globals_: pd.Series[float]) -> pd.DataFrame:
    names = {"mean": "x", "ci_low": "x_low", "ci_high": "x_high"}
    x = cell_numbers(cells, tokens).rename(columns=names)[["cell", *names.values()]]
    return cell_numbers(cells, globals_).merge(x, on="cell")


def _drawn(
    inputs: ReportInputs,
    cells: Cells,
    points: pd.DataFrame,
    dots: pd.DataFrame,
    shown: Sequence[Panel],
    note: str,
    title: str,
) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, 3))
    shared = same_scale(cells, _WITHIN)
    grid = panel_grid(figure, shown, share_y=shared)
    looks = looks_of(cells)
    grid.label(TOKENS.label, GLOBALS.label)
    drawn_cells = [cell for panel in shown for cell in panel.cells]
    there = points.loc[(points["n"] > 0) & points["cell"].isin(drawn_cells)]
    every = []
    for axes, panel in zip(grid.axes, shown, strict=True):
        own = there.loc[there["cell"].isin(panel.cells)]
        every.append(_draw_panel(axes, own, dots, looks))
    cuts = [
        limit_y(
            grid.axes if shared else [axes],
            there if shared else there.loc[there["cell"].isin(panel.cells)],
            dots if shared else dots.loc[dots["cell"].isin(panel.cells)],
        )
        for axes, panel in zip(grid.axes, shown, strict=True)
    ]
    cut = any(cuts) | _limit_x(grid.axes[0], there, dots.loc[dots["cell"].isin(drawn_cells)])
    caption = [*_caption(inputs, cells, points, there), note]
    drawing = framed(
        figure,
        _table(cells, points, dots, drawn_cells),
        title=title,
        caption=" ".join(filter(None, [*caption, "Bars that leave a panel are cut." * cut])),
        entries=looks.colour_entries(there.to_dict("records")),
        panel_height_in=max(2.9, grid.height_in),
    )
    for axes, panel, marks in zip(grid.axes, shown, every, strict=True):
        own = there.loc[there["cell"].isin(panel.cells)]
        if "globals_weight" in cells.told_by:
            marks.name(axes, _ordered(own)["globals_weight"].tolist())
    return drawing


def _ordered(own: pd.DataFrame) -> pd.DataFrame:
    """Return cells in the order in which they are drawn: by tokenizer, the weights rising."""
    weights = own.get("globals_weight", pd.Series("", own.index))
    place = {value: number for number, value in enumerate(in_order("", weights.tolist()))}
    by = own.get("tokenizer", pd.Series("", own.index))
    return own.assign(_by=by, _place=weights.map(place)).sort_values(["_by", "_place"])


def _draw_panel(axes: Axes, own: pd.DataFrame, dots: pd.DataFrame, looks: Looks) -> Marks:
    marks = Marks()
    for _, line in _ordered(own).groupby("_by", sort=False):
        rows = line.to_dict("records")
        colour = looks.of(rows[0]).colour
        trained = line.loc[line.get("globals_weight", pd.Series("", line.index)) != "0"]
        marks.lines += axes.plot(trained["x"], trained["mean"], color=colour, **_LINE)
        for row in rows:
            runs = dots.loc[dots["cell"] == row["cell"]]
            filled = row.get("globals_weight") != "0"
            draw_mark(axes, marks, row, runs, looks.of(row), size=MARK_SIZE, filled=filled)
    return marks


def _limit_x(axes: Axes, there: pd.DataFrame, dots: pd.DataFrame) -> bool:
    as_y = {"x": "mean", "x_low": "ci_low", "x_high": "ci_high"}
    cells = there[list(as_y)].rename(columns=as_y)
    figure = Figure()
    stand_in = figure.subplots()
    cut = limit_y([stand_in], cells, dots[["x"]].rename(columns={"x": "value"}))
    axes.set_xlim(*stand_in.get_ylim())
    return cut


def _caption(
    inputs: ReportInputs, cells: Cells, points: pd.DataFrame, there: pd.DataFrame
) -> list[str]:
    shared = common_words(cells)
    weights = there["globals_weight"] if "globals_weight" in there else pd.Series(dtype=str)
    words = mean_words(there)
    return [
        words[0].replace("vertical bars", "bars"),
        *words[1:],
        "Numbers beside marks are the weight of the globals; lines join the weights of a tokenizer."
        if "globals_weight" in cells.told_by
        else "",
        "Open marks: a weight of 0, at which nothing trains the globals."
        if weights.eq("0").any()
        else "",
        "Both errors are of the kept epoch; lower is better.",
        f"All runs: {shared}." if shared else "",
        without_value_words(points, "such pair of errors"),
        along_words(cells),
        left_out_words(inputs),
    ]


def _table(
    cells: Cells, points: pd.DataFrame, dots: pd.DataFrame, drawn: Sequence[int]
) -> pd.DataFrame:
    told = list(cells.told_by)
    names = {"x": "token_mse", "x_low": "token_mse_low", "x_high": "token_mse_high"}
    means = points.loc[points["n"] > 0].rename(
        columns={
            **names,
            "mean": "globals_mse",
            "ci_low": "globals_mse_low",
            "ci_high": "globals_mse_high",
        }
    )
    runs = dots.rename(columns={"x": "token_mse", "value": "globals_mse"})
    parts = [means.assign(kind="mean"), runs.assign(kind="seed")]
    table = pd.concat([part for part in parts if not part.empty], ignore_index=True)
    table["drawn"] = table["cell"].isin(drawn)
    columns = [*TABLE_COLUMNS[:2], *told, *TABLE_COLUMNS[2:]]
    return table.reindex(columns=columns).astype({"n": "Int64"})
