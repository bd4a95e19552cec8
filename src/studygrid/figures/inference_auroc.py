"""How well each model tells what it was not trained on, as areas under the ROC curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from studygrid.families.base import Family, Metric
from studygrid.figures.chosen_cells import DOTS_BELOW
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.inference_bars import bars
from studygrid.figures.inference_cells import (
    AXES,
    InferenceCells,
    inference_cells,
    metric_cells,
    precision_words,
    run_words,
    seed_words,
    values_of,
)
from studygrid.figures.reference_lines import chance_entry
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.results.inference import InferenceResults

TABLE_COLUMNS = [
    "panel",
    "metric",
    "kind",
    "cell",
    *AXES,
    "seed",
    "value",
    "ci_low",
    "ci_high",
    "n",
    "runs",
]

_MOST_ROWS = 30
_CHANCE: dict[str, Any] = {"color": GREY, "linewidth": 0.9, "linestyle": (0, (1.2, 1.6))}
_MARK: dict[str, Any] = {
    "linestyle": "none",
    "markersize": 5,
    "markeredgecolor": "white",
    "markeredgewidth": 0.4,
}
_DOT: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 2.4, "alpha": 0.6}
_ROW_IN, _ROOM = 0.09, 0.66


def auroc_comparison(results: InferenceResults, name: str) -> Drawing:
    """Draw the AUROC of each cell: against each signal, and apart from it, what is no signal.

    Of a family with one AUROC alone there is one panel; of one without any, the primary metric is
    drawn, and said to be that.

    Returns
    -------
    A drawing whose table has one row a mark: `panel`, `metric`, `kind` (``mean`` or ``seed``),
        `cell`, the axes, `seed`, `value`, `ci_low`, `ci_high` (95 % Student t over the seeds),
        `n`, `runs`.
    """
    title = f"{name}: areas under the ROC curve"
    cells = inference_cells(results)
    if isinstance(cells, str):
        return nothing_to_draw(title, cells, TABLE_COLUMNS)
    panels = _panels(cells.family)
    if not panels:
        return _without_auroc(cells, name)
    found = {
        metric.name: metric_cells(cells, metric.name)
        for metrics in panels.values()
        for metric in metrics
    }
    found = {key: table for key, table in found.items() if (table["n"] > 0).any()}
    panels = {
        heading: [metric for metric in metrics if metric.name in found]
        for heading, metrics in panels.items()
    }
    panels = {heading: metrics for heading, metrics in panels.items() if metrics}
    if not panels:
        reason = f"No run has an AUROC on the {cells.split_words} split."
        return nothing_to_draw(title, f"{reason} {_why(cells)}".strip(), TABLE_COLUMNS)
    with house_style():
        return _drawn(cells, panels, found, f"{title}, {cells.split_words} split")


def _panels(family: Family) -> dict[str, list[Metric]]:
    """Return the AUROC metrics under their headings: those of a mean stand with their parts."""
    found: dict[str, list[Metric]] = {}
    for metric in family.metrics:
        if metric.name == "auroc" or metric.name.startswith("auroc_"):
            found.setdefault(metric.group, []).append(metric)
    return found


def _without_auroc(cells: InferenceCells, name: str) -> Drawing:
    """Draw the primary metric of a family without any AUROC."""
    primary = cells.family.metric(cells.family.primary_metric)
    words = f"{cells.family.title} has no AUROC: drawn is its primary metric, {primary.label}."
    return bars(cells, [primary], f"{name}: {primary.label}", words)


def _why(cells: InferenceCells) -> str:
    """Return why no run has a value, in the words of the first that says it."""
    reasons = cells.runs["undefined"].dropna().astype(str)
    for text in reasons:
        for part in text.split("; "):
            if part.startswith("auroc"):
                return f"{part.partition(': ')[2][:1].upper()}{part.partition(': ')[2][1:]}."
    return run_words(cells.runs)


def _drawn(
    cells: InferenceCells,
    panels: dict[str, list[Metric]],
    found: dict[str, pd.DataFrame],
    title: str,
) -> Drawing:
    there = pd.concat(found.values()).groupby("cell")["n"].max()
    shown = [cell for cell in cells.table["cell"] if there[cell] > 0][:_MOST_ROWS]
    look_of = looks(list(found))
    figure = Figure(figsize=(WIDTH_IN, 3))
    grid = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    rows = []
    for axes, (heading, metrics) in zip(grid, panels.items(), strict=True):
        own = _draw_panel(axes, cells, metrics, found, look_of, shown)
        rows += [row | {"panel": heading or "AUROC"} for row in own]
        axes.set_title(heading if len(panels) > 1 else "", loc="left")
        axes.set_xlabel("AUROC")
    names = cells.table.set_index("cell")["name"]
    grid[0].set_yticks(range(len(shown)), [names[cell] for cell in shown], parse_math=False)
    grid[0].set_ylim(len(shown) - 0.4, -0.6)
    table = _table(cells, rows)
    values = table["value"]
    low, high = min(0.5, float(values.min())), float(values.max())
    room = 0.06 * (high - low or 0.1)
    grid[0].set_xlim(max(-0.02, low - room), min(1.0 + room / 3, high + room))
    most = max(len(metrics) for metrics in panels.values())
    cut = _is_cut(found, grid[0].get_xlim())
    caption = [
        *_caption(cells, panels, found, shown, int((there > 0).sum())),
        "Bars that leave a panel are cut." if cut else "",
    ]
    return framed(
        figure,
        table,
        title=title,
        caption=" ".join(filter(None, caption)),
        entries=_entries(panels, look_of),
        panel_height_in=0.75 + max(1.0, len(shown) * max(0.2, _ROW_IN * (most + 0.7))),
    )


def _draw_panel(
    axes: Axes,
    cells: InferenceCells,
    metrics: Sequence[Metric],
    found: dict[str, pd.DataFrame],
    look_of: dict[str, Look],
    shown: Sequence[int],
) -> list[dict[str, Any]]:
    axes.axvline(0.5, zorder=1, **_CHANCE)
    rows: list[dict[str, Any]] = []
    for place, metric in enumerate(metrics):
        lift = (place - (len(metrics) - 1) / 2) * _ROOM / max(1, len(metrics))
        look, table = look_of[metric.name], found[metric.name]
        for cell in table.loc[(table["n"] > 0) & table["cell"].isin(shown)].to_dict("records"):
            y = shown.index(cell["cell"]) + lift
            ends = [cell["ci_low"], cell["ci_high"]]
            axes.plot(ends, [y, y], color=look.colour, linewidth=0.9, zorder=2)
            own = values_of(cells, metric.name, cell["cell"])
            named = {"metric": metric.name, "cell": cell["cell"]}
            if 1 < len(own) < DOTS_BELOW:
                below = y + 0.33 * _ROOM / max(2, len(metrics))
                for run in own.to_dict("records"):
                    axes.plot(run["value"], below, color=look.colour, markeredgewidth=0, **_DOT)
                    rows.append(
                        named | {"kind": "seed", "seed": run["seed"], "value": run["value"]}
                    )
            axes.plot(cell["mean"], y, color=look.colour, marker=look.marker, zorder=3, **_MARK)
            keys = ("ci_low", "ci_high", "n", "runs")
            mean = {"kind": "mean", "value": cell["mean"]} | {key: cell[key] for key in keys}
            rows.append(named | mean)
    for row in range(1, len(shown)):
        axes.axhline(row - 0.5, color="#dcdcdc", linewidth=0.6, zorder=0)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.tick_params(axis="y", length=0)
    return rows


def _is_cut(found: dict[str, pd.DataFrame], limits: tuple[float, float]) -> bool:
    every = pd.concat(found.values())
    return bool(every["ci_low"].min() < limits[0] or every["ci_high"].max() > limits[1])


def _entries(panels: dict[str, list[Metric]], look_of: dict[str, Look]) -> dict[str, Artist]:
    metrics = [metric for own in panels.values() for metric in own]
    entries: dict[str, Artist] = {}
    if len(metrics) > 1:
        for metric in metrics:
            look = look_of[metric.name]
            entries[metric.label] = Line2D([], [], color=look.colour, marker=look.marker, **_MARK)
    return {**entries, "a guess": chance_entry()}


def _caption(
    cells: InferenceCells,
    panels: dict[str, list[Metric]],
    found: dict[str, pd.DataFrame],
    shown: Sequence[int],
    there: int,
) -> list[str]:
    counts = pd.concat([table["n"] for table in found.values()])
    cautions = dict.fromkeys(
        metric.caution for metrics in panels.values() for metric in metrics if metric.caution
    )
    lacking = [metric for metric in found if (found[metric]["n"] == 0).any()]
    return [
        seed_words(counts),
        "These are of the seeds; that the samples scored are finite in number comes on top."
        if (counts > 1).any()
        else "",
        *(f"{text[:1].upper()}{text[1:]}." for text in cautions),
        "Where a mark is missing, the cell has no such area." if lacking else "",
        precision_words(cells.results),
        f"Drawn are the first {len(shown)} of {there} cells." if len(shown) < there else "",
        run_words(cells.runs),
    ]


def _table(cells: InferenceCells, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows).merge(cells.table[["cell", *AXES]], on="cell")
    whole = {"seed": "Int64", "n": "Int64", "runs": "Int64"}
    return table.reindex(columns=TABLE_COLUMNS).astype(whole)
