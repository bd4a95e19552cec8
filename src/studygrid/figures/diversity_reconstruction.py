"""Whether a model that copies well also makes rows as varied as the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import (
    Place,
    cells_of,
    facts_at,
    largest_place,
    nothing_words,
    place_sentences,
)
from studygrid.figures.panels import evenly
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.figures.value_limits import limit_values
from studygrid.results.study_results import StudyResults

RECONSTRUCTION = "micro_f1"
# From a metric of prior samples to the fact that is the same of the test rows, and the label.
DIVERSITY = {
    "prior_unique_percent": ("data_unique_percent", "Different rows among prior samples"),
    "prior_entropy_nats": ("data_entropy_nats", "Entropy of prior samples"),
}
TABLE_COLUMNS = [
    "panel",
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "reconstruction",
    "reconstruction_ci_low",
    "reconstruction_ci_high",
    "diversity",
    "diversity_ci_low",
    "diversity_ci_high",
    "n",
]

_MOST = 12
_HEIGHT_IN = 3.1
_DOT: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 2.6,
    "markeredgewidth": 0,
    "alpha": 0.5,
    "zorder": 3,
}
_MEAN: dict[str, Any] = {
    "linestyle": "none",
    "markersize": 6.5,
    "markeredgecolor": "white",
    "markeredgewidth": 0.6,
    "zorder": 4,
}
_LEVEL: dict[str, Any] = {"color": GREY, "linewidth": 0.9, "linestyle": (0, (4, 3)), "zorder": 1}


@dataclass(frozen=True)
class _Panel:
    """One measure of diversity: rows of the table, and that of the test rows, if it is known."""

    metric: str
    rows: pd.DataFrame
    of_data: float | None

    def of_kind(self, kind: str) -> pd.DataFrame:
        return self.rows.loc[self.rows["kind"] == kind]


def diversity_reconstruction(study: StudyResults) -> Drawing:
    """Draw the diversity of prior samples against micro-F1 of reconstructions, on the test split.

    It is for families with the metrics ``micro_f1``, ``prior_unique_percent`` and
    ``prior_entropy_nats``: the share of rows that are different from each other, and the entropy
    of their distribution, one panel each. Dashed lines are of the test rows themselves, of which
    there are as many as samples. All models are at the largest vocabulary and training-set size
    that most share; of more than twelve, those evenly spread over the order of the config.

    Returns
    -------
    A drawing whose table has one row a mark: `panel` (the name of the metric), `kind` (``mean``,
        ``seed`` or ``data``), `model`, `resolution`, `n_train`, `seed`, `reconstruction` and
        `diversity` with the ends of the 95 % Student-t intervals of the means,
        `reconstruction_ci_low`, `reconstruction_ci_high`, `diversity_ci_low` and
        `diversity_ci_high`, and `n`, the runs of a mean.
    """
    title = f"{study.name}: diversity of prior samples against reconstruction"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    panels = [_panel(study, place, metric) for metric in DIVERSITY]
    if all(panel.of_kind("mean").empty for panel in panels):
        runs = chosen.run_words(study.frame, "in the study")
        reason = f"No run has a micro-F1 and prior samples whose diversity is known. {runs}"
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, place, panels, title)


def _panel(study: StudyResults, place: Place, metric: str) -> _Panel:
    parts = []
    for of, name in (("reconstruction", RECONSTRUCTION), ("diversity", metric)):
        names = {"mean": of, "ci_low": f"{of}_ci_low", "ci_high": f"{of}_ci_high"}
        parts.append(cells_of(study, place, name)[["model", "n", *names]].rename(columns=names))
    cells = parts[0].merge(parts[1].drop(columns="n"), on="model", how="inner")
    cells = cells.loc[cells["model"].isin(evenly(cells["model"].tolist(), _MOST))]
    runs = place.ok.rename(
        columns={f"test_{RECONSTRUCTION}": "reconstruction", f"test_{metric}": "diversity"}
    ).dropna(subset=["reconstruction", "diversity"])
    few = set(cells.loc[cells["n"].between(2, chosen.DOTS_BELOW - 1), "model"])
    runs = runs.loc[runs["model"].isin(few)]
    of_data = _of_data(study, place, cells["model"].tolist(), DIVERSITY[metric][0])
    level = pd.DataFrame([] if of_data is None else [{"diversity": of_data}])
    rows = [
        own.assign(kind=kind, panel=metric, resolution=place.resolution, n_train=place.n_train)
        .reindex(columns=TABLE_COLUMNS)
        .astype({"resolution": "Int64", "seed": "Int64", "n": "Int64"})
        for kind, own in (("mean", cells), ("seed", runs), ("data", level))
        if not own.empty
    ]
    table = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=TABLE_COLUMNS)
    return _Panel(metric, table, of_data)


def _of_data(study: StudyResults, place: Place, models: list[str], fact: str) -> float | None:
    """Return a fact of the test rows, which are the same for all."""
    for model in models:
        for facts in facts_at(study, place, model).values():
            value = facts.scored.get(fact)
            if isinstance(value, int | float):
                return float(value)
    return None


def _drawn(study: StudyResults, place: Place, panels: list[_Panel], title: str) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, _HEIGHT_IN))
    look_of = looks(study.order["model"])
    grid = figure.subplots(1, len(panels), sharex=True)
    cut = False
    for axes, panel in zip(grid, panels, strict=True):
        _draw_panel(axes, panel, look_of)
        unit = study.family.metric(panel.metric).unit
        axes.set_ylabel(f"{DIVERSITY[panel.metric][1]} ({study.split}, {unit})")
        axes.set_xlabel(
            f"{study.family.metric(RECONSTRUCTION).label} of reconstructions ({study.split})"
        )
        cut |= _limit(axes.set_ylim, panel.rows, "diversity", 100 if unit == "%" else None)
        _name_level(axes, panel)
    rows = pd.concat([panel.rows for panel in panels], ignore_index=True)
    cut |= _limit(grid[0].set_xlim, rows, "reconstruction", 1)
    return framed(
        figure,
        rows,
        title=title,
        caption=" ".join(filter(None, _caption(study, place, rows, cut))),
        entries=_entries(rows, look_of),
        panel_height_in=_HEIGHT_IN,
    )


def _draw_panel(axes: Axes, panel: _Panel, look_of: Mapping[str, Look]) -> None:
    axes.grid(visible=False)
    if panel.of_data is not None:
        axes.axhline(panel.of_data, **_LEVEL)
    for run in panel.of_kind("seed").to_dict("records"):
        colour = look_of[run["model"]].colour
        axes.plot(run["reconstruction"], run["diversity"], color=colour, **_DOT)
    for cell in panel.of_kind("mean").to_dict("records"):
        look = look_of[cell["model"]]
        x, y = cell["reconstruction"], cell["diversity"]
        bar: dict[str, Any] = {"linewidth": 0.8, "zorder": 2.5}
        across, upright = (
            (cell[f"{of}_ci_low"], cell[f"{of}_ci_high"]) for of in ("reconstruction", "diversity")
        )
        if np.isfinite([*across, *upright]).all():
            axes.hlines(y, *across, look.colour, **bar)
            axes.vlines(x, *upright, look.colour, **bar)
        axes.plot(x, y, color=look.colour, marker=look.marker, **_MEAN)


def _limit(set_limits: Any, rows: pd.DataFrame, of: str, highest: float | None) -> bool:
    """Fix an axis on what was measured; return whether an interval leaves it."""
    found = rows.dropna(subset=[of])
    columns = (found[name].astype(float) for name in (of, f"{of}_ci_low", f"{of}_ci_high"))
    return limit_values(set_limits, *columns, bounds=(0, highest))


def _name_level(axes: Axes, panel: _Panel) -> None:
    if panel.of_data is None:
        return
    bottom, top = axes.get_ylim()
    below = panel.of_data > bottom + 0.9 * (top - bottom)
    axes.annotate(
        f"test rows: {panel.of_data:.3g}",
        (0, panel.of_data),
        xycoords=("axes fraction", "data"),
        xytext=(3, -2 if below else 2),
        textcoords="offset points",
        va="top" if below else "bottom",
        color=GREY,
        size=7,
        path_effects=[withStroke(linewidth=2, foreground="white")],
        zorder=5,
    )


def _entries(rows: pd.DataFrame, look_of: Mapping[str, Look]) -> dict[str, Artist]:
    means = rows.loc[rows["kind"] == "mean", "model"]
    entries: dict[str, Artist] = {
        model: Line2D([], [], color=look_of[model].colour, marker=look_of[model].marker, **_MEAN)
        for model in dict.fromkeys(means)
    }
    if (rows["kind"] == "seed").any():
        entries["one seed"] = Line2D([], [], color=GREY, **_DOT)
    return entries


def _caption(study: StudyResults, place: Place, rows: pd.DataFrame, cut: bool) -> list[str]:
    means = rows.loc[rows["kind"] == "mean"]
    words = chosen.mean_words(means["n"], dots=bool((rows["kind"] == "seed").any()))
    return [
        "Rightwards, reconstructions are better. Diversity is neither good nor bad by itself: "
        "best is near the dashed line, which is that of the test rows, as many as samples."
        if (rows["kind"] == "data").any()
        else "Rightwards, reconstructions are better.",
        "No two test rows are alike, as duplicates are dropped from the data; rows that are drawn "
        "one by one may repeat each other."
        if _all_different(rows)
        else "",
        words.replace("vertical bars", "bars"),
        *place_sentences(study, place, list(dict.fromkeys(means["model"]))),
        "Bars that leave a panel are cut." if cut else "",
    ]


def _all_different(rows: pd.DataFrame) -> bool:
    """Tell whether the share of different test rows is as great as it can be."""
    data = rows.loc[(rows["kind"] == "data") & (rows["panel"] == "prior_unique_percent")]
    return bool((data["diversity"] == 100).any())
