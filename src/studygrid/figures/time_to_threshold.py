"""How long training takes until the validation score is good enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from studygrid.figures import chosen_cells as chosen
from studygrid.figures import reached
from studygrid.figures.cost_axis import set_cost_axis
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.losses import why_not_comparable
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = [
    "panel",
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "value",
    "reached",
    "of",
    "score",
    "threshold",
]

_CELL = ["model", "resolution", "n_train"]
_MOST_ROWS = 36
_ROW_IN = 0.19
_AXIS_IN = 0.55
_LOG_FROM = 20.0
_SPREAD = 0.66
_LABELS = {"seconds": "Time in training (s)", "steps": "Optimiser steps"}


@dataclass(frozen=True)
class _Panel:
    name: str
    runs: pd.DataFrame  # the run's axes, reached, value
    medians: pd.DataFrame  # the cell's axes, value, reached (how many), of


def time_to_threshold(study: StudyResults) -> Drawing:
    """Draw how long each cell trains until the validation score reaches a threshold.

    The threshold is the config's ``report.threshold``, or else the best score that three
    quarters of the runs reach. The score is the one that the runs monitor; where models monitor
    different ones, the loss. A run is scored after each epoch, so that its time is that of the
    end of an epoch; validation itself takes no part in it.

    Returns
    -------
    A drawing whose table has one row a mark and panel: `panel` (``seconds`` or ``steps``),
        `kind` (``seed`` or ``median``), `model`, `resolution`, `n_train`, `seed`, `value`;
        `reached`, 1 or 0 of a run, and how many runs of a cell, out of `of`; `score` and
        `threshold`. The value of a run that never reaches the threshold is where it ended.
        The median counts such a run as longer than any; a cell without one is not drawn.
    """
    score = reached.monitored_score(study)
    title = f"{study.name}: time to a good validation score"
    unlike = why_not_comparable(study.plan, study.family.metric(score)) or study.tasks_differ
    if unlike:
        return nothing_to_draw(title, unlike, TABLE_COLUMNS)
    epochs = reached.recorded_epochs(study, score)
    threshold = reached.threshold_of(study, epochs, score)
    if threshold is None or epochs["score"].isna().all():
        metric = study.family.metric(score)
        reason = f"No run that ended has a validation score ({metric.label}) yet."
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    runs = reached.when_reached(reached.recorded_runs(study), epochs, threshold)
    cells, left_out = _rows(study, runs)
    never = _without_end(study, runs)
    panels, note = _panels(study, chosen.runs_of(runs, cells))
    with house_style():
        return _drawn(study, threshold, runs, panels, cells, [note, left_out, never], title)


def _rows(study: StudyResults, runs: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the cells to show, in axis order, and what is not shown."""
    planned = study.frame[_CELL].drop_duplicates()
    cells = planned.merge(runs[_CELL].drop_duplicates(), on=_CELL, how="inner")
    if len(cells) <= _MOST_ROWS:
        return cells, ""
    total, those = len(cells), "those"
    found = chosen.metric_cells(study)
    if (found["n"] > 0).any():
        size = chosen.largest_shared_size(found)
        cells, those = cells.loc[cells["n_train"] == size], f"those at n {size}"
    if len(cells) <= _MOST_ROWS:
        return cells, f"Only {len(cells)} of {total} cells are shown, {those}."
    ends = runs.groupby(_CELL, sort=False)[["steps", "reached"]]
    soonest = ends.apply(lambda own: reached.median_time(own["steps"], own["reached"]))
    ordered = cells.merge(soonest.rename("soonest").reset_index(), on=_CELL)
    first = ordered.sort_values("soonest", kind="stable").head(_MOST_ROWS)
    note = f"Only {_MOST_ROWS} of {total} cells are shown, {those} that need the fewest steps."
    return cells.merge(first[_CELL], on=_CELL), note


def _without_end(study: StudyResults, runs: pd.DataFrame) -> str:
    """Return how many planned cells have no run that ended."""
    planned, ended = (len(frame[_CELL].drop_duplicates()) for frame in (study.frame, runs))
    has = "has" if planned - ended == 1 else "have"
    missing = f"Of {planned} cells {planned - ended} {has} no run that ended."
    return missing if ended < planned else ""


def _panels(study: StudyResults, runs: pd.DataFrame) -> tuple[list[_Panel], str]:
    """Return the panels; seconds are of one device alone, and only where they are known."""
    devices = runs["train_device"].value_counts(sort=False)
    if devices.empty or runs["seconds"].isna().all():
        words = study.progress_words.lower()
        return [_panel("steps", runs)], f"No file says the seconds of an epoch; {words} alone."
    device = devices.index[devices == devices.max()][0]
    on_device = runs.loc[runs["train_device"] == device]
    others = len(runs) - len(on_device)
    note = f"Seconds are of {device}."
    if others:
        those = "1 run on another device is" if others == 1 else f"{others} runs on others are"
        note = f"Seconds are of {device} alone: {those} only in the panel of steps."
    return [_panel("seconds", on_device), _panel("steps", runs)], note


def _panel(name: str, runs: pd.DataFrame) -> _Panel:
    runs = runs.assign(value=runs[name])
    rows = []
    for cell, own in runs.groupby(_CELL, sort=False):
        value = reached.median_time(own["value"], own["reached"])
        counts = {"value": value, "reached": int(own["reached"].sum()), "of": len(own)}
        rows.append(dict(zip(_CELL, cell, strict=True)) | counts)
    return _Panel(name, runs, pd.DataFrame(rows))


def _drawn(
    study: StudyResults,
    threshold: reached.Threshold,
    runs: pd.DataFrame,
    panels: Sequence[_Panel],
    cells: pd.DataFrame,
    notes: Sequence[str],
    title: str,
) -> Drawing:
    height = _AXIS_IN + max(4, len(cells)) * _ROW_IN
    figure = Figure(figsize=(WIDTH_IN, height))
    row = list(figure.subplots(1, len(panels), sharey=True, squeeze=False).flat)
    look_of = looks(study.order["model"])
    places = {tuple(cell): -position for position, cell in enumerate(cells.to_numpy().tolist())}
    most = panels[-1].medians["of"].max()
    dots = bool(most < chosen.DOTS_BELOW)
    for axes, panel in zip(row, panels, strict=True):
        _draw_panel(axes, panel, places, look_of, dots=dots)
        if panel.name == "steps":
            axes.set_xlabel(study.progress_words)
    _name_rows(row[0], study, places)
    for axes in row:
        _part_models(axes, places)
    ended = chosen.runs_of(study.frame[[*reached.RUN_AXES, "status"]], cells)
    caption = _caption(study, threshold, runs, panels, dots)
    caption += [*notes, chosen.run_words(ended, "in these cells")]
    return framed(
        figure,
        _table(panels, threshold, dots),
        title=title,
        caption=" ".join(filter(None, caption)),
        entries=_entries(look_of, cells, dots),
        panel_height_in=height,
    )


def _draw_panel(
    axes: Axes,
    panel: _Panel,
    places: Mapping[tuple[Any, ...], int],
    look_of: Mapping[str, Look],
    *,
    dots: bool,
) -> None:
    shown = panel.runs.dropna(subset=["value"])
    # Runs of a cell end after the same number of steps: one above the other, all are seen.
    rank = shown.groupby(_CELL).cumcount()
    count = shown.groupby(_CELL)["value"].transform("size")
    lifts = ((rank - (count - 1) / 2) * (_SPREAD / count).clip(upper=_SPREAD / 4)).tolist()
    for run, lift in zip(shown.to_dict("records"), lifts, strict=True) if dots else ():
        look, y = look_of[run["model"]], places[tuple(run[axis] for axis in _CELL)]
        axes.plot(run["value"], y - lift, **_dot(look.colour, reached_it=run["reached"]))
    for cell in panel.medians.dropna(subset=["value"]).to_dict("records"):
        look, y = look_of[cell["model"]], places[tuple(cell[axis] for axis in _CELL)]
        axes.plot(cell["value"], y, **_median(look))
    low, high = shown["value"].min(), shown["value"].max()
    if low > 0 and high / low > _LOG_FROM:
        set_cost_axis(axes, float(low), float(high), "s" if panel.name == "seconds" else "")
    else:
        axes.set_xlim(0, 1.06 * high if high > 0 else 1)
    axes.set_xlabel(_LABELS[panel.name])
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)


def _dot(colour: str, *, reached_it: bool) -> dict[str, Any]:
    if reached_it:
        return {"marker": "o", "markersize": 3.2, "markeredgewidth": 0, "color": colour} | {
            "alpha": 0.65,
            "linestyle": "none",
        }
    return {"marker": ">", "markersize": 3.8, "markeredgewidth": 0.7, "linestyle": "none"} | {
        "markerfacecolor": "white",
        "markeredgecolor": colour,
    }


def _median(look: Look) -> dict[str, Any]:
    return {"marker": "|", "markersize": 12, "markeredgewidth": 1.6, "color": look.colour} | {
        "linestyle": "none"
    }


def _name_rows(axes: Axes, study: StudyResults, places: Mapping[tuple[Any, ...], int]) -> None:
    many = {axis: len(study.order[axis]) > 1 for axis in _CELL}
    names = []
    for model, resolution, size in places:
        parts = [chosen.short(model, 20)] if many["model"] else []
        parts += [chosen.resolution_words(study, resolution)] if many["resolution"] else []
        parts += [f"n {size}"] if many["n_train"] else []
        names.append(", ".join(parts) or chosen.short(model, 20))
    axes.set_yticks(list(places.values()), names, parse_math=False)
    axes.set_ylim(min(places.values()) - 0.6, 0.6)


def _part_models(axes: Axes, places: Mapping[tuple[Any, ...], int]) -> None:
    before = None
    for (model, _, _), y in places.items():
        if before not in (None, model):
            axes.axhline(y + 0.5, color="#c8c8c8", linewidth=0.6, zorder=0)
        before = model


def _entries(look_of: Mapping[str, Look], cells: pd.DataFrame, dots: bool) -> dict[str, Artist]:
    grey = Look(GREY, "o")
    entries: dict[str, Artist] = {}
    if dots:
        entries["a run"] = Line2D([], [], **_dot(GREY, reached_it=True))
        entries["a run that never reaches it, at its end"] = Line2D(
            [], [], **_dot(GREY, reached_it=False)
        )
    entries["median of a cell"] = Line2D([], [], **_median(grey))
    return entries


def _caption(
    study: StudyResults,
    threshold: reached.Threshold,
    runs: pd.DataFrame,
    panels: Sequence[_Panel],
    dots: bool,
) -> list[str]:
    metric = study.family.metric(threshold.score)
    side = "at least" if threshold.higher_is_better else "at most"
    why = "the config's" if threshold.given else "the best that three quarters of the runs reach"
    counts = panels[-1].medians["of"]
    seeds = " to ".join(str(count) for count in sorted({int(counts.min()), int(counts.max())}))
    return [
        f"Until the validation {metric.label} is {side} {threshold.value:.4g} ({why}).",
        _reached_words(runs["reached"]),
        f"n = {seeds} {'seed' if seeds == '1' else 'seeds'} a cell; medians, without intervals, "
        "count a run that never reaches it as longer than any, and are missing where half or more "
        "do not.",
        "" if dots else f"Runs are not drawn: there are {chosen.DOTS_BELOW} seeds or more.",
        "Runs are scored after each epoch; the time that scoring and starting up take is left out.",
    ]


def _reached_words(reaching: pd.Series[bool]) -> str:
    if len(reaching) == 1:
        return f"The one run that ended {'reaches it' if reaching.all() else 'never reaches it'}."
    reach, never = int(reaching.sum()), int((~reaching).sum())
    return (
        f"{reach} of the {len(reaching)} runs that ended {'reaches' if reach == 1 else 'reach'} "
        f"it, {never} never {'does' if never == 1 else 'do'}."
    )


def _table(panels: Sequence[_Panel], threshold: reached.Threshold, dots: bool) -> pd.DataFrame:
    parts = []
    for panel in panels:
        kinds = {"median": panel.medians} | ({"seed": panel.runs} if dots else {})
        for kind, rows in kinds.items():
            named = rows.dropna(subset=["value"]).assign(panel=panel.name, kind=kind)
            parts.append(named.reindex(columns=TABLE_COLUMNS).astype({"reached": float}))
    table = pd.concat([part for part in parts if not part.empty], ignore_index=True)
    table = table.assign(score=f"validation_{threshold.score}", threshold=threshold.value)
    return table.astype({"seed": "Int64", "reached": "Int64", "of": "Int64"})
