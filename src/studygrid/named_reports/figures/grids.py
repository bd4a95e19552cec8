"""Grids of tokenizers by weights of the globals: the least losses and errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from studygrid.figures.cost_axis import round_ticks
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.style import WIDTH_IN, house_style
from studygrid.named_reports.figures.cell_numbers import (
    along_words,
    cell_numbers,
    without_value_words,
)
from studygrid.named_reports.figures.cells import Cells, cells_of, common_words, value_words
from studygrid.named_reports.figures.log_axis import is_log
from studygrid.named_reports.figures.measures import (
    GLOBALS,
    LOSS,
    TOKENS,
    Measure,
    left_out_words,
    own_loss,
    own_loss_words,
    values_of,
)
from studygrid.named_reports.figures.panel_grid import wrapped
from studygrid.named_reports.figures.panels import Panel, panels_of
from studygrid.named_reports.inputs import ReportInputs
from studygrid.report.numbers import number

TABLE_COLUMNS = ["cell", "mean", "ci_low", "ci_high", "n", "runs", "best", "trained", "drawn"]

_MOST_PANELS = 6
_ACROSS, _DOWN = "globals_weight", "tokenizer"
_ROW_IN, _EDGE_IN, _LABEL_IN = 0.4, 0.35, 0.35
_EQUAL_CONTRAST = 0.179
_EMPTY: dict[str, Any] = {"facecolor": "#f2f2f2", "edgecolor": "#b8b8b8", "hatch": "////"}
_UNTRAINED: dict[str, Any] = {"facecolor": "#e9e9e9"}
_PARTS = {
    LOSS: "The loss holds the globals times their weight, so that it says nothing between columns.",
    GLOBALS: "At a weight of 0 nothing trains the globals: those fields, in grey, are of outputs "
    "left as they began.",
    TOKENS: "The error of the tokens means the same at each weight.",
}


def grid_best_val_loss(inputs: ReportInputs) -> Drawing:
    """Draw the validation loss of the kept epoch, by tokenizer and weight of the globals.

    Returns
    -------
    See `grid_of`. No field is framed as the best: the loss holds the weight.
    """
    return grid_of(inputs, LOSS, "Validation loss at the kept epoch", ranked=False)


def grid_best_rec_globals(inputs: ReportInputs) -> Drawing:
    """Draw the validation error of the globals at the kept epoch, by tokenizer and weight.

    Returns
    -------
    See `grid_of`. Fields of weight 0 are grey, and not ranked.
    """
    return grid_of(inputs, GLOBALS, "Globals MSE at the kept epoch", ranked=True)


def grid_best_rec_tokens(inputs: ReportInputs) -> Drawing:
    """Draw the validation error of the tokens at the kept epoch, by tokenizer and weight.

    Returns
    -------
    See `grid_of`.
    """
    return grid_of(inputs, TOKENS, "Token MSE at the kept epoch", ranked=True)


def grid_of(inputs: ReportInputs, measure: Measure, label: str, *, ranked: bool) -> Drawing:
    """Draw a measure as a map of tokenizers by weights of the globals, a panel for all else.

    Returns
    -------
    A drawing whose table has one row a field: `cell` and what tells cells apart, `mean` of the
        `n` runs with a value of the `runs` there are, `ci_low` and `ci_high` (95 % Student t),
        whether it is the `best` of the weights of its tokenizer in its panel, whether the weight
        `trained` it, and `drawn`.
    """
    title = f"{inputs.title}: {label}"
    cells = cells_of(inputs.runs_df)
    numbers = cell_numbers(cells, values_of(inputs, measure))
    if not (numbers["n"] > 0).any():
        reason = f"No run has {measure.label}. {left_out_words(inputs)}"
        return nothing_to_draw(title, reason.strip(), TABLE_COLUMNS)
    untrained = _weights(numbers).eq(0.0) & (measure is GLOBALS)
    numbers = numbers.assign(trained=~untrained)
    shown, note = panels_of(cells, numbers, (_ACROSS, _DOWN), _MOST_PANELS)
    numbers = numbers.assign(best=_best(numbers, shown) if ranked else False)
    with house_style():
        return _drawn(inputs, measure, label, cells, numbers, shown, note, title)


def _weights(numbers: pd.DataFrame) -> pd.Series[float]:
    if _ACROSS not in numbers:
        return pd.Series(float("nan"), numbers.index)
    return pd.to_numeric(numbers[_ACROSS], errors="coerce").astype(float)


def _best(numbers: pd.DataFrame, shown: Sequence[Panel]) -> pd.Series[bool]:
    """Tell which weight has the least mean of each row; none where one is of a single run."""
    best = pd.Series(False, numbers.index)
    row = numbers[_DOWN] if _DOWN in numbers else pd.Series("", numbers.index)
    for panel in shown:
        there = numbers["cell"].isin(panel.cells) & numbers["trained"] & (numbers["n"] > 0)
        for _, own in numbers.loc[there].groupby(row.loc[there]):
            if _weights(own).nunique() > 1 and (own["n"] > 1).all():
                best |= numbers.index.isin(own.index[own["mean"] == own["mean"].min()])
    return best


def _drawn(
    inputs: ReportInputs,
    measure: Measure,
    label: str,
    cells: Cells,
    numbers: pd.DataFrame,
    shown: Sequence[Panel],
    note: str,
    title: str,
) -> Drawing:
    drawn = numbers.loc[numbers["cell"].isin([c for panel in shown for c in panel.cells])]
    down, across = _values(cells, drawn, _DOWN), _values(cells, drawn, _ACROSS)
    columns = _columns(shown, len(across))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(WIDTH_IN, 3))
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    mapped = _colours(drawn)
    for axes, panel in zip(grid.flat, shown, strict=False):
        own = numbers.loc[numbers["cell"].isin(panel.cells)]
        _draw_panel(axes, own, across, down, mapped, with_n=drawn["n"].nunique() > 1)
        axes.set_title(wrapped(panel.title, columns), loc="left", parse_math=False)
    for axes in list(grid.flat)[len(shown) :]:
        axes.set_axis_off()
    for axes in list(grid.flat)[max(0, len(shown) - columns) : len(shown)]:
        axes.tick_params(axis="x", labelbottom=True)
        axes.set_xlabel("Weight of the globals")
    bar = figure.colorbar(mapped, ax=grid.ravel().tolist(), aspect=25, pad=0.02, fraction=0.05)
    bar.outline.set_visible(False)
    if isinstance(mapped.norm, LogNorm):
        low, high = float(mapped.norm.vmin or 1), float(mapped.norm.vmax or 1)
        bar.set_ticks(round_ticks(low, high), labels=[f"{t:g}" for t in round_ticks(low, high)])
        bar.ax.minorticks_off()
    bar.set_label(f"{label}\n(lower is better)" if measure is not LOSS else label)
    height = max(2.1, _LABEL_IN + rows * (_ROW_IN * len(down) + _EDGE_IN))
    caption = _caption(inputs, measure, cells, numbers, drawn, len(shown) * len(down) * len(across))
    return framed(
        figure,
        _table(cells, numbers, drawn),
        title=title,
        caption=" ".join(filter(None, [*caption, note])),
        entries={},
        panel_height_in=height,
    )


def _values(cells: Cells, drawn: pd.DataFrame, name: str) -> list[str]:
    """Return the values of a setting among the cells that are drawn."""
    every = cells.values(name)
    return [value for value in every if value in set(drawn[name])] if name in drawn else every


def _columns(shown: Sequence[Panel], across: int) -> int:
    fitting = 3 if across <= 4 else 2 if across <= 6 else 1
    encoders = len({panel.encoder for panel in shown})
    if 1 < encoders <= fitting and len(shown) % encoders == 0:
        return encoders
    return max(1, min(fitting, len(shown)))


def _colours(drawn: pd.DataFrame) -> ScalarMappable:
    """Return the colours of the means; those that nothing trained do not stretch them."""
    means = drawn.loc[drawn["trained"] & (drawn["n"] > 0), "mean"]
    if means.empty:
        means = drawn["mean"].dropna()
    low, high = float(means.min()), float(means.max())
    scale: Normalize
    if is_log(low, high):
        scale = LogNorm(low, high)
    else:
        alike = 0.05 * abs(low) or 0.05 if low == high else 0.0
        scale = Normalize(low - alike, high + alike)
    # Yellow, the light end, is better.
    return ScalarMappable(scale, colormaps["cividis_r"])


def _draw_panel(
    axes: Axes,
    numbers: pd.DataFrame,
    across: Sequence[str],
    down: Sequence[str],
    mapped: ScalarMappable,
    *,
    with_n: bool,
) -> None:
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    for field in numbers.to_dict("records"):
        x, y = across.index(field.get(_ACROSS, "")), down.index(field.get(_DOWN, ""))
        _draw_field(axes, x, y, field, mapped, with_n=with_n)
    axes.set_xlim(-0.5, len(across) - 0.5)
    axes.set_ylim(len(down) - 0.5, -0.5)
    axes.set_xticks(range(len(across)), [value or "–" for value in across])
    names = [value_words(_DOWN, value) or "–" for value in down]
    axes.set_yticks(range(len(down)), names, parse_math=False)
    axes.tick_params(length=0)


def _draw_field(
    axes: Axes, x: int, y: int, field: dict[Any, Any], mapped: ScalarMappable, *, with_n: bool
) -> None:
    colour = mapped.to_rgba(field["mean"])
    fill: dict[str, Any] = {"facecolor": colour}
    if not field["n"]:
        fill = _EMPTY
    elif not field["trained"]:
        fill = _UNTRAINED
    axes.add_patch(Rectangle((x - 0.48, y - 0.47), 0.96, 0.94, linewidth=0, **fill))
    dark = bool(field["n"]) and field["trained"] and _luminance(colour) < _EQUAL_CONTRAST
    ink = "white" if dark else "black"
    if not field["n"]:
        axes.text(x, y, "no value", ha="center", va="center", size=7, color=ink)
        return
    half = (field["ci_high"] - field["ci_low"]) / 2
    known = math.isfinite(half)
    parts = [f"± {number(half, half)}" if known else ""]
    parts += [_count_words(field)] if with_n or not known else []
    below = ", ".join(filter(None, parts))
    value = number(field["mean"], half if known else None)
    axes.text(x, y - 0.14, value, ha="center", va="center", color=ink)
    axes.text(x, y + 0.24, below, ha="center", va="center", size=6.5, color=ink)
    for edge, width in (("black", 2.2), ("white", 0.8)) if field["best"] else ():
        frame = Rectangle((x - 0.44, y - 0.42), 0.88, 0.84, fill=False, zorder=3)
        frame.set(edgecolor=edge, linewidth=width, joinstyle="miter")
        axes.add_patch(frame)


def _count_words(field: dict[Any, Any]) -> str:
    whole = field["n"] == field["runs"]
    return f"n {field['n']}" if whole else f"n {field['n']} of {field['runs']}"


def _luminance(colour: Any) -> float:
    """Return the relative luminance of an sRGB colour: WCAG 2.2, of 2023."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


def _caption(
    inputs: ReportInputs,
    measure: Measure,
    cells: Cells,
    numbers: pd.DataFrame,
    drawn: pd.DataFrame,
    fields: int,
) -> list[str]:
    counts = drawn.loc[drawn["n"] > 0, "n"]
    low, high = int(counts.min()), int(counts.max())
    seeds = f"{low} to {high}" if low < high else f"{low}"
    means = (
        f"Means over n = {seeds} seeds, ± half of the 95 % Student-t interval."
        if high > 1
        else "Single runs: 1 seed a field, so there is no interval, and none is framed."
    )
    framed_words = (
        "The weight with the least mean of each tokenizer in a panel is framed, whatever the "
        "intervals are."
        if drawn["best"].any()
        else ""
    )
    if high > 1 and low == 1 and measure is not LOSS:
        framed_words += " None is framed where a field is a single run."
    shared = common_words(cells)
    missing = "Hatched: no run has a value." if (drawn["n"] == 0).any() else ""
    if fields > len(drawn):
        missing = f"{missing} Blank: no run at all.".strip()
    return [
        means,
        framed_words.strip(),
        _PARTS[measure] if _ACROSS in cells.told_by else "",
        f"All runs: {shared}." if shared else "",
        "Another resolution is another task: compare colours of one alone."
        if "resolution" in drawn and drawn["resolution"].nunique() > 1
        else "",
        missing,
        without_value_words(_with_the_loss(inputs, measure, cells, numbers), measure.label),
        own_loss_words(inputs) if measure is LOSS else "",
        along_words(cells),
        left_out_words(inputs),
    ]


def _with_the_loss(
    inputs: ReportInputs, measure: Measure, cells: Cells, numbers: pd.DataFrame
) -> pd.DataFrame:
    if measure is not LOSS:
        return numbers
    return numbers.loc[~numbers["cell"].isin(cells.runs.loc[own_loss(inputs), "cell"])]


def _table(cells: Cells, numbers: pd.DataFrame, drawn: pd.DataFrame) -> pd.DataFrame:
    columns = ["cell", *cells.told_by, *TABLE_COLUMNS[1:]]
    table = numbers.assign(drawn=numbers["cell"].isin(drawn["cell"]))
    return table.reindex(columns=columns)
