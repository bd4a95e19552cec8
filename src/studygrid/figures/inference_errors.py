"""How the errors of single samples are spread, for each model that was scored again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import StrMethodFormatter

from studygrid.errors import RecordError
from studygrid.families.base import Family
from studygrid.figures.chosen_cells import DOTS_BELOW
from studygrid.figures.cost_axis import set_cost_axis
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.inference_bars import bars
from studygrid.figures.inference_cells import (
    AXES,
    InferenceCells,
    inference_cells,
    precision_words,
    row_height,
    run_words,
)
from studygrid.figures.style import GREY, WIDTH_IN, house_style, looks
from studygrid.results.inference import InferenceResults

TABLE_COLUMNS = ["kind", "cell", *AXES, "of", "seed", "percentile", "value", "samples", "n"]

# Errors of a sample that families keep, and what each is: the first that a family has.
_ERRORS = {"token_mse": "Token MSE", "bce": "Binary cross-entropy", "loss": "Loss"}
_OF_METRICS = {"token_mse_p50": 50, "token_mse_p95": 95, "token_mse_p99": 99}
_PERCENTILES = (5, 25, 50, 75, 95, 99)
_MOST_ROWS = 24
_LOG_FROM = 8.0
_ROOM = 0.66
_LINES = ((5, 95, 1.0), (25, 75, 3.2), (50, 95, 1.0))
_MEDIAN: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 4.2}
_FAR: dict[str, Any] = {"linestyle": "none", "marker": "|", "markersize": 6}
_DOT: dict[str, Any] = {"linestyle": "none", "marker": ".", "markersize": 3, "alpha": 0.6}


def reconstruction_error_distributions(results: InferenceResults, name: str) -> Drawing:
    """Draw percentiles of the samples' errors, cell by cell.

    They are of the arrays of samples that `persist_raw_scores` keeps, for each kind of sample by
    itself (background, and each signal). Without arrays they are the percentiles that the metrics
    have. A percentile of a cell is the mean of its runs'.

    Returns
    -------
    A drawing whose table has one row a percentile: `kind` (``mean`` over the runs of a cell or
        ``seed``), `cell`, the axes, `of` (which samples), `seed`, `percentile`, `value`,
        `samples` and `n`. Of a family without errors of samples it is that of the bars of the
        primary metric.
    """
    title = f"{name}: errors of single samples"
    cells = inference_cells(results)
    if isinstance(cells, str):
        return nothing_to_draw(title, cells, TABLE_COLUMNS)
    error = next((key for key in _ERRORS if _has(cells, key)), None)
    rows = _of_arrays(cells, error) if error else pd.DataFrame()
    from_metrics = rows.empty
    if from_metrics:
        rows = _of_metrics(cells)
    if rows.empty:
        return _without_errors(cells, name)
    with house_style():
        return _drawn(cells, rows, error if not from_metrics else None, title)


def _has(cells: InferenceCells, key: str) -> bool:
    return any(key in (_scores(cells, run_dir) or {}) for run_dir in cells.results.records)


def _scores(cells: InferenceCells, run_dir: str) -> dict[str, Any] | None:
    try:
        return cells.results.scores(run_dir)
    except RecordError:
        return None  # counted in the caption among the runs without arrays


def _of_arrays(cells: InferenceCells, error: str | None) -> pd.DataFrame:
    rows = []
    for run in cells.runs.to_dict("records"):
        arrays = _scores(cells, run["run_dir"]) or {}
        if error not in arrays or run["status"] != "ok":
            continue
        values = np.asarray(arrays[error], dtype=np.float64)
        labels = arrays.get("label")
        for of, chosen in _kinds(cells, run["run_dir"], labels, len(values)).items():
            own = values[chosen][np.isfinite(values[chosen])]
            if len(own):
                named = {"cell": run["cell"], "seed": run["seed"], "of": of, "samples": len(own)}
                found = zip(_PERCENTILES, np.percentile(own, _PERCENTILES), strict=True)
                rows += [named | {"percentile": p, "value": float(v)} for p, v in found]
    return pd.DataFrame(rows)


def _kinds(cells: InferenceCells, run_dir: str, labels: Any, count: int) -> dict[str, Any]:
    """Return which samples are of which kind, where labels are background and signals."""
    facts = cells.results.records[run_dir].facts
    signals = facts.get("signals")
    if labels is None or not isinstance(signals, dict):
        return {"all samples": np.ones(count, dtype=bool)}
    names = ["background", *map(str, signals)]
    return {of: np.equal(labels, place) for place, of in enumerate(names)}


def _of_metrics(cells: InferenceCells) -> pd.DataFrame:
    rows = []
    known = [name for name in _OF_METRICS if name in cells.runs]
    for run in cells.runs.to_dict("records"):
        for name in known:
            value = pd.to_numeric(run[name], errors="coerce")
            if run["status"] == "ok" and pd.notna(value):
                named = {"cell": run["cell"], "seed": run["seed"], "of": "background"}
                rows.append(named | {"percentile": _OF_METRICS[name], "value": float(value)})
    return pd.DataFrame(rows)


def _without_errors(cells: InferenceCells, name: str) -> Drawing:
    """Draw the primary metric where no errors of samples are known."""
    family = cells.family
    primary = family.metric(family.primary_metric)
    words = f"{_lacking(family)} Drawn is the primary metric, {primary.label}."
    return bars(cells, [primary], f"{name}: {primary.label}", words)


def _lacking(family: Family) -> str:
    if any(name in family.metric_names for name in _OF_METRICS):
        return "No run has errors of single samples."
    return (
        f"{family.title} has no percentiles of errors among its metrics, and no run has kept an "
        "error of its samples (inference.persist_raw_scores keeps what the family has)."
    )


def _drawn(cells: InferenceCells, rows: pd.DataFrame, error: str | None, title: str) -> Drawing:
    means = rows.groupby(["cell", "of", "percentile"], sort=False, as_index=False).agg(
        value=("value", "mean"), n=("value", "size")
    )
    there = set(means["cell"])
    every = [cell for cell in cells.table["cell"] if cell in there]
    shown = every[:_MOST_ROWS]
    kinds = list(dict.fromkeys(means["of"]))
    colours = {of: look.colour for of, look in looks(kinds).items()}
    figure = Figure(figsize=(WIDTH_IN, 3))
    axes = figure.subplots()
    for place, cell in enumerate(shown):
        for number, of in enumerate(kinds):
            lift = (number - (len(kinds) - 1) / 2) * _ROOM / len(kinds)
            own = means.loc[(means["cell"] == cell) & (means["of"] == of)]
            seeds = rows.loc[(rows["cell"] == cell) & (rows["of"] == of)]
            _draw_kind(axes, own, seeds, place + lift, colours[of])
    names = cells.table.set_index("cell")["name"]
    axes.set_yticks(range(len(shown)), [names[cell] for cell in shown], parse_math=False)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    for row in range(1, len(shown)):
        axes.axhline(row - 0.5, color="#dcdcdc", linewidth=0.6, zorder=0)
    label = _ERRORS[error] if error else "Token MSE"
    axes.set_xlabel(f"{label} of a sample ({cells.split_words})")
    drawn = means.loc[means["cell"].isin(shown), "value"]
    low, high = float(drawn.min()), float(drawn.max())
    if low > 0 and high / low > _LOG_FROM:
        set_cost_axis(axes, low, high, "")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    else:
        axes.set_xlim(min(0.0, low), 1.05 * high if high > 0 else 1.0)
    return framed(
        figure,
        _table(cells, rows, means),
        title=f"{title}, {cells.split_words} split",
        caption=" ".join(filter(None, _caption(cells, rows, means, error, shown, len(every)))),
        entries=_entries(kinds, colours, set(means["percentile"])),
        panel_height_in=row_height(shown, max(0.22, 0.14 * len(kinds) + 0.08)),
    )


def _draw_kind(axes: Axes, own: pd.DataFrame, seeds: pd.DataFrame, y: float, colour: str) -> None:
    at = dict(zip(own["percentile"], own["value"], strict=True))
    for low, high, width in _LINES:
        if low in at and high in at and not (low == 50 and 5 in at):
            axes.plot([at[low], at[high]], [y, y], color=colour, linewidth=width, zorder=2)
    if 99 in at:
        axes.plot(at[99], y, color=colour, markeredgewidth=1.2, **_FAR)
    medians = seeds.loc[seeds["percentile"] == 50, "value"]
    if 1 < len(medians) < DOTS_BELOW:
        axes.plot(medians, [y] * len(medians), color="black", zorder=4, **_DOT)
    if 50 in at:
        edge: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.5}
        axes.plot(at[50], y, color=colour, zorder=3, **_MEDIAN, **edge)


def _entries(kinds: Sequence[str], colours: dict[str, str], known: set[int]) -> dict[str, Artist]:
    entries: dict[str, Artist] = {}
    if len(kinds) > 1:
        entries |= {of: Line2D([], [], color=colours[of], linewidth=3.2) for of in kinds}
    entries["median"] = Line2D([], [], color=GREY, **_MEDIAN)
    if 25 in known:
        entries["25th to 75th percentile"] = Line2D([], [], color=GREY, linewidth=3.2)
        entries["5th to 95th"] = Line2D([], [], color=GREY, linewidth=1.0)
    else:
        entries["to the 95th percentile"] = Line2D([], [], color=GREY, linewidth=1.0)
    entries["99th"] = Line2D([], [], color=GREY, markeredgewidth=1.2, **_FAR)
    return entries


def _caption(
    cells: InferenceCells,
    rows: pd.DataFrame,
    means: pd.DataFrame,
    error: str | None,
    shown: Sequence[int],
    there: int,
) -> list[str]:
    counts = means.loc[means["percentile"] == 50, "n"]
    low, high = int(counts.min()), int(counts.max())
    seeds = f"{low} to {high}" if low < high else f"{low}"
    spread = (
        "Percentiles are of single runs: 1 seed a cell."
        if high == 1
        else f"Percentiles are means over n = {seeds} seeds, black dots the medians of the runs; "
        "lines are the spread of samples, no intervals."
    )
    kept = rows["cell"].size if error else 0
    source = (
        f"They are of the arrays of {_sample_words(rows)}."
        if kept
        else "They are the metrics of the background: arrays of samples, signals among them, are "
        "kept with inference.persist_raw_scores."
    )
    lacking = int((cells.runs["status"] == "ok").sum()) - _runs(rows)
    return [
        spread,
        source,
        f"{lacking} ok {'run has' if lacking == 1 else 'runs have'} none." if lacking else "",
        precision_words(cells.results),
        f"Drawn are the first {len(shown)} of {there} cells." if len(shown) < there else "",
        run_words(cells.runs),
    ]


def _runs(rows: pd.DataFrame) -> int:
    return len(rows[["cell", "seed"]].drop_duplicates())


def _sample_words(rows: pd.DataFrame) -> str:
    of_run = rows.drop_duplicates(["of", "samples"])
    parts = []
    for of, own in of_run.groupby("of", sort=False):
        low, high = int(own["samples"].min()), int(own["samples"].max())
        count = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        parts.append(f"{count} {'samples' if of == 'all samples' else f'of {of}'}")
    return f"{', '.join(parts)} a run"


def _table(cells: InferenceCells, rows: pd.DataFrame, means: pd.DataFrame) -> pd.DataFrame:
    parts = [means.assign(kind="mean"), rows.assign(kind="seed")]
    table = pd.concat(parts, ignore_index=True).merge(cells.table[["cell", *AXES]], on="cell")
    whole = {"seed": "Int64", "samples": "Int64", "n": "Int64"}
    return table.reindex(columns=TABLE_COLUMNS).astype(whole)
