"""The metrics of each model on the split that was scored again, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from studygrid.families.base import Family, Metric
from studygrid.figures.chosen_cells import DOTS_BELOW
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.inference_cells import (
    AXES,
    InferenceCells,
    better_words,
    inference_cells,
    metric_cells,
    precision_words,
    row_height,
    run_words,
    seed_words,
    values_of,
)
from studygrid.figures.style import WIDTH_IN, house_style
from studygrid.results.inference import InferenceResults

TABLE_COLUMNS = ["metric", "kind", "cell", *AXES, "seed", "value", "ci_low", "ci_high", "n", "runs"]

_ERRORS = ("token_mse", "globals_mse")
_MOST_PANELS, _MOST_ROWS = 3, 30
_BAR: dict[str, Any] = {"height": 0.62, "alpha": 0.45, "linewidth": 0, "zorder": 1.5}
_DOT: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 2.8, "alpha": 0.75}
_SPREAD = 0.4


def model_comparison_bars(results: InferenceResults, name: str) -> Drawing:
    """Draw the mean of a metric of each cell as a bar from zero, with its runs and interval.

    Metrics are the errors of reconstruction of families that have such, and the family's primary
    metric: at most three.

    Returns
    -------
    A drawing whose table has one row a mark: `metric`, `kind` (``mean`` or ``seed``), `cell`, the
        axes, `seed`, `value`, `ci_low`, `ci_high` (95 % Student t), `n`, `runs`.
    """
    title = f"{name}: models compared"
    cells = inference_cells(results)
    if isinstance(cells, str):
        return nothing_to_draw(title, cells, TABLE_COLUMNS)
    metrics = _metrics(cells.family)
    has_errors = any(metric.name in _ERRORS for metric in metrics)
    words = "" if has_errors else f"{cells.family.title} has no error of tokens or globals."
    return bars(cells, metrics, title, words)


def bars(cells: InferenceCells, metrics: Sequence[Metric], title: str, words: str) -> Drawing:
    """Draw bars of some metrics; `words` are a sentence for the caption."""
    found = {metric.name: metric_cells(cells, metric.name) for metric in metrics}
    found = {key: table for key, table in found.items() if (table["n"] > 0).any()}
    lacking = [metric for metric in metrics if metric.name not in found]
    note = f"No run has a value of {_listed(lacking)}." if lacking else ""
    if not found:
        said = " ".join(filter(None, [words, note, run_words(cells.runs)]))
        return nothing_to_draw(title, said, TABLE_COLUMNS)
    with house_style():
        return _drawn(cells, found, f"{title}, {cells.split_words} split", [words, note])


def _metrics(family: Family) -> list[Metric]:
    names = [name for name in _ERRORS if name in family.metric_names]
    names = list(dict.fromkeys([*names, family.primary_metric]))
    return [family.metric(key) for key in names[:_MOST_PANELS]]


def _listed(metrics: Sequence[Metric]) -> str:
    return " or ".join(metric.label for metric in metrics)


def _drawn(
    cells: InferenceCells, found: dict[str, pd.DataFrame], title: str, words: Sequence[str]
) -> Drawing:
    there = pd.concat(found.values()).groupby("cell")["n"].max()
    shown = [cell for cell in cells.table["cell"] if there[cell] > 0][:_MOST_ROWS]
    figure = Figure(figsize=(WIDTH_IN, 3))
    grid = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    parts = []
    for axes, (metric, numbers) in zip(grid, found.items(), strict=True):
        own = numbers.loc[numbers["cell"].isin(shown)]
        parts += _draw_panel(axes, cells, cells.family.metric(metric), own, shown)
    names = cells.table.set_index("cell")["name"]
    grid[0].set_yticks(range(len(shown)), [names[cell] for cell in shown], parse_math=False)
    grid[0].set_ylim(len(shown) - 0.4, -0.6)
    return framed(
        figure,
        _table(cells, parts),
        title=title,
        caption=" ".join(
            filter(None, _caption(cells, found, shown, int((there > 0).sum()), words))
        ),
        entries={},
        panel_height_in=row_height(shown, 0.24),
    )


def _draw_panel(
    axes: Axes, cells: InferenceCells, metric: Metric, numbers: pd.DataFrame, shown: Sequence[int]
) -> list[dict[str, Any]]:
    rows = []
    for cell in numbers.loc[numbers["n"] > 0].to_dict("records"):
        y, colour = shown.index(cell["cell"]), cells.looks[cell["model"]].colour
        axes.barh(y, cell["mean"], color=colour, **_BAR)
        axes.plot([cell["ci_low"], cell["ci_high"]], [y, y], color=colour, linewidth=1, zorder=2)
        axes.plot([cell["mean"]] * 2, [y - 0.31, y + 0.31], color=colour, linewidth=1.4, zorder=3)
        own = values_of(cells, metric.name, cell["cell"])
        named = {"metric": metric.name, "cell": cell["cell"]}
        keys = ("ci_low", "ci_high", "n", "runs")
        rows.append(
            named | {"kind": "mean", "value": cell["mean"]} | {key: cell[key] for key in keys}
        )
        if 1 < len(own) < DOTS_BELOW:
            for place, run in enumerate(own.to_dict("records")):
                lift = (place - (len(own) - 1) / 2) * _SPREAD / max(2, len(own))
                axes.plot(run["value"], y + lift, color=colour, markeredgewidth=0, **_DOT)
                rows.append(named | {"kind": "seed", "seed": run["seed"], "value": run["value"]})
    low, high = float(numbers["mean"].min()), float(numbers["mean"].max())
    low, high = min(low, numbers["ci_low"].min(skipna=True)), max(high, numbers["ci_high"].max())
    axes.set_xlim(*_limits(metric, low, high))
    unit = f" ({metric.unit})" if metric.unit else ""
    axes.set_xlabel(f"{metric.label}{unit}")
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.tick_params(axis="y", length=0)
    return rows


def _limits(metric: Metric, low: float, high: float) -> tuple[float, float]:
    """Return limits of a bar's axis: from zero, or to it where values are below."""
    room = 0.05 * (max(high, 0) - min(low, 0)) or 1.0
    left = 0.0 if low >= 0 else low - room
    right = 0.0 if high <= 0 else high + room
    if metric.bounds:
        left, right = max(left, metric.bounds[0]), min(right, metric.bounds[1])
    return left, right


def _caption(
    cells: InferenceCells,
    found: dict[str, pd.DataFrame],
    shown: Sequence[int],
    there: int,
    words: Sequence[str],
) -> list[str]:
    counts = pd.concat([table["n"] for table in found.values()])
    metrics = [cells.family.metric(key) for key in found]
    return [
        *words,
        seed_words(counts).replace("Marks are", "Bars are", 1),
        *(f"{metric.label}: {better_words(metric)}" for metric in metrics),
        _task_words(cells),
        precision_words(cells.results),
        f"Drawn are the first {len(shown)} of {there} cells." if len(shown) < there else "",
        run_words(cells.runs),
    ]


def _task_words(cells: InferenceCells) -> str:
    family = cells.family
    if not family.resolution_is_task or cells.table["resolution"].nunique() < 2:
        return ""
    return (
        f"Another {family.resolution_label.lower()} is another task: compare rows of one "
        f"{family.resolution_label.lower()} alone."
    )


def _table(cells: InferenceCells, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows).merge(cells.table[["cell", *AXES]], on="cell")
    whole = {"seed": "Int64", "n": "Int64", "runs": "Int64"}
    return table.reindex(columns=TABLE_COLUMNS).astype(whole)
