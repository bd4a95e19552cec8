"""The test metric against what inference costs: time, memory, parameters, operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.cost_axis import set_cost_axis
from studygrid.figures.cost_marks import aside, draw_dots, mark_of
from studygrid.figures.cost_panels import CostPanel, cost_panels
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.panels import no_value_words
from studygrid.figures.point_labels import label_points
from studygrid.figures.profiles import Profiles, profiles_of, why_no_profiles
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = [
    "panel",
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "cost",
    "cost_low",
    "cost_high",
    "unit",
    "value",
    "ci_low",
    "ci_high",
    "n",
    "on_front",
]
_PANEL_HEIGHT_IN = 4.7
_SMALLEST, _LARGEST = 4.5, 8.0
_ROW_OF_MARKS_POINTS = 32.0
_MOST_SIZES = 5


def cost(study: StudyResults) -> Drawing:
    """Draw the test metric of each model and resolution against four costs of its inference.

    Latency is of the smallest batch that was profiled (one sample, unless the config says
    otherwise), its bar the interquartile range. Memory is the device's where it was measured,
    else the host's. The training-set size is the largest that every model has a result at, or
    else that most have. The front is of the means.

    Returns
    -------
    A drawing whose table has one row a mark and panel: `panel` (``latency``, ``memory``,
        ``parameters``, ``flops``), `kind` (``mean`` or ``seed``), `model`, `resolution`,
        `n_train`, `seed`, `cost`, `cost_low`, `cost_high` (all in `unit`; the bar of the
        latency), `value` of the metric, `ci_low`, `ci_high`, `n`, `on_front`.
    """
    title = f"{study.name}: {study.metric.label} against the cost of inference"
    profiles, cells = profiles_of(study), chosen.metric_cells(study)
    if profiles is None:
        return nothing_to_draw(title, why_no_profiles(study), TABLE_COLUMNS)
    if not (cells["n"] > 0).any():
        return nothing_to_draw(title, no_value_words(study), TABLE_COLUMNS)
    reason = chosen.why_not_ranked(study)
    if reason:
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    if study.tasks_differ:
        cells = cells.loc[cells["resolution"] == cells.loc[cells["n"] > 0, "resolution"].max()]
    size = chosen.largest_shared_size(cells)
    cells = cells.loc[cells["n_train"] == size]
    panels = cost_panels(study, profiles, cells)
    if all(panel.points.empty for panel in panels):
        reason = f"No result lies on a profile of {profiles.device} yet."
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, profiles, panels, cells, title)


def _drawn(
    study: StudyResults,
    profiles: Profiles,
    panels: Sequence[CostPanel],
    cells: pd.DataFrame,
    title: str,
) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, _PANEL_HEIGHT_IN))
    grid = list(figure.subplots(2, 2, sharey=True).flat)
    look_of = looks(study.order["model"])
    size_of = _marker_sizes(study.order["resolution"])
    everything = pd.concat([panel.points for panel in panels])
    dots = any(not panel.dots.empty for panel in panels)
    marks = [
        _draw_panel(axes, panel, look_of, size_of) for axes, panel in zip(grid, panels, strict=True)
    ]
    for axes in grid[::2]:
        axes.set_ylabel(chosen.metric_words(study))
    values = pd.concat([everything["mean"], *(panel.dots["value"] for panel in panels)])
    bottom, top, cut = chosen.shown_range(values, everything["ci_low"], everything["ci_high"])
    grid[0].set_ylim(bottom, top)
    caption = _caption(study, profiles, panels, cells, dots)
    caption += ["Bars that leave a panel are cut."] if cut else []
    drawing = framed(
        figure,
        _table(panels),
        title=title,
        caption=" ".join(caption),
        entries=_entries(study, everything, look_of, size_of),
        panel_height_in=_PANEL_HEIGHT_IN,
    )
    for axes, panel, there in zip(grid, panels, marks, strict=True):
        _name_front(axes, panel, there, one_resolution=len(size_of) == 1)
    return drawing


def _marker_sizes(resolutions: Sequence[int]) -> dict[int, float]:
    """Return the size of the marker of each resolution, rising with it."""
    ordered = sorted(resolutions)
    step = (_LARGEST - _SMALLEST) / max(1, len(ordered) - 1)
    if len(ordered) == 1:
        return {ordered[0]: (_SMALLEST + _LARGEST) / 2}
    return {value: _SMALLEST + position * step for position, value in enumerate(ordered)}


@dataclass
class _Marks:
    """What stands in a panel, for the names to keep clear of."""

    means: list[Line2D] = field(default_factory=list)  # one a row of the panel's points
    dots: list[Line2D] = field(default_factory=list)
    lines: list[Line2D] = field(default_factory=list)


def _draw_panel(
    axes: Axes, panel: CostPanel, look_of: Mapping[str, Look], size_of: Mapping[int, float]
) -> _Marks:
    axes.set_xlabel(panel.label)
    marks = _Marks()
    if panel.points.empty:
        axes.set_xticks([])
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=GREY)
        return marks
    bounds = [name for name in ("cost", "cost_low", "cost_high") if name in panel.points]
    drawn = panel.points[bounds].to_numpy(dtype=float)
    drawn = drawn[drawn > 0]
    set_cost_axis(axes, float(drawn.min()), float(drawn.max()), panel.unit)
    marks.lines += _draw_front(axes, panel)
    for point, shift in zip(panel.points.to_dict("records"), _shifts(panel.points), strict=True):
        look, size = look_of[point["model"]], size_of[point["resolution"]]
        where = axes.transData + aside(axes, shift)
        bars: dict[str, Any] = {
            "color": look.colour,
            "linewidth": 0.9,
            "zorder": 2,
            "transform": where,
        }
        x, y = point["cost"], point["mean"]
        marks.lines += axes.plot([x, x], [point["ci_low"], point["ci_high"]], **bars)
        if "cost_low" in point:
            marks.lines += axes.plot([point["cost_low"], point["cost_high"]], [y, y], **bars)
        own = panel.dots["model"].eq(point["model"]) & panel.dots["resolution"].eq(
            point["resolution"]
        )
        marks.dots += draw_dots(axes, x, list(panel.dots.loc[own, "value"]), look, shift)
        mark = mark_of(look, size, filled=point["on_front"])
        marks.means += axes.plot(x, y, transform=where, **mark)
    return marks


def _shifts(points: pd.DataFrame) -> list[float]:
    """Return how far, in points, each mark is set aside: those of one cost stand side by side."""
    rank = points.groupby("cost").cumcount()
    count = points.groupby("cost")["cost"].transform("size")
    step = (_ROW_OF_MARKS_POINTS / count).clip(upper=_LARGEST * 1.2)
    shifts: list[float] = ((rank - (count - 1) / 2) * step).tolist()
    return shifts


def _draw_front(axes: Axes, panel: CostPanel) -> list[Line2D]:
    front = panel.points.loc[panel.points["on_front"]].sort_values(["cost", "mean"], kind="stable")
    right = axes.get_xlim()[1]
    costs, scores = list(front["cost"]), list(front["mean"])
    x = [value for cost in [*costs, right] for value in (cost, cost)][1:-1]
    y = [value for score in scores for value in (score, score)]
    style: dict[str, Any] = {"color": GREY, "linewidth": 0.9, "linestyle": (0, (4, 2))}
    return axes.plot(x, y, zorder=1.5, **style)


def _name_front(axes: Axes, panel: CostPanel, marks: _Marks, *, one_resolution: bool) -> None:
    names, points = [], []
    for point, mark in zip(panel.points.to_dict("records"), marks.means, strict=True):
        if point["on_front"]:
            model = chosen.short(point["model"], 18)
            names.append(model if one_resolution else f"{model} {point['resolution']}")
            points.append(mark)
    label_points(axes, names, points, marks.means, marks.dots, marks.lines)


def _entries(
    study: StudyResults,
    points: pd.DataFrame,
    look_of: Mapping[str, Look],
    size_of: Mapping[int, float],
) -> dict[str, Artist]:
    size = (_SMALLEST + _LARGEST) / 2
    drawn = [model for model in look_of if model in set(points["model"])]
    entries: dict[str, Artist] = {
        model: Line2D([], [], **mark_of(look_of[model], size, filled=True)) for model in drawn
    }
    resolutions = sorted(set(points["resolution"]))
    if len(resolutions) > _MOST_SIZES:
        resolutions = [resolutions[0], resolutions[-1]]
    for resolution in resolutions if len(size_of) > 1 else ():
        mark = mark_of(Look(GREY, "o"), size_of[resolution], filled=True)
        entries[chosen.resolution_words(study, resolution)] = Line2D([], [], **mark)
    return entries


def _caption(
    study: StudyResults,
    profiles: Profiles,
    panels: Sequence[CostPanel],
    cells: pd.DataFrame,
    dots: bool,
) -> list[str]:
    size = str(cells["n_train"].iloc[0])
    words = chosen.shared_size_words(size, cells)
    everything = pd.concat([panel.points for panel in panels])
    runs = chosen.runs_of(chosen.metric_runs(study), cells)
    one = len(study.order["resolution"]) == 1
    parts = [
        f"Trained on {words}, the largest size that most models share."
        if len(study.order["n_train"]) > 1
        else f"Trained on {words}.",
        chosen.mean_words(everything["n"], dots),
        "The bars along the latency are as long as its interquartile range, centred.",
        chosen.better_words(study) + " Filled marks on the dashed line are the Pareto front of "
        "the means, named where there is room; open ones are beaten on both counts.",
        "Marks of one cost stand side by side." if _tied(panels) else "",
        "" if one else f"Larger marks: larger {study.family.resolution_label.lower()}.",
        f"Costs are of {profiles.device}, the same for every seed.",
        profiles.note,
        chosen.run_words(runs, "at this size"),
    ]
    absent = [panel.name for panel in panels if panel.points.empty]
    if absent:
        parts.append(f"Not measured there: {', '.join(absent)}.")
    placed = everything.drop_duplicates(["model", "resolution"])
    for panel in panels:
        fewer = len(placed) - len(panel.points)
        if fewer and not panel.points.empty:
            parts.append(f"{fewer} marks lack a number for the panel {panel.name}.")
    return [part for part in parts if part]


def _tied(panels: Sequence[CostPanel]) -> bool:
    return any(bool(panel.points["cost"].duplicated().any()) for panel in panels)


def _table(panels: Sequence[CostPanel]) -> pd.DataFrame:
    parts = [pd.DataFrame(columns=TABLE_COLUMNS)]
    for panel in panels:
        means = panel.points.rename(columns={"mean": "value"}).assign(kind="mean")
        for rows in (means, panel.dots.assign(kind="seed")):
            named = rows.assign(panel=panel.name, unit=panel.unit)
            parts.append(named.reindex(columns=TABLE_COLUMNS))
    table = pd.concat([part for part in parts if not part.empty], ignore_index=True)
    return table.astype({"seed": "Int64", "n": "Int64", "on_front": "boolean"})
