"""The test metric along one axis of a study, in a panel for each value of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from studygrid.figures import chosen_cells as chosen
from studygrid.figures import panels
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.reference_lines import (
    Reference,
    chance_at,
    draw_reference,
    mean_reference,
    reference_entries,
    reference_words,
)
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.figures.tested_axis import dodge, set_ticks
from studygrid.results.not_said import NO_RESOLUTION, NOT_SAID, resolution_words
from studygrid.results.one_setting import models_without_learning
from studygrid.results.study_results import StudyResults

Along = Literal["resolution", "samples"]
TABLE_COLUMNS = [
    "resolution",
    "n_train",
    "samples",
    "model",
    "kind",
    "seed",
    "value",
    "ci_low",
    "ci_high",
    "spread_low",
    "spread_high",
    "n",
]

_MOST_PANELS = 4
_MOST_MODELS = 15
_MARK_IN = 0.05  # width that a model takes at a tick
_Y_AXIS_IN = 0.5
_CHANCE_IN = 0.4
_LINE: dict[str, Any] = {
    "linewidth": 1.1,
    "markersize": 4.5,
    "markeredgecolor": "white",
    "markeredgewidth": 0.5,
}
_DOT: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 2.6,
    "markeredgewidth": 0,
    "alpha": 0.55,
}
_BAND: dict[str, Any] = {"linewidth": 3.5, "alpha": 0.3}


@dataclass(frozen=True)
class _Panel:
    """One panel; both tables have the place on the axis as `x`.

    Attributes
    ----------
    references
        Along training-set sizes: the models that do not learn, which are level lines.
    chance
        What a guesser scores, if it is one number for the panel.
    """

    title: str
    runs: pd.DataFrame
    cells: pd.DataFrame
    references: tuple[Reference, ...]
    chance: float | None

    @property
    def fixed(self) -> list[str]:
        """The models that are level lines."""
        return [reference.model for reference in self.references]


def metric_panels(study: StudyResults, along: Along, title: str) -> Drawing:
    """Draw the study's metric along one axis, in a panel for each value of the other.

    Of more than four values with a result the smallest, the largest and two between get a panel;
    of more than 15 models those with the best cells are drawn. Along training-set sizes a model
    that does not learn is a level line.

    Parameters
    ----------
    study
        The results.
    along
        What the x axis is: ``resolution`` or ``samples``, the training-set size.
    title
        Title of the figure.

    Returns
    -------
    A drawing whose table has one row a mark: `resolution`, `n_train` as the config has it,
        `samples` (how many that is), `model`, `kind` (``seed`` for a dot, ``mean``,
        ``reference`` for the mean of a model that does not learn), `seed`, `value`, and of a mean
        `ci_low` and `ci_high` (95 % Student t), `spread_low` and `spread_high` (10th and 90th
        percentile of ten runs or more; of a reference its least and its greatest run), `n` runs.
    """
    everything = panels.spread_cells(study)
    cells = everything.loc[_is_known(everything, along)]
    best = list(chosen.best_cells(study)["model"])
    cells = cells.loc[~cells["model"].isin(best[_MOST_MODELS:])]
    results = cells.loc[cells["n"] > 0]
    if results.empty:
        unknown = everything["n"].sum() > 0
        reason = _unknown_words(study, along) if unknown else panels.no_value_words(study)
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    over = "n_train" if along == "resolution" else "resolution"
    if over == "n_train":
        values: list[Any] = panels.sizes_in_order(results)
    else:
        values = sorted(set(results["resolution"]))
    shown = panels.evenly(values, _MOST_PANELS)
    drawn = [_panel(study, cells, along, over, value) for value in shown]
    left_out = [value for value in values if value not in shown]
    with house_style():
        notes = [_fewer_words(study, len(best)), _left_out_words(study, over, left_out)]
        if len(cells) < len(everything):
            notes.append(_unknown_words(study, along, len(everything) - len(cells)))
        return _drawn(study, drawn, along, title, notes)


def _is_known(cells: pd.DataFrame, along: Along) -> pd.Series[bool]:
    """Tell which cells have a place on the axis: files of collected runs may not say it."""
    if along == "resolution":
        return cells["resolution"] != NO_RESOLUTION
    counted = cells["samples"].notna() | (cells["n"] == 0)
    return (cells["n_train"] != NOT_SAID) & counted


def _unknown_words(study: StudyResults, along: Along, cells: int | None = None) -> str:
    label = study.family.resolution_label.lower()
    what = label if along == "resolution" else "training-set size"
    if cells is None:
        return f"No file says the {what} of a run with a value."
    return f"Not drawn: {cells} {'cell' if cells == 1 else 'cells'} whose {what} no file says."


def _panel(study: StudyResults, cells: pd.DataFrame, along: Along, over: str, value: Any) -> _Panel:
    own = cells.loc[cells[over] == value]
    own = own.assign(x=own[along]).sort_values("x", kind="stable")
    runs = chosen.metric_runs(study).merge(own[[*panels.CELL_AXES, "samples", "x"]])
    if over == "n_train":
        words = chosen.shared_size_words(value, own)
        return _Panel(f"Trained on {words}", runs, own, (), _shared_chance(study, own))
    where = resolution_words(value, study.family.resolution_unit)
    title = f"{study.family.resolution_label} {where}"
    return _Panel(title, runs, own, _references(study, runs), _shared_chance(study, own))


def _references(study: StudyResults, runs: pd.DataFrame) -> tuple[Reference, ...]:
    found = []
    for model in models_without_learning(study.plan):
        values = runs.loc[runs["model"] == model, "value"].dropna()
        found.append(mean_reference(model, values.tolist()))
    return tuple(reference for reference in found if reference is not None)


def _shared_chance(study: StudyResults, cells: pd.DataFrame) -> float | None:
    """Return what a guesser scores on the metric, if it is the same at all resolutions of cells."""
    name = study.metric.name
    found = {chance_at(study, resolution).get(name) for resolution in set(cells["resolution"])}
    return found.pop() if len(found) == 1 else None


def _left_out_words(study: StudyResults, over: str, values: Sequence[Any]) -> str:
    if not values:
        return ""
    if over == "n_train":
        named = f"training on {', '.join(values)} samples"
    else:
        label = study.family.resolution_label.lower()
        named = f"{label} {', '.join(chosen.resolution_words(study, value) for value in values)}"
    where = "their cells are in summary_statistics.csv"
    return f"For want of room there is no panel for {named}; {where}."


def _fewer_words(study: StudyResults, models: int) -> str:
    if models <= _MOST_MODELS:
        return ""
    return (
        f"Of {models} models with a result the {_MOST_MODELS} {chosen.first_words(study)} are "
        "drawn; summary_statistics.csv has all."
    )


def _drawn(
    study: StudyResults, shown: Sequence[_Panel], along: Along, title: str, left_out: Sequence[str]
) -> Drawing:
    look_of = looks(study.order["model"])
    cells = pd.concat([panel.cells for panel in shown])
    results = cells.loc[cells["n"] > 0]
    models = [model for model in look_of if model in set(results["model"])]
    fixed = [model for model in models if any(model in panel.fixed for panel in shown)]
    lines = [model for model in models if model not in fixed]
    ticks = _ticks(study, results.loc[results["model"].isin(lines or fixed)], along)
    columns = _columns(len(shown), len(lines) * len(ticks))
    rows = len(shown) // columns
    figure = Figure(figsize=(WIDTH_IN, 3.2))
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    every = list(grid.flat)
    for axes, panel in zip(every, shown, strict=True):
        _draw_panel(axes, panel, lines, look_of, dodge(list(ticks), max(1, len(lines))))
        axes.set_title(panel.title, loc="left")
        width_in = (WIDTH_IN - _Y_AXIS_IN - _CHANCE_IN) / columns - 0.1
        set_ticks(axes, ticks, width_in)
    for axes in grid[-1]:
        axes.set_xlabel(_axis_words(study, along))
    for axes in grid[:, 0]:
        axes.set_ylabel(chosen.metric_words(study))
    notes = [*left_out, *_limit(every, columns, shown)]
    return framed(
        figure,
        _table(shown),
        title=title,
        caption=" ".join(filter(None, [*_caption(study, shown, models), *notes])),
        entries={**_entries(lines, look_of), **reference_entries(fixed, look_of)},
        panel_height_in=2.5 if rows == 1 else 0.35 + 1.75 * rows,
    )


def _columns(panel_count: int, marks: int) -> int:
    """Return how many panels stand side by side, in full rows, so that the marks have room."""
    fitting = [
        columns
        for columns in range(1, 4)
        if panel_count % columns == 0
        and marks * _MARK_IN <= (WIDTH_IN - _Y_AXIS_IN - _CHANCE_IN) / columns
    ]
    return max(fitting, default=1)


def _ticks(study: StudyResults, results: pd.DataFrame, along: Along) -> dict[float, str]:
    values = sorted(set(results[along].astype(float)))
    if along == "resolution":
        return {value: f"{value:.0f}" for value in values}
    everything = set(results.loc[results["n_train"] == "all", "samples"])
    return {value: f"{value:.0f}" + (" (all)" if value in everything else "") for value in values}


def _axis_words(study: StudyResults, along: Along) -> str:
    if along == "samples":
        return "Training-set size (samples)"
    family = study.family
    return f"{family.resolution_label} ({family.resolution_unit})".replace(" ()", "")


def _entries(models: Sequence[str], look_of: Mapping[str, Look]) -> dict[str, Artist]:
    return {
        model: Line2D([], [], color=look_of[model].colour, marker=look_of[model].marker, **_LINE)
        for model in models
    }


def _draw_panel(
    axes: Axes, panel: _Panel, models: Sequence[str], look_of: Mapping[str, Look], slot: float
) -> None:
    dots = panels.seed_dots(panel.runs, panel.cells)
    for position, model in enumerate(models):
        shift = 2 ** (slot * (position - (len(models) - 1) / 2))
        look = look_of[model]
        cells = panel.cells.loc[panel.cells["model"] == model]
        runs = dots.loc[dots["model"] == model]
        many = cells.dropna(subset=["spread_low"])
        axes.vlines(
            many["x"] * shift, many["spread_low"], many["spread_high"], look.colour, **_BAND
        )
        axes.plot(runs["x"] * shift * 2 ** (slot * 0.45), runs["value"], color=look.colour, **_DOT)
        barred = cells.dropna(subset=["ci_low", "ci_high"])
        axes.vlines(
            barred["x"] * shift, barred["ci_low"], barred["ci_high"], look.colour, linewidth=0.9
        )
        axes.plot(cells["x"] * shift, cells["mean"], color=look.colour, marker=look.marker, **_LINE)
    for reference in panel.references:
        draw_reference(axes, reference, look_of[reference.model])


def _limit(every: Sequence[Axes], columns: int, shown: Sequence[_Panel]) -> list[str]:
    """Fix the common y axis on what was measured; return what the caption must then say.

    Neither a long interval nor a chance far away may press what was measured into a line.
    """
    cells = pd.concat([panel.cells for panel in shown]).dropna(subset=["mean"])
    dots = [panels.seed_dots(panel.runs, panel.cells)["value"] for panel in shown]
    levels = [end for panel in shown for one in panel.references for end in (one.low, one.high)]
    values = pd.concat([cells["mean"], cells["spread_low"], cells["spread_high"], *dots])
    values = pd.concat([values, pd.Series(levels, dtype=float)])
    bars = cells.loc[~cells["model"].isin({model for panel in shown for model in panel.fixed})]
    bottom, top, cut = chosen.shown_range(values.dropna(), bars["ci_low"], bars["ci_high"])
    notes = ["Bars that leave a panel are cut."] if cut else []
    chances = {panel.chance for panel in shown if panel.chance is not None}
    room = 0.5 * (top - bottom)
    margin = 0.04 * (top - bottom)
    low, high = bottom, top
    for chance in sorted(chances):
        if low - room <= chance <= high + room:
            bottom, top = min(bottom, chance - margin), max(top, chance + margin)
            places = [panel.chance == chance for panel in shown]
            _draw_chance(every, columns, chance, places)
        else:
            side = "below" if chance < low else "above"
            notes.append(f"Chance ({chance:.3g}) lies {side} what is shown.")
    every[0].set_ylim(bottom, top)
    return notes


def _draw_chance(
    every: Sequence[Axes], columns: int, chance: float, places: Sequence[bool]
) -> None:
    """Draw the line in the panels that it is of, and name it at the right of the last in a row."""
    for number, (axes, is_there) in enumerate(zip(every, places, strict=True)):
        if not is_there:
            continue
        axes.axhline(chance, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        last = number % columns == columns - 1
        if not (last or not places[number + 1]):
            continue
        axes.annotate(
            f"chance\n{chance:.3g}",
            (1, chance),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0) if last else (-2, 0),
            textcoords="offset points",
            ha="left" if last else "right",
            va="center",
            color=GREY,
        )


def _caption(study: StudyResults, shown: Sequence[_Panel], models: Sequence[str]) -> list[str]:
    """Return the sentences that say what is drawn, from how many runs, and what is not."""
    cells = pd.concat([panel.cells for panel in shown])
    runs = pd.concat([panel.runs for panel in shown])
    fixed = {model for panel in shown for model in panel.fixed}
    marked = cells.loc[~cells["model"].isin(fixed) & (cells["n"] > 0), "n"]
    parts = [
        panels.mark_words(marked) if len(marked) else "",
        reference_words("mean") if fixed else "",
        chosen.better_words(study),
        chosen.run_words(runs, "in these panels"),
    ]
    planned = set(runs["model"])
    nowhere = [model for model in study.order["model"] if model in planned - set(models)]
    if nowhere:
        parts.append(f"No result in these panels: {', '.join(nowhere)}.")
    for panel in shown:
        there = set(panel.cells.loc[panel.cells["n"] > 0, "model"])
        absent = [model for model in models if model not in there]
        if absent:
            parts.append(f"No result in the panel “{panel.title}”: {', '.join(absent)}.")
    return parts


def _table(shown: Sequence[_Panel]) -> pd.DataFrame:
    parts = []
    for panel in shown:
        dots = panels.seed_dots(panel.runs, panel.cells).assign(kind="seed")
        means = panel.cells.dropna(subset=["mean"]).rename(columns={"mean": "value"})
        lines = [rows.loc[~rows["model"].isin(panel.fixed)] for rows in (dots, means)]
        parts += [lines[0], lines[1].assign(kind="mean"), _reference_rows(panel)]
    table = pd.concat(
        [part.reindex(columns=TABLE_COLUMNS) for part in parts if not part.empty],
        ignore_index=True,
    )
    return table.astype({"samples": "Int64", "seed": "Int64", "n": "Int64"})


def _reference_rows(panel: _Panel) -> pd.DataFrame:
    rows = [
        {
            "resolution": panel.cells["resolution"].iloc[0],
            "model": one.model,
            "kind": "reference",
            "value": one.value,
            "spread_low": one.low,
            "spread_high": one.high,
            "n": one.n,
        }
        for one in panel.references
    ]
    return pd.DataFrame(rows, columns=None if rows else ["model"])
