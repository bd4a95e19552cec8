"""How good each model is at its best, against how fast it is there."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.cost_axis import set_cost_axis
from studygrid.figures.cost_marks import draw_dots, mark_of
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.panels import no_value_words, seed_dots
from studygrid.figures.point_labels import label_points
from studygrid.figures.profiles import Profiles, profiles_of, why_no_profiles
from studygrid.figures.style import WIDTH_IN, house_style, looks
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = [
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "throughput_samples_per_sec",
    "value",
    "ci_low",
    "ci_high",
    "n",
]

_PANEL_HEIGHT_IN = 3.0
_MARK_SIZE = 6.5


def best_against_throughput(study: StudyResults) -> Drawing:
    """Draw the test metric of each model's best cell against its throughput in inference.

    A model's best cell is the one with the best mean over its seeds. The throughput is that of
    the largest batch that was profiled, at the cell's resolution.

    Returns
    -------
    A drawing whose table has one row a mark: `kind` (``mean`` or ``seed``), `model`,
        `resolution`, `n_train`, `seed`, `throughput_samples_per_sec`, `value` of the metric,
        `ci_low`, `ci_high`, `n`.
    """
    title = f"{study.name}: {study.metric.label} at each model's best against throughput"
    profiles = profiles_of(study)
    if profiles is None:
        return nothing_to_draw(title, why_no_profiles(study), TABLE_COLUMNS)
    best = chosen.best_cells(study)
    if best.empty:
        return nothing_to_draw(title, no_value_words(study), TABLE_COLUMNS)
    unranked = chosen.why_not_ranked(study)
    if unranked:
        return nothing_to_draw(title, unranked, TABLE_COLUMNS)
    points = _with_throughput(study, profiles, best)
    if points.empty:
        reason = f"No model's best cell has a profile of {profiles.device}."
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, profiles, best, points, title)


def _with_throughput(study: StudyResults, profiles: Profiles, best: pd.DataFrame) -> pd.DataFrame:
    batch = max(study.plan.study.profiling.batch_sizes)
    name = f"profile_b{batch}_throughput_samples_per_sec"
    known = profiles.table[["model", "resolution"]].assign(
        throughput=profiles.table[name].astype(float)
    )
    known = known.loc[known["throughput"] > 0]
    return best.merge(known, on=["model", "resolution"], how="inner")


def _drawn(
    study: StudyResults,
    profiles: Profiles,
    best: pd.DataFrame,
    points: pd.DataFrame,
    title: str,
) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, _PANEL_HEIGHT_IN))
    axes = figure.subplots()
    look_of = looks(study.order["model"])
    dots = seed_dots(chosen.metric_runs(study), points)
    set_cost_axis(axes, points["throughput"].min(), points["throughput"].max(), "")
    marks: list[Line2D] = []
    drawn_dots: list[Line2D] = []
    bars: list[Line2D] = []
    for point in points.to_dict("records"):
        look, x = look_of[point["model"]], point["throughput"]
        ends = [point["ci_low"], point["ci_high"]]
        bars += axes.plot([x, x], ends, color=look.colour, linewidth=0.9, zorder=2)
        scores = list(dots.loc[dots["model"] == point["model"], "value"])
        drawn_dots += draw_dots(axes, x, scores, look)
        marks += axes.plot(x, point["mean"], **mark_of(look, _MARK_SIZE, filled=True))
    values = pd.concat([points["mean"], dots["value"]])
    bottom, top, cut = chosen.shown_range(values, points["ci_low"], points["ci_high"])
    axes.set_ylim(bottom, top)
    axes.set_ylabel(chosen.metric_words(study))
    batch = max(study.plan.study.profiling.batch_sizes)
    axes.set_xlabel(f"Throughput in inference, batch of {batch} (samples/s)")
    caption = _caption(study, profiles, best, points, not dots.empty)
    drawing = framed(
        figure,
        _table(points, dots),
        title=title,
        caption=" ".join([*caption, "Bars that leave the panel are cut."] if cut else caption),
        entries=_entries(study, points),
        panel_height_in=_PANEL_HEIGHT_IN,
    )
    label_points(axes, _names(study, points), marks, marks, drawn_dots, bars)
    return drawing


def _entries(study: StudyResults, points: pd.DataFrame) -> dict[str, Artist]:
    look_of = looks(study.order["model"])
    return {
        model: Line2D([], [], **mark_of(look, _MARK_SIZE, filled=True))
        for model, look in look_of.items()
        if model in set(points["model"])
    }


def _cell_words(study: StudyResults, point: Mapping[Hashable, Any]) -> str:
    """Return what tells a best cell from others of its model."""
    parts = []
    if len(study.order["resolution"]) > 1:
        parts.append(chosen.resolution_words(study, point["resolution"]))
    if len(study.order["n_train"]) > 1:
        parts.append(f"n {point['n_train']}")
    return ", ".join(parts)


def _names(study: StudyResults, points: pd.DataFrame) -> list[str]:
    """Return the names of the marks: their cells, unless these are all the same."""
    cells = [_cell_words(study, point) for point in points.to_dict("records")]
    same = len(set(cells)) == 1
    return [chosen.short(model) for model in points["model"]] if same else cells


def _caption(
    study: StudyResults,
    profiles: Profiles,
    best: pd.DataFrame,
    points: pd.DataFrame,
    dots: bool,
) -> Sequence[str]:
    runs = chosen.metric_runs(study)
    never = [model for model in study.order["model"] if model not in set(best["model"])]
    without = [model for model in best["model"] if model not in set(points["model"])]
    cells = {_cell_words(study, point) for point in points.to_dict("records")} - {""}
    return [
        part
        for part in (
            "Best is the cell (resolution and training-set size) of a model whose mean over its "
            f"seeds is best on the {study.split} split. Choosing it there flatters every model, "
            "those with more cells the most.",
            f"It is {next(iter(cells))} for each." if len(cells) == 1 else "",
            chosen.mean_words(points["n"], dots),
            chosen.better_words(study),
            f"Throughput is of {profiles.device}, the same for every seed.",
            profiles.note,
            chosen.run_words(chosen.runs_of(runs, points), "in these cells"),
            chosen.run_words(runs, "in the study"),
            f"No result: {', '.join(never)}." if never else "",
            f"No throughput at the best cell: {', '.join(without)}." if without else "",
        )
        if part
    ]


def _table(points: pd.DataFrame, dots: pd.DataFrame) -> pd.DataFrame:
    speed = points[["model", "throughput"]]
    means = points.rename(columns={"mean": "value"}).assign(kind="mean")
    parts = [means, dots.merge(speed, on="model").assign(kind="seed")]
    table = pd.concat(
        [
            part.rename(columns={"throughput": "throughput_samples_per_sec"}).reindex(
                columns=TABLE_COLUMNS
            )
            for part in parts
            if not part.empty
        ],
        ignore_index=True,
    )
    return table.astype({"seed": "Int64", "n": "Int64"})
