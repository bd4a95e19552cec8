"""The test metric of every model at every resolution, as a map."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from studygrid.figures import chosen_cells as chosen
from studygrid.figures import panels
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.style import WIDTH_IN, house_style
from studygrid.results.not_said import resolution_words
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = [*panels.CELL_AXES, "samples", "mean", "n", "planned", "shows", "best"]

_MOST_PANELS, _MOST_MODELS, _MOST_RESOLUTIONS = 4, 20, 12
_NAME_IN, _NAME_EDGE_IN = 0.066, 0.15
_BAR_IN = 0.75
_CELL_IN, _ROW_IN, _PANEL_EDGES_IN = 0.52, 0.24, 0.3
_MOST_HEIGHT_IN = 8.0
_TEXT_SIZE = 8
_PARTIAL = "*"
# Of this luminance, black and white letters have the same contrast, 4.6 to 1.
_EQUAL_CONTRAST = 0.179
_EMPTY: dict[str, Any] = {"facecolor": "#f2f2f2", "edgecolor": "#b8b8b8", "hatch": "////"}
_GAP: dict[str, Any] = {"colors": "white", "linewidth": 0.8, "zorder": 2}


@dataclass(frozen=True)
class _Map:
    """What has room: the rows, columns and panels, and how the panels are laid out."""

    models: list[str]
    resolutions: list[int]
    sizes: list[str]
    columns: int
    cells: pd.DataFrame


def metric_heatmap(study: StudyResults) -> Drawing:
    """Draw the mean of each cell as a map of model by resolution, one for each training-set size.

    Of many models the 20 with the best cells are drawn, of many resolutions twelve, of many
    sizes four or as many as a page has room for.

    Returns
    -------
    A drawing whose table has one row a field that is drawn: `model`, `resolution`, `n_train`,
        `samples` (how many that is), `mean` of the `n` runs with a value of those `planned`,
        `shows` (what is written in the field), and whether it is the `best` of those drawn.
    """
    along = study.family.resolution_label.lower()
    title = f"{study.name}: {study.metric.label} of every model at every {along}"
    cells = chosen.metric_cells(study)
    if not (cells["n"] > 0).any():
        return nothing_to_draw(title, panels.no_value_words(study), TABLE_COLUMNS)
    shown = _shown(study, cells)
    with house_style():
        return _drawn(study, cells, shown, title)


def _shown(study: StudyResults, cells: pd.DataFrame) -> _Map:
    ranked = dict.fromkeys([*chosen.best_cells(study)["model"], *study.order["model"]])
    best = set(list(ranked)[:_MOST_MODELS])
    models = [model for model in study.order["model"] if model in best]
    resolutions = panels.evenly(sorted(study.order["resolution"]), _MOST_RESOLUTIONS)
    sizes = panels.evenly(panels.sizes_in_order(cells), _MOST_PANELS)
    room_in = WIDTH_IN - _BAR_IN - _names_in(models)
    fitting = max(1, math.floor(room_in / (_CELL_IN * len(resolutions) + 0.1)))
    columns = max(number for number in (1, 2, 3, 4) if number <= min(fitting, len(sizes)))
    if len(sizes) > columns:
        columns = max(number for number in (1, 2) if number <= columns)
    rows = max(1, math.floor(_MOST_HEIGHT_IN / (_ROW_IN * len(models) + _PANEL_EDGES_IN)))
    sizes = panels.evenly(sizes, rows * columns)
    drawn = cells.loc[
        cells["model"].isin(models)
        & cells["resolution"].isin(resolutions)
        & cells["n_train"].isin(sizes)
    ]
    return _Map(models, resolutions, sizes, columns, _labelled(study, drawn))


def _names_in(models: Sequence[str]) -> float:
    return max(len(chosen.short(model)) for model in models) * _NAME_IN + _NAME_EDGE_IN


def _labelled(study: StudyResults, cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with what is written in each, and whether it is the best."""
    written = _number_format(cells["mean"].dropna())
    # The cells of one task have one best; all are of one, unless resolutions are tasks.
    tasks = cells["resolution"] if study.tasks_differ else pd.Series(0, cells.index)
    means = cells.groupby(tasks)["mean"]
    best = means.transform("max") if study.metric.higher_is_better else means.transform("min")
    is_best = cells["mean"] == best
    if chosen.why_not_ranked(study):
        is_best[:] = False
    shows = [
        format(cell["mean"], written) + (_PARTIAL if cell["n"] < cell["planned"] else "")
        if cell["n"]
        else _why_empty(cell)
        for cell in cells.to_dict("records")
    ]
    return cells.assign(shows=shows, best=is_best)


def _number_format(means: pd.Series[float]) -> str:
    """Return a format that tells apart means which differ by a fiftieth of their range."""
    largest = float(means.abs().max()) or 1.0
    apart = float(means.max() - means.min()) or largest / 10
    decimals = max(0, math.ceil(math.log10(50 / apart)))
    if largest < 1e5 and decimals <= 5:
        return f".{decimals}f"
    return f".{min(3, math.ceil(math.log10(50 * largest / apart)) - 1)}e"


def _why_empty(cell: Mapping[Any, Any]) -> str:
    counts = {"no value": cell["ok"], "failed": cell["failed"], "missing": cell["missing"]}
    reasons = [reason for reason, count in counts.items() if count]
    return reasons[0] if len(reasons) == 1 else "mixed"


def _drawn(study: StudyResults, cells: pd.DataFrame, shown: _Map, title: str) -> Drawing:
    rows = -(-len(shown.sizes) // shown.columns)
    figure = Figure(figsize=(WIDTH_IN, 3))
    grid = figure.subplots(rows, shown.columns, sharex=True, sharey=True, squeeze=False)
    low, high = float(shown.cells["mean"].min()), float(shown.cells["mean"].max())
    alike = 0.05 * abs(low) or 0.05 if low == high else 0.0
    scale = Normalize(low - alike, high + alike)
    # Yellow, the light end, is better whichever way the metric goes.
    colours = colormaps["cividis" if study.metric.higher_is_better else "cividis_r"]
    mapped = ScalarMappable(scale, colours)
    for axes, size in zip(grid.flat, shown.sizes, strict=False):
        own = shown.cells.loc[shown.cells["n_train"] == size]
        _draw_panel(axes, own, shown, mapped)
        words = chosen.shared_size_words(size, own)
        axes.set_title(f"Trained on {words}", loc="left")
    for axes in list(grid.flat)[len(shown.sizes) :]:
        axes.set_axis_off()
    for axes in grid[-1]:
        axes.set_xlabel(_resolution_words(study))
    bar = figure.colorbar(mapped, ax=grid.ravel().tolist(), aspect=30, pad=0.02, fraction=0.05)
    better = "higher" if study.metric.higher_is_better else "lower"
    bar.outline.set_visible(False)
    height_in = max(1.9, 0.35 + rows * (_ROW_IN * len(shown.models) + _PANEL_EDGES_IN))
    label = chosen.metric_words(study)
    if not chosen.why_not_ranked(study):
        label = f"{label}, {better} is better"
    bar.set_label(textwrap.fill(label, math.floor((height_in - 0.4) / _NAME_IN)))
    return framed(
        figure,
        shown.cells[TABLE_COLUMNS].astype({"samples": "Int64"}).reset_index(drop=True),
        title=title,
        caption=" ".join(_caption(study, cells, shown)),
        entries={},
        panel_height_in=height_in,
    )


def _resolution_words(study: StudyResults) -> str:
    family = study.family
    return f"{family.resolution_label} ({family.resolution_unit})".replace(" ()", "")


def _draw_panel(axes: Axes, cells: pd.DataFrame, shown: _Map, mapped: ScalarMappable) -> None:
    across, down = len(shown.resolutions), len(shown.models)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    for cell in cells.to_dict("records"):
        x, y = shown.resolutions.index(cell["resolution"]), shown.models.index(cell["model"])
        _draw_field(axes, x, y, cell, mapped)
    axes.hlines(np.arange(1, down) - 0.5, -0.5, across - 0.5, **_GAP)
    axes.vlines(np.arange(1, across) - 0.5, -0.5, down - 0.5, **_GAP)
    axes.set_xlim(-0.5, across - 0.5)
    axes.set_ylim(down - 0.5, -0.5)
    axes.set_xticks(range(across), [resolution_words(value, "") for value in shown.resolutions])
    axes.set_yticks(range(down), [chosen.short(model) for model in shown.models], parse_math=False)
    axes.tick_params(length=0)


def _draw_field(
    axes: Axes, x: int, y: int, cell: Mapping[Any, Any], mapped: ScalarMappable
) -> None:
    colour = mapped.to_rgba(cell["mean"])
    fill: dict[str, Any] = {"facecolor": colour} if cell["n"] else _EMPTY
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, linewidth=0, **fill))
    dark = bool(cell["n"]) and _luminance(colour) < _EQUAL_CONTRAST
    axes.text(
        x,
        y,
        cell["shows"],
        color="white" if dark else "black",
        bbox=None if cell["n"] else {"facecolor": "white", "edgecolor": "none", "pad": 1},
        ha="center",
        va="center",
        size=_TEXT_SIZE,
        zorder=4,
    )
    for edge, width in (("black", 2.2), ("white", 0.8)) if cell["best"] else ():
        inside = Rectangle((x - 0.46, y - 0.44), 0.92, 0.88, fill=False, zorder=3)
        inside.set(edgecolor=edge, linewidth=width, joinstyle="miter")
        axes.add_patch(inside)


def _luminance(colour: Any) -> float:
    """Return the relative luminance of an sRGB colour: WCAG 2.2, of 2023."""
    channels = np.asarray(colour[:3])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _caption(study: StudyResults, cells: pd.DataFrame, shown: _Map) -> list[str]:
    counts = shown.cells.loc[shown.cells["n"] > 0, "n"]
    low, high = int(counts.min()), int(counts.max())
    seeds = f"{low} to {high}" if low < high else f"{low}"
    means = f"means over n = {seeds} seeds, without their intervals"
    numbers = means if high > 1 else "single runs: 1 seed a cell"
    empty = int((shown.cells["n"] == 0).sum())
    blank = len(shown.models) * len(shown.resolutions) * len(shown.sizes) - len(shown.cells)
    partial = bool(shown.cells["shows"].str.endswith(_PARTIAL).any())
    runs = chosen.runs_of(chosen.metric_runs(study), shown.cells)
    parts = [
        f"Numbers are {numbers}. "
        + (
            f"None is framed: {chosen.better_words(study)}"
            if chosen.why_not_ranked(study)
            else f"The best that is shown is framed. {chosen.better_words(study)}"
        ),
        f"{_PARTIAL} fewer runs have a value than were planned." if partial else "",
        f"Hatched: {empty} {'cell' if empty == 1 else 'cells'} without a result, and why not."
        if empty
        else "",
        f"Blank: {blank} not planned." if blank else "",
        chosen.run_words(runs, "in these cells"),
        f"Drawn are {len(shown.cells)} of {len(cells)} cells; summary_statistics.csv has all."
        if len(shown.cells) < len(cells)
        else "",
    ]
    return [part for part in parts if part]
