"""How long each cell trains until its validation error is low enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.reached import median_time
from studygrid.figures.style import GREY, WIDTH_IN, house_style
from studygrid.named_reports.figures.cell_numbers import along_words
from studygrid.named_reports.figures.cells import Cells, cells_of, common_words
from studygrid.named_reports.figures.devices import OneDevice, one_device
from studygrid.named_reports.figures.looks import Looks, looks_of
from studygrid.named_reports.figures.measures import Measure, error_of, left_out_words
from studygrid.named_reports.figures.panels import same_scale
from studygrid.named_reports.figures.reaching import (
    Threshold,
    recorded,
    threshold_of,
    when_reached,
)
from studygrid.named_reports.figures.rows import name_rows, row_places
from studygrid.named_reports.inputs import ReportInputs

TABLE_COLUMNS = ["panel", "kind", "cell", "run_dir", "seed", "value", "reached", "of", "threshold"]

_MOST_ROWS = 36
_ROW_IN, _AXIS_IN, _SPREAD = 0.19, 0.55, 0.66
_LABELS = {"seconds": "Time in training (s)", "epochs": "Epochs"}
_DOT: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 3.2}
_NEVER: dict[str, Any] = {"linestyle": "none", "marker": ">", "markersize": 3.8}
_MEDIAN: dict[str, Any] = {"linestyle": "none", "marker": "|", "markersize": 12}


@dataclass(frozen=True)
class _Panel:
    name: str
    runs: pd.DataFrame  # cell, run_dir, seed, reached, value
    medians: pd.DataFrame  # cell, value, reached (how many), of


def time_to_threshold(inputs: ReportInputs) -> Drawing:
    """Draw how long the runs of each cell train until their validation error is low enough.

    The threshold is ``thresholds.val_mse`` of the report's YAML, or where that is null the least
    error that three quarters of the runs reach. A run is scored after each epoch, so its time is
    that of the end of an epoch. A run that never reaches it is drawn where it ended.

    Returns
    -------
    A drawing whose table has one row a mark and panel: `panel` (``seconds`` or ``epochs``),
        `kind` (``seed`` or ``median``), what tells cells apart, `run_dir`, `seed`, `value`,
        `reached`, 1 or 0 of a run, and how many runs of a cell, out of `of`; `threshold`.
    """
    measure = error_of(inputs)
    title = f"{inputs.title}: time to a low {measure.label}"
    cells = cells_of(inputs.runs_df)
    if not same_scale(cells, ()):
        title = f"{title}, at each resolution one"
    epochs = recorded(inputs, measure)
    found = when_reached_by_task(inputs, cells, epochs)
    if found is None:
        reason = f"No run has {measure.label} in its epochs. {left_out_words(inputs)}"
        return nothing_to_draw(title, reason.strip(), TABLE_COLUMNS)
    runs, thresholds = found
    with house_style():
        return _drawn(inputs, measure, cells, runs, thresholds, title)


def when_reached_by_task(
    inputs: ReportInputs, cells: Cells, epochs: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, Threshold]] | None:
    """Return when runs reach the threshold of their resolution: each is a task of its own.

    A threshold that the YAML gives is that of all.
    """
    runs = cells.runs[["cell", "run_dir", *(["seed"] if "seed" in cells.runs else [])]]
    tasks = cells.runs["resolution"] if not same_scale(cells, ()) else cells.runs["cell"] * 0
    parts, thresholds = [], {}
    for task, own in cells.runs.groupby(tasks, sort=False):
        there = epochs.loc[epochs["run_dir"].isin(own["run_dir"])]
        threshold = threshold_of(inputs, there)
        if threshold is not None:
            thresholds[str(task)] = threshold
            reached = when_reached(there, threshold)
            parts.append(reached.assign(threshold=threshold.value))
    if not parts:
        return None
    return runs.merge(pd.concat(parts, ignore_index=True), on="run_dir", how="inner"), thresholds


def _drawn(
    inputs: ReportInputs,
    measure: Measure,
    cells: Cells,
    runs: pd.DataFrame,
    thresholds: Mapping[str, Threshold],
    title: str,
) -> Drawing:
    device = one_device(cells.runs)
    order = [cell for cell in cells.table["cell"] if cell in set(runs["cell"])]
    shown = order[:_MOST_ROWS]
    panels = _panels(cells, runs.loc[runs["cell"].isin(shown)], device)
    height = _AXIS_IN + max(4, len(shown)) * _ROW_IN
    figure = Figure(figsize=(WIDTH_IN, height))
    grid = list(figure.subplots(1, len(panels), sharey=True, squeeze=False).flat)
    places, looks = row_places(shown), looks_of(cells)
    dots = bool(panels[-1].medians["of"].max() < chosen.DOTS_BELOW)
    for axes, panel in zip(grid, panels, strict=True):
        _draw_panel(axes, panel, cells, looks, places, dots=dots)
    name_rows(grid, cells, places, part_by=looks.marked)
    note = (
        f"Drawn are the first {len(shown)} of {len(order)} cells."
        if len(shown) < len(order)
        else ""
    )
    caption = _caption(inputs, measure, cells, runs, panels, thresholds)
    caption += [
        device.words("seconds")
        if panels[0].name == "seconds"
        else "No file says the time of the epochs: epochs alone.",
        "" if dots else f"Runs are not drawn: there are {chosen.DOTS_BELOW} seeds or more.",
        note,
    ]
    return framed(
        figure,
        _table(cells, panels, dots),
        title=title,
        caption=" ".join(filter(None, caption)),
        entries=_entries(dots),
        panel_height_in=height,
    )


def _panels(cells: Cells, runs: pd.DataFrame, device: OneDevice) -> list[_Panel]:
    """Return the panels; seconds are of one device alone, and only where some are known."""
    own = cells.runs.loc[device.is_own, "run_dir"]
    timed = runs.loc[runs["run_dir"].isin(own)]
    every = [_panel("epochs", runs)]
    return [_panel("seconds", timed), *every] if timed["seconds"].notna().any() else every


def _panel(name: str, runs: pd.DataFrame) -> _Panel:
    runs = runs.assign(value=runs[name])
    known = runs.dropna(subset=["value"])
    rows = [
        {
            "cell": cell,
            "value": median_time(own["value"], own["reached"]),
            "reached": int(own["reached"].sum()),
            "of": len(own),
            "threshold": own["threshold"].iloc[0],
        }
        for cell, own in known.groupby("cell", sort=False)
    ]
    return _Panel(name, known, pd.DataFrame(rows))


def _draw_panel(
    axes: Axes,
    panel: _Panel,
    cells: Cells,
    looks: Looks,
    places: Mapping[int, int],
    *,
    dots: bool,
) -> None:
    row_of = {row["cell"]: row for row in cells.table.to_dict("records")}
    rank = panel.runs.groupby("cell").cumcount()
    count = panel.runs.groupby("cell")["value"].transform("size")
    lifts = ((rank - (count - 1) / 2) * (_SPREAD / count).clip(upper=_SPREAD / 4)).tolist()
    for run, lift in zip(panel.runs.to_dict("records"), lifts, strict=True) if dots else ():
        colour = looks.of(row_of[run["cell"]]).colour
        axes.plot(run["value"], places[run["cell"]] - lift, **_run_mark(colour, run["reached"]))
    for cell in panel.medians.dropna(subset=["value"]).to_dict("records"):
        colour = looks.of(row_of[cell["cell"]]).colour
        axes.plot(cell["value"], places[cell["cell"]], color=colour, markeredgewidth=1.6, **_MEDIAN)
    axes.set_xlim(0, 1.06 * float(panel.runs["value"].max()) or 1)
    axes.set_xlabel(_LABELS[panel.name])
    if panel.name == "epochs":
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _run_mark(colour: str, reached: bool) -> dict[str, Any]:
    if reached:
        return {**_DOT, "color": colour, "alpha": 0.65, "markeredgewidth": 0}
    edge = {"markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 0.7}
    return {**_NEVER, **edge}


def _entries(dots: bool) -> dict[str, Artist]:
    entries: dict[str, Artist] = {}
    if dots:
        entries["a run"] = Line2D([], [], **_run_mark(GREY, reached=True))
        never = Line2D([], [], **_run_mark(GREY, reached=False))
        entries["a run that never reaches it, at its end"] = never
    entries["median of a cell"] = Line2D([], [], color=GREY, markeredgewidth=1.6, **_MEDIAN)
    return entries


def _caption(
    inputs: ReportInputs,
    measure: Measure,
    cells: Cells,
    runs: pd.DataFrame,
    panels: Sequence[_Panel],
    thresholds: Mapping[str, Threshold],
) -> list[str]:
    counts = panels[-1].medians["of"]
    low, high = int(counts.min()), int(counts.max())
    seeds = f"{low} to {high}" if low < high else f"{low}"
    reach, without = int(runs["reached"].sum()), len(cells.runs) - len(runs)
    shared = common_words(cells)
    return [
        f"Until {measure.label} is at most {_threshold_words(thresholds)}.",
        f"{reach} of {len(runs)} runs reach it.",
        f"n = {seeds} {'seed' if seeds == '1' else 'seeds'} a cell; medians, without intervals, "
        "count a run that never reaches it as longer than any, and are missing where half or more "
        "do not.",
        f"All runs: {shared}." if shared else "",
        measure.caution,
        "Runs are scored after each epoch; the time that starting up takes is left out.",
        f"{without} of the {len(cells.runs)} runs have no such epochs." if without else "",
        along_words(cells),
        left_out_words(inputs),
    ]


def _threshold_words(thresholds: Mapping[str, Threshold]) -> str:
    first = next(iter(thresholds.values()))
    if first.given:
        return f"{first.value:.4g} (thresholds.val_mse of the report)"
    if len(thresholds) == 1:
        return f"{first.value:.4g} (the least that three quarters of the runs reach)"
    parts = [f"{found.value:.4g} at resolution {task}" for task, found in thresholds.items()]
    return f"{', '.join(parts)} (the least that three quarters of its runs reach)"


def _table(cells: Cells, panels: Sequence[_Panel], dots: bool) -> pd.DataFrame:
    told = list(cells.told_by)
    parts = []
    for panel in panels:
        for kind, rows in {
            "median": panel.medians,
            **({"seed": panel.runs} if dots else {}),
        }.items():
            named = rows.dropna(subset=["value"]).assign(panel=panel.name, kind=kind)
            parts.append(named.astype({"reached": float}))
    table = pd.concat([part for part in parts if not part.empty], ignore_index=True)
    table = table.merge(cells.table[["cell", *told]], on="cell")
    columns = [*TABLE_COLUMNS[:3], *told, *TABLE_COLUMNS[3:]]
    return table.reindex(columns=columns).astype({"reached": "Int64", "of": "Int64"})
