"""The validation error of each cell against something else that was measured of its runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from studygrid.figures.cost_axis import set_cost_axis
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.style import GREY, WIDTH_IN, house_style
from studygrid.named_reports.figures.cell_numbers import (
    along_words,
    cell_numbers,
    dots_of,
    mean_words,
    without_value_words,
)
from studygrid.named_reports.figures.cells import Cells, cells_of, common_words, value_words
from studygrid.named_reports.figures.looks import (
    Looks,
    looks_of,
    size_entries,
    sizes_of,
)
from studygrid.named_reports.figures.measures import (
    Measure,
    error_of,
    left_out_words,
    values_of,
)
from studygrid.named_reports.figures.panel_grid import PanelGrid, panel_grid
from studygrid.named_reports.figures.panels import Panel, panels_of, same_scale
from studygrid.named_reports.figures.scatter import (
    Marks,
    draw_mark,
    limit_y,
    side_by_side,
)
from studygrid.named_reports.inputs import ReportInputs
from studygrid.statistics.pareto import pareto_front

TABLE_COLUMNS = ["kind", "cell", "run_dir", "seed", "x", "error", "ci_low", "ci_high", "n", "runs"]

_MOST_PANELS = 6
_ASIDE_POINTS, _ROOM_POINTS = 2.0, 5.0  # of marks of one x: from one to the next, and of all
_TICK_ROOM = 0.07  # of the axis, from a tick to the next


@dataclass(frozen=True)
class Against:
    """What the error is drawn against.

    Attributes
    ----------
    values
        One a run, in the order of ``runs_df``, above 0; NaN where a run has none.
    column
        What the column of the table is called that has it.
    label
        For the axis.
    title
        For the title, after the error: ``against its compression``.
    lacks
        What a run without a value lacks.
    words
        Sentences for the caption.
    within
        Settings that are shown in a panel; those after tokenizer and encoder by a name.
    front
        Whether less of it is better, and a Pareto front is drawn.
    ticks_at_values
        Whether the axis has its ticks at the values themselves, as many as find room.
    """

    values: pd.Series[float]
    column: str
    label: str
    title: str
    lacks: str
    words: tuple[str, ...] = ()
    within: tuple[str, ...] = ("tokenizer", "encoder", "latent_dim", "codebook_size")
    front: bool = False
    ticks_at_values: bool = False


@dataclass(frozen=True)
class _Found:
    measure: Measure
    cells: Cells
    points: pd.DataFrame  # of cell_numbers, with x, of the cells that have both
    every: pd.DataFrame  # of cell_numbers, of all
    dots: pd.DataFrame  # runs: cell, run_dir, seed, x, value
    looks: Looks


def error_against(inputs: ReportInputs, against: Against) -> Drawing:
    """Draw the mean error of each cell against the mean of something else.

    Returns
    -------
    A drawing whose table has one row a mark: `kind` (``mean`` or ``seed``), what tells cells
        apart, `run_dir`, `seed`, what is drawn against, `error`, `ci_low`, `ci_high`, `n`,
        `runs`, `on_front` where there is a front, and `drawn`.
    """
    measure = error_of(inputs)
    title = f"{inputs.title}: {measure.label} {against.title}"
    columns = [against.column if name == "x" else name for name in TABLE_COLUMNS]
    found = _found(inputs, measure, against)
    if found.points.empty:
        reason = f"No run has both {measure.label} and a {against.lacks}. {left_out_words(inputs)}"
        return nothing_to_draw(title, reason.strip(), columns)
    shown, note = panels_of(found.cells, found.points, against.within, _MOST_PANELS)
    with house_style():
        return _drawn(inputs, against, found, shown, note, title)


def _found(inputs: ReportInputs, measure: Measure, against: Against) -> _Found:
    cells = cells_of(inputs.runs_df)
    errors = values_of(inputs, measure).where(against.values.notna())
    every = cell_numbers(cells, errors)
    x = cells.runs[["cell"]].assign(x=against.values.where(errors.notna()))
    points = every.merge(x.groupby("cell")["x"].mean().reset_index(), on="cell")
    points = points.loc[points["n"] > 0].reset_index(drop=True)
    dots = dots_of(cells, errors, points)
    dots = dots.assign(x=against.values.reindex(dots.index))
    return _Found(measure, cells, points, every, dots, looks_of(cells))


def _drawn(
    inputs: ReportInputs,
    against: Against,
    found: _Found,
    shown: Sequence[Panel],
    note: str,
    title: str,
) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, 3))
    shared = same_scale(found.cells, against.within)
    grid = panel_grid(figure, shown, share_y=shared)
    found = replace(found, points=_with_front(found.points, shown, against))
    drawn = _of(found.points, shown)
    set_cost_axis(grid.axes[0], float(drawn["x"].min()), float(drawn["x"].max()), "")
    if against.ticks_at_values:
        _set_ticks(grid, drawn["x"].tolist())
    grid.label(against.label, found.measure.label)
    marks = []
    for axes, panel in zip(grid.axes, shown, strict=True):
        marks.append(_draw_panel(axes, found, panel, against))
    cut = _limit(grid, found, shown, shared=shared)
    rows = drawn.to_dict("records")
    sizes = size_entries(sizes_of(found.cells, "latent_dim"), "latent_dim", rows)
    caption = _caption(inputs, against, found, drawn)
    caption += [note, "Bars that leave a panel are cut." if cut else ""]
    drawing = framed(
        figure,
        _table(found, against, drawn),
        title=title,
        caption=" ".join(filter(None, caption)),
        entries=found.looks.colour_entries(rows) | found.looks.marker_entries(rows) | sizes,
        panel_height_in=grid.height_in,
    )
    for axes, panel, own in zip(grid.axes, shown, marks, strict=True):
        names = [_name(found, row) for row in _rows(found.points, panel)]
        if any(names):
            own.name(axes, names)
    return drawing


def _set_ticks(grid: PanelGrid, values: Sequence[float]) -> None:
    low, high = (math.log10(end) for end in grid.axes[0].get_xlim())
    apart = _TICK_ROOM * len(grid.bottom) * (high - low)
    ticks: list[float] = []
    for value in sorted(set(values)):
        if not ticks or math.log10(value / ticks[-1]) >= apart:
            ticks.append(value)
    grid.axes[0].set_xticks(ticks, [f"{tick:.4g}" for tick in ticks])
    grid.axes[0].minorticks_off()


def _with_front(points: pd.DataFrame, shown: Sequence[Panel], against: Against) -> pd.DataFrame:
    on_front = pd.Series(False, points.index)
    for panel in shown if against.front else ():
        own = points.loc[points["cell"].isin(panel.cells)]
        if len(own) > 1 and (own["n"] > 1).all():  # the best of single runs is the luckiest
            on_front[own.index] = pareto_front(own["x"].to_numpy(), -own["mean"].to_numpy())
    return points.assign(on_front=on_front)


def _of(table: pd.DataFrame, shown: Sequence[Panel]) -> pd.DataFrame:
    return table.loc[table["cell"].isin([cell for panel in shown for cell in panel.cells])]


def _rows(points: pd.DataFrame, panel: Panel) -> list[dict[str, Any]]:
    own = points.loc[points["cell"].isin(panel.cells)]
    return [{str(name): value for name, value in row.items()} for row in own.to_dict("records")]


def _draw_panel(axes: Axes, found: _Found, panel: Panel, against: Against) -> Marks:
    marks = Marks()
    points = found.points.loc[found.points["cell"].isin(panel.cells)]
    points = points.assign(shift=side_by_side(points, _ASIDE_POINTS, _ROOM_POINTS))
    rows = _rows(points, panel)
    if against.front:
        marks.lines += _draw_front(axes, [row for row in rows if row["on_front"]])
    has_front = any(row["on_front"] for row in rows)
    sizes = sizes_of(found.cells, "latent_dim")
    for row in rows:
        own = found.dots.loc[found.dots["cell"] == row["cell"]]
        filled = bool(row["on_front"]) or not has_front
        size = sizes[str(row.get("latent_dim", ""))]
        draw_mark(axes, marks, row, own, found.looks.of(row), size=size, filled=filled)
    return marks


def _draw_front(axes: Axes, rows: Sequence[dict[str, Any]]) -> list[Line2D]:
    """Draw what the least error is for so much: a staircase to the right edge."""
    if not rows:
        return []
    front = sorted(rows, key=lambda row: (row["x"], -row["mean"]))
    ends = [*(row["x"] for row in front[1:]), axes.get_xlim()[1]]
    x = [place for row, end in zip(front, ends, strict=True) for place in (row["x"], end)]
    y = [row["mean"] for row in front for _ in range(2)]
    return axes.plot(x, y, color=GREY, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1.5)


def _name(found: _Found, row: dict[str, Any]) -> str:
    """Return what tells a mark from others of its look."""
    if "codebook_size" not in found.cells.told_by or row.get("tokenizer") in ("none", "linear"):
        return ""
    return value_words("codebook_size", str(row["codebook_size"]))


def _limit(grid: PanelGrid, found: _Found, shown: Sequence[Panel], *, shared: bool) -> bool:
    if shared:
        return limit_y(grid.axes, _of(found.points, shown), _of(found.dots, shown))
    cuts = [
        limit_y([axes], _of(found.points, [panel]), _of(found.dots, [panel]))
        for axes, panel in zip(grid.axes, shown, strict=True)
    ]
    return any(cuts)


def _caption(
    inputs: ReportInputs, against: Against, found: _Found, drawn: pd.DataFrame
) -> list[str]:
    shared = common_words(found.cells)
    return [
        *mean_words(drawn),
        f"All runs: {shared}." if shared else "",
        "Lower is better.",
        _front_words(drawn) if against.front else "",
        "Marks of one size of the latent stand a little aside of it."
        if against.front and drawn["x"].duplicated().any()
        else "",
        *against.words,
        found.measure.caution,
        without_value_words(found.every, f"{found.measure.label} or no {against.lacks}"),
        along_words(found.cells),
        left_out_words(inputs),
    ]


def _front_words(drawn: pd.DataFrame) -> str:
    if drawn["on_front"].any():
        return (
            "Filled marks on the dashed line are the Pareto front of the means; open ones are "
            "beaten on both counts."
        )
    if (drawn["n"] < 2).any():
        return "There is no Pareto front of single runs."
    return ""


def _table(found: _Found, against: Against, drawn: pd.DataFrame) -> pd.DataFrame:
    told = list(found.cells.told_by)
    means = found.points.rename(columns={"mean": "error"}).assign(kind="mean")
    runs = found.dots.rename(columns={"value": "error"}).assign(kind="seed")
    table = pd.concat([part for part in (means, runs) if not part.empty], ignore_index=True)
    table["drawn"] = table["cell"].isin(drawn["cell"])
    columns = ["kind", "cell", *told, *TABLE_COLUMNS[2:]]
    columns += ["on_front", "drawn"] if against.front else ["drawn"]
    table = table.reindex(columns=columns).rename(columns={"x": against.column})
    whole = {"n": "Int64", "runs": "Int64"} | ({"on_front": "boolean"} if against.front else {})
    return table.astype(whole)
