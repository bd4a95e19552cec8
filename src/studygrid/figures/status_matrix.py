"""Which cells are complete, which failed, and which are missing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed
from studygrid.figures.style import WIDTH_IN, house_style
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = [
    "model",
    "resolution",
    "n_train",
    "state",
    "planned",
    "ok",
    "failed",
    "missing",
]

_CELL = ["model", "resolution", "n_train"]
_ROW_IN, _LOW_ROW_IN = 0.24, 0.17
_MANY_ROWS = 40
_WIDTH_IN = 5.2
_CHARACTER_IN = 0.0078  # a point of size
_SIZES = (7, 6)
_MOST_REASONS = 6
_REASON_CHARACTERS = 90
_NAME = 28


@dataclass(frozen=True)
class _State:
    """What became of a cell, told by colour, and in grey by lightness and hatch."""

    name: str
    colour: str
    hatch: str


_STATES = {
    "all ok": _State("all ok", "#cfe8df", ""),
    "some failed": _State("some failed", "#f2b183", "////"),
    "some missing": _State("some missing", "#ffffff", "...."),
    "none ok": _State("none ok", "#b04a00", "xxxx"),
    "none there": _State("none there", "#8c8c8c", ""),
}
_WHITE_ON = ("none ok", "none there")


def status_matrix(study: StudyResults) -> Drawing:
    """Draw of each cell how many of its planned runs are ok, and what became of the others.

    Rows are models and columns the resolutions and training-set sizes; where so many columns
    have no room, rows are models and resolutions and columns sizes. A place without a cell is
    not planned.

    Returns
    -------
    A drawing whose table has one row a cell: `model`, `resolution`, `n_train`, `state` (``all
        ok``, ``some failed`` or ``some missing``, where a cell with both counts as failed;
        ``none ok`` where all failed or some did and the others are missing, ``none there`` where
        all are missing), `planned`, `ok`, `failed` and `missing` runs.
    """
    title = f"{study.name}: which runs are there"
    table = _cells(study)
    # A line of a hatch is as thick as matplotlib's settings say where its patch is made.
    with house_style(), mpl.rc_context({"hatch.linewidth": 0.5}):
        return _drawn(study, table, title)


def _cells(study: StudyResults) -> pd.DataFrame:
    runs = study.frame[_CELL].assign(
        planned=1,
        ok=study.frame["status"].eq("ok").astype(int),
        missing=study.frame["status"].eq("missing").astype(int),
    )
    cells = runs.groupby(_CELL, sort=False).sum().reset_index()
    cells["failed"] = cells["planned"] - cells["ok"] - cells["missing"]
    cells["state"] = [_state(cell) for cell in cells.to_dict("records")]
    return cells[TABLE_COLUMNS]


def _state(cell: Mapping[Hashable, Any]) -> str:
    if cell["ok"] == cell["planned"]:
        return "all ok"
    if cell["ok"] == 0:
        return "none there" if cell["missing"] == cell["planned"] else "none ok"
    return "some failed" if cell["failed"] else "some missing"


def _drawn(study: StudyResults, table: pd.DataFrame, title: str) -> Drawing:
    pairs = len(study.order["resolution"]) * len(study.order["n_train"])
    wide = _text_size(table, pairs) is not None
    row_axes = ["model"] if wide else ["model", "resolution"]
    column_axes = ["resolution", "n_train"] if wide else ["n_train"]
    rows = _values(study, table, row_axes)
    columns = _values(study, table, column_axes)
    height = 0.75 + len(rows) * (_ROW_IN if len(rows) <= _MANY_ROWS else _LOW_ROW_IN)
    size = _text_size(table, len(columns)) or _SIZES[-1]
    figure = Figure(figsize=(WIDTH_IN, height))
    axes = figure.subplots()
    for cell in table.to_dict("records"):
        x = columns.index(tuple(cell[axis] for axis in column_axes))
        y = rows.index(tuple(cell[axis] for axis in row_axes))
        _draw_cell(axes, x, y, cell, size, _cell_text(cell, size, _WIDTH_IN / len(columns)))
    _name_axes(axes, study, rows, columns, wide=wide)
    states = [name for name in _STATES if name in set(table["state"])]
    return framed(
        figure,
        table,
        title=title,
        caption=" ".join(_caption(study, table, rows, columns)),
        entries=_entries(states),
        panel_height_in=height,
    )


def _values(study: StudyResults, table: pd.DataFrame, axes: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the values of some axes that cells have, in the order of the config."""
    place = {
        axis: {value: number for number, value in enumerate(study.order[axis])} for axis in axes
    }
    found = {tuple(values) for values in table[list(axes)].to_numpy(dtype=object).tolist()}
    return sorted(
        found,
        key=lambda values: [place[axis][value] for axis, value in zip(axes, values, strict=True)],
    )


def _counts(cell: Mapping[Hashable, Any]) -> str:
    return f"{cell['ok']}/{cell['planned']}"


def _cell_text(cell: Mapping[Hashable, Any], size: int, width_in: float) -> str:
    """Return the counts of a cell, and of those not ok where there is room for it."""
    others = [f"{cell[name]} {name}" for name in ("failed", "missing") if cell[name]]
    detailed = f"{_counts(cell)} ({', '.join(others)})"
    return detailed if others and _fits(detailed, size, width_in) else _counts(cell)


def _fits(text: str, size: int, width_in: float) -> bool:
    return len(text) * size * _CHARACTER_IN < width_in


def _text_size(table: pd.DataFrame, columns: int) -> int | None:
    """Return the largest size at which the counts fit in so many columns, if there is one."""
    longest = max(map(_counts, table.to_dict("records")), key=len)
    return next((size for size in _SIZES if _fits(longest, size, _WIDTH_IN / columns)), None)


def _draw_cell(
    axes: Axes, x: int, y: int, cell: Mapping[Hashable, Any], size: int, text: str
) -> None:
    state = _STATES[str(cell["state"])]
    axes.add_patch(_patch(state, (x - 0.47, y - 0.44)))
    axes.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        color="white" if state.name in _WHITE_ON else "black",
        bbox={"facecolor": state.colour, "edgecolor": "none", "pad": 0.6} if state.hatch else None,
        size=size,
    )


def _patch(state: _State, corner: tuple[float, float] = (0, 0)) -> Rectangle:
    return Rectangle(
        corner,
        0.94,
        0.88,
        facecolor=state.colour,
        edgecolor="#7a7a7a",
        linewidth=0.5,
        hatch=state.hatch,
    )


def _name_axes(
    axes: Axes,
    study: StudyResults,
    rows: Sequence[tuple[Any, ...]],
    columns: Sequence[tuple[Any, ...]],
    *,
    wide: bool,
) -> None:
    def resolution(value: object) -> str:
        return chosen.resolution_words(study, float(str(value)))

    names = [
        ", ".join([chosen.short(str(row[0]), _NAME), *map(resolution, row[1:])]) for row in rows
    ]
    axes.set_yticks(range(len(rows)), names, parse_math=False)
    axes.set_xticks(range(len(columns)), [str(column[-1]) for column in columns])
    axes.set_xlim(-0.5, max(len(columns), 1) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    longest = max(len(str(column[-1])) for column in columns)
    if longest * 0.075 > 5.0 / len(columns):
        axes.tick_params(axis="x", labelrotation=90)
    axes.set_xlabel("Training-set size (samples)")
    if not wide:
        return
    groups = list(dict.fromkeys(column[0] for column in columns))
    for group in groups:
        places = [place for place, column in enumerate(columns) if column[0] == group]
        middle = (places[0] + places[-1]) / 2
        axes.text(middle, len(rows) - 0.4, resolution(group), ha="center", va="top")
        if group != groups[0]:
            axes.axvline(places[0] - 0.5, color="black", linewidth=0.8)


def _entries(states: Sequence[str]) -> dict[str, Artist]:
    return {name: _patch(_STATES[name]) for name in states}


def _caption(
    study: StudyResults,
    table: pd.DataFrame,
    rows: Sequence[object],
    columns: Sequence[object],
) -> list[str]:
    runs = study.frame
    parts = ["In each cell: runs that are ok, of those planned (one a seed)."]
    ok = int((runs["status"] == "ok").sum())
    if ok == len(runs):
        parts.append("The planned run is ok." if ok == 1 else f"All {ok} planned runs are ok.")
    else:
        parts.append(chosen.run_words(runs[["status"]], "in the study"))
        parts.append(_reasons(study))
    if len(table) < len(rows) * len(columns):
        parts.append("An empty place is not planned.")
    return parts


def _reasons(study: StudyResults) -> str:
    """Return the reasons of runs that are not ok, those that differ in numbers alone as one."""
    others = study.frame.loc[study.frame["status"] != "ok"]
    found: dict[tuple[str, str], Counter[str]] = {}
    for run in others.to_dict("records"):
        reason = _without_folder(study, run)
        kind = (str(run["status"]), re.sub(r"\d+(\.\d+)?(e[+-]?\d+)?", "#", reason))
        found.setdefault(kind, Counter())[reason] += 1
    kinds = sorted(found.items(), key=lambda item: -item[1].total())
    parts = []
    for (status, _), reasons in kinds[:_MOST_REASONS]:
        such = "" if len(reasons) == 1 else "such as "
        example = chosen.short(next(iter(reasons)), _REASON_CHARACTERS)
        parts.append(f"{reasons.total()} {chosen.status_words(status)} ({such}{example})")
    rest = sum(reasons.total() for _, reasons in kinds[_MOST_REASONS:])
    more = f"; {rest} more for other reasons" if rest else ""
    return f"Reasons: {'; '.join(parts)}{more}."


def _without_folder(study: StudyResults, run: Mapping[Hashable, Any]) -> str:
    path = f"{run['model']}/res{run['resolution']}/n{run['n_train']}/seed{run['seed']}/"
    reason = "no reason given" if pd.isna(run["reason"]) else str(run["reason"])
    return reason.replace(f"{study.folder / 'runs'}/{path}", "")
