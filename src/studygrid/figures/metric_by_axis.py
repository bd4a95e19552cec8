"""The test metric against resolution, and against training-set size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from studygrid.families.base import Metric
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.figures.tested_axis import dodge, set_ticks
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = ["panel", "model", "x", "kind", "seed", "value", "ci_low", "ci_high", "n"]

_PANEL_HEIGHT_IN = 2.4
_Y_AXIS_IN = 0.5
_FAILURES = {"oom": "ran out of memory"}


@dataclass(frozen=True)
class _Panel:
    """One panel: an axis of the study, at one value of the other."""

    name: str
    title: str
    label: str
    ticks: Mapping[float, str]
    runs: pd.DataFrame  # model, x, seed, status, value
    cells: pd.DataFrame  # model, x, mean, ci_low, ci_high, n


def metric_by_axis(study: StudyResults) -> Drawing:
    """Draw the study's metric against resolution and training-set size."""
    return draw_metric_by_axis(
        study.frame,
        study.summary,
        study.metric,
        resolution_label=study.family.resolution_label,
        resolution_unit=study.family.resolution_unit,
        title=study.name,
        chance=study.chance.get(study.metric.name),
    )


def draw_metric_by_axis(
    frame: pd.DataFrame,
    summary: pd.DataFrame,
    metric: Metric,
    resolution_label: str,
    resolution_unit: str,
    title: str,
    chance: float | None,
) -> Drawing:
    """Draw a test metric against resolution and against training-set size.

    The first panel is at the largest training-set size at which every model with a result has
    one, the second at the largest such resolution; where there is no such value, at the largest
    of those that most models share. A panel with one value on its axis is left out, unless both
    have one.

    Parameters
    ----------
    frame
        One row a run: `model`, `resolution`, `n_train`, `train_samples`, `seed`, `status`, and
        ``test_<metric>``.
    summary
        One row a cell and metric: `model`, `resolution`, `n_train`, `metric`, `n`, `mean`,
        `ci_low`, `ci_high`.
    metric
        The metric; the column ``test_<name>`` holds it.
    resolution_label, resolution_unit
        What the family calls a resolution; the unit may be empty.
    title
        Title of the figure, taken literally.
    chance
        Score of a guesser that ignores the input, or None.

    Returns
    -------
    A drawing whose table has one row for each dot and each mean: `panel` (``resolution`` or
        ``n_train``), `model`, `x`, `kind` (``seed`` or ``mean``), `seed`, `value`, `ci_low`,
        `ci_high`, `n`.
    """
    column = f"test_{metric.name}"
    runs = _runs(frame, column)
    cells = _cells(summary, column, runs)
    resolution_axis = f"{resolution_label} ({resolution_unit})".replace(" ()", "")
    panels = _panels(runs, cells, resolution_label, resolution_unit, resolution_axis)
    with house_style():
        return _drawn(panels, runs, metric, title, chance)


def _runs(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return all planned runs with `n` (training samples) and `value` (NaN without a result)."""
    frame = frame.reset_index(drop=True)
    runs = frame[["model", "resolution", "seed", "status"]].copy()
    runs["size"] = frame["n_train"].astype(str)
    runs["n_train"] = _sample_counts(runs["size"], frame["train_samples"])
    values = frame[column] if column in frame else pd.Series(math.nan, frame.index)
    runs["value"] = values.astype(float).where(frame["status"] == "ok")
    return runs


def _sample_counts(sizes: pd.Series[str], counts: pd.Series[Any]) -> pd.Series[Any]:
    # A run that is missing has no subset; another run of its size tells how large it is.
    known = pd.to_numeric(counts).groupby(sizes).transform("max")
    return known.fillna(pd.to_numeric(sizes, errors="coerce"))


def _cells(summary: pd.DataFrame, column: str, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of one metric, with `n_train` in samples."""
    cells = summary.loc[summary["metric"] == column].copy()
    count_of_size = dict(zip(runs["size"], runs["n_train"], strict=True))
    cells["n_train"] = cells["n_train"].astype(str).map(count_of_size)
    return cells[["model", "resolution", "n_train", "mean", "ci_low", "ci_high", "n"]]


def _panels(
    runs: pd.DataFrame, cells: pd.DataFrame, label: str, unit: str, resolution_axis: str
) -> list[_Panel]:
    results = runs.dropna(subset=["value", "n_train"])
    if results.empty:
        return []
    size, resolution = _largest_shared(results, "n_train"), _largest_shared(results, "resolution")
    everything = set(results.loc[results["size"] == "all", "n_train"])
    size_name = {n: f"{n:.0f}" + (" (all)" if n in everything else "") for n in results["n_train"]}
    at_size = f"Trained on {'all ' if size in everything else ''}{size:.0f} samples"
    at_resolution = f"{label} {resolution:.0f} {unit}".rstrip()

    def panel(name: str, other: str, at: float, title: str, axis: str) -> _Panel:
        selected = runs.loc[runs[other] == at].rename(columns={name: "x"})
        means = cells.loc[cells[other] == at].rename(columns={name: "x"}).sort_values("x")
        values = sorted(set(selected.loc[selected["value"].notna(), "x"]))
        names = {x: f"{x:.0f}" if name == "resolution" else size_name[x] for x in values}
        return _Panel(name, title, axis, names, selected, means)

    panels = [
        panel("resolution", "n_train", size, at_size, resolution_axis),
        panel("n_train", "resolution", resolution, at_resolution, "Training-set size (samples)"),
    ]
    return [item for item in panels if len(item.ticks) > 1] or panels[:1]


def _largest_shared(results: pd.DataFrame, axis: str) -> float:
    models = results.groupby(axis)["model"].nunique()
    return float(models.index[models == models.max()].max())


def _drawn(
    panels: Sequence[_Panel],
    runs: pd.DataFrame,
    metric: Metric,
    title: str,
    chance: float | None,
) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, 3.2))
    count = max(1, len(panels))
    row = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    look_of = looks(list(dict.fromkeys(runs["model"])))
    drawn = [model for model in look_of if any(model in set(_with_value(p)) for p in panels)]
    for axes, panel in zip(row, panels, strict=False):
        _draw_panel(axes, panel, drawn, look_of)
        set_ticks(axes, panel.ticks, WIDTH_IN / count - _Y_AXIS_IN)
    if not panels:
        row[0].set_axis_off()
        row[0].text(0.5, 0.5, "No run has a result yet.", ha="center", transform=row[0].transAxes)
    row[0].set_ylabel(f"{metric.label} (test{', ' + metric.unit if metric.unit else ''})")
    notes = _limit(row, panels, chance)
    entries = {model: _entry(look_of[model]) for model in drawn}
    caption = " ".join([*_caption(panels, runs, metric, drawn), *notes])
    return framed(
        figure,
        _table(panels),
        title=title,
        caption=caption,
        entries=entries,
        panel_height_in=_PANEL_HEIGHT_IN,
    )


def _with_value(panel: _Panel) -> pd.Series[str]:
    return panel.runs.loc[panel.runs["value"].notna(), "model"]


def _entry(look: Look) -> Line2D:
    return Line2D([], [], color=look.colour, marker=look.marker, **_LINE)


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


def _draw_panel(
    axes: Axes, panel: _Panel, models: Sequence[str], look_of: Mapping[str, Look]
) -> None:
    slot = dodge(list(panel.ticks), len(models))
    for position, model in enumerate(models):
        shift = 2 ** (slot * (position - (len(models) - 1) / 2))
        look = look_of[model]
        cells = panel.cells.loc[panel.cells["model"] == model]
        runs = panel.runs.loc[panel.runs["model"] == model]
        axes.plot(runs["x"] * shift * 2 ** (slot * 0.45), runs["value"], color=look.colour, **_DOT)
        barred = cells.dropna(subset=["mean", "ci_low", "ci_high"])
        axes.vlines(
            barred["x"] * shift, barred["ci_low"], barred["ci_high"], look.colour, linewidth=0.9
        )
        axes.plot(cells["x"] * shift, cells["mean"], color=look.colour, marker=look.marker, **_LINE)
    axes.set_title(panel.title, loc="left")
    axes.set_xlabel(panel.label)


def _limit(row: Sequence[Axes], panels: Sequence[_Panel], chance: float | None) -> list[str]:
    """Fix the common y axis on what was measured; return what the caption must then say.

    An interval of two seeds can be ten times as long as the spread of all models, and chance
    can be far below them all: neither may press what was measured into a line.
    """
    if not panels:
        return []
    shown = pd.concat([part for p in panels for part in (p.runs["value"], p.cells["mean"])])
    bars = pd.concat([part for p in panels for part in (p.cells["ci_low"], p.cells["ci_high"])])
    low, high = float(shown.min()), float(shown.max())
    span = (high - low) or 0.1 * abs(high) or 0.1
    reach = pd.concat([shown, bars.clip(low - span, high + span)])
    bottom, top = float(reach.min()), float(reach.max())
    notes = []
    if chance is not None and low - 1.5 * span <= chance <= high + 1.5 * span:
        bottom, top = min(bottom, chance), max(top, chance)
        _draw_chance(row, chance)
    elif chance is not None:
        side = "below" if chance < low else "above"
        notes.append(f"Chance ({chance:.3g}) lies {side} what is shown.")
    margin = 0.05 * ((top - bottom) or span)
    row[0].set_ylim(bottom - margin, top + margin)
    if bars.min() < bottom - margin or bars.max() > top + margin:
        notes.append("Bars that leave a panel are cut.")
    return notes


def _draw_chance(row: Sequence[Axes], chance: float) -> None:
    for axes in row:
        axes.axhline(chance, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    row[-1].annotate(
        f"chance\n{chance:.3g}",
        (1, chance),
        xycoords=("axes fraction", "data"),
        xytext=(3, 0),
        textcoords="offset points",
        va="center",
        color=GREY,
    )


def _caption(
    panels: Sequence[_Panel], runs: pd.DataFrame, metric: Metric, drawn: Sequence[str]
) -> list[str]:
    """Return the sentences that say what is drawn, from how many runs, and what is not."""
    parts = []
    if panels:
        parts.append(_what_is_drawn(pd.concat([panel.cells["n"] for panel in panels])))
        parts.append(f"{'Higher' if metric.higher_is_better else 'Lower'} is better.")
        runs = pd.concat([panel.runs for panel in panels])
        runs = runs.loc[~runs.index.duplicated()]
    parts += _failures(runs, "in these panels" if panels else "of the study")
    nowhere = sorted(set(runs["model"]) - set(drawn))
    if nowhere and panels:
        parts.append(f"No result in these panels: {', '.join(nowhere)}.")
    for panel in panels:
        absent = [model for model in drawn if model not in set(_with_value(panel))]
        if absent:
            parts.append(f"No result in the panel “{panel.title}”: {', '.join(absent)}.")
    return parts


def _what_is_drawn(counts: pd.Series[int]) -> str:
    low, high = int(counts[counts > 0].min()), int(counts.max())
    if high == 1:
        return "Each marker is a run: 1 seed a cell, so there is no interval."
    seeds = f"{low} to {high}" if low < high else f"{low}"
    means = f"Dots are runs, markers their means over {seeds} seeds"
    return f"{means}, bars the 95 % Student-t intervals of the means."


def _failures(runs: pd.DataFrame, where: str) -> list[str]:
    counts = runs.loc[runs["status"] != "ok", "status"].value_counts()
    parts = [f"{count} {_FAILURES.get(str(status), status)}" for status, count in counts.items()]
    without = int((runs["value"].isna() & (runs["status"] == "ok")).sum())
    if without:
        parts.append(f"{without} finished without a value")
    return [f"Of the {len(runs)} runs {where}: {', '.join(parts)}."] if parts else []


def _table(panels: Sequence[_Panel]) -> pd.DataFrame:
    parts = [part for panel in panels for part in (_seed_rows(panel), _mean_rows(panel))]
    table = pd.concat([pd.DataFrame(columns=TABLE_COLUMNS), *parts], ignore_index=True)
    return table.astype({"seed": "Int64", "n": "Int64"})


def _seed_rows(panel: _Panel) -> pd.DataFrame:
    rows = panel.runs.dropna(subset=["value", "x"]).assign(panel=panel.name, kind="seed")
    return rows.reindex(columns=TABLE_COLUMNS)


def _mean_rows(panel: _Panel) -> pd.DataFrame:
    rows = panel.cells.dropna(subset=["mean", "x"]).rename(columns={"mean": "value"})
    return rows.assign(panel=panel.name, kind="mean").reindex(columns=TABLE_COLUMNS)
