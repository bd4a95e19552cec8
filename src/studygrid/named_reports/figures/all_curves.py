"""Every loss curve of a report, in validation and in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.style import WIDTH_IN, house_style
from studygrid.named_reports.figures.cell_numbers import along_words
from studygrid.named_reports.figures.cells import cells_of, common_words
from studygrid.named_reports.figures.curves import (
    Curves,
    curve_table,
    curves_of,
    draw_curves,
    line_words,
    within,
)
from studygrid.named_reports.figures.measures import (
    left_out_words,
    numbers,
    own_loss,
    own_loss_words,
    training_epochs,
    validation_epochs,
)
from studygrid.named_reports.figures.panel_grid import panel_grid
from studygrid.named_reports.figures.panels import Panel, panels_of, same_scale
from studygrid.named_reports.inputs import ReportInputs

TABLE_COLUMNS = ["kind", "cell", "run_dir", "seed", "epoch", "loss", "n", "drawn"]

_MOST_PANELS = 9


@dataclass(frozen=True)
class _Split:
    words: str
    column: str
    note: str


_VALIDATION = _Split("validation", "val_loss", "")
_TRAINING = _Split(
    "training",
    "train_loss",
    "The training loss is the one that is optimised: that of a vector quantiser holds its "
    "commitment, so it lies higher for that alone.",
)


def all_val_curves(inputs: ReportInputs) -> Drawing:
    """Draw the validation loss of all runs against the epoch.

    Returns
    -------
    A drawing whose table has one row an epoch: `kind` (``seed`` or ``mean``), what tells cells
        apart, `run_dir`, `seed`, `epoch`, `loss`, `n` of a mean, and `drawn`.
    """
    return _all_curves(inputs, _VALIDATION)


def all_train_curves(inputs: ReportInputs) -> Drawing:
    """Draw the training loss of all runs against the epoch.

    Returns
    -------
    See `all_val_curves`.
    """
    return _all_curves(inputs, _TRAINING)


def _all_curves(inputs: ReportInputs, split: _Split) -> Drawing:
    title = f"{inputs.title}: every curve of the {split.words} loss"
    curves = _curves(inputs, split)
    if curves.runs.empty:
        reason = (
            f"No run has a {split.words} loss in its epochs. {own_loss_words(inputs)} "
            f"{left_out_words(inputs)}"
        )
        return nothing_to_draw(title, reason.strip(), TABLE_COLUMNS)
    shown, note = panels_of(curves.cells, curves.numbers(), within(curves.cells), _MOST_PANELS)
    with house_style():
        return _drawn(inputs, split, curves, shown, note, title)


def _curves(inputs: ReportInputs, split: _Split) -> Curves:
    read = validation_epochs if split is _VALIDATION else training_epochs
    found: dict[str, pd.DataFrame] = {}
    for run_dir in inputs.runs_df["run_dir"]:
        epochs = read(inputs, run_dir)
        found[run_dir] = epochs.assign(x=epochs["epoch"], error=numbers(epochs, split.column))
    return curves_of(cells_of(inputs.runs_df), found)


def _drawn(
    inputs: ReportInputs,
    split: _Split,
    curves: Curves,
    shown: Sequence[Panel],
    note: str,
    title: str,
) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, 3))
    cells = curves.cells
    one_loss = "globals_weight" not in cells.told_by
    share_y = one_loss and same_scale(cells, within(cells))
    grid = panel_grid(figure, shown, share_y=share_y)
    entries, cut = draw_curves(grid.axes, curves, shown, share_y=share_y)
    grid.label("Epoch", f"Loss ({split.words})")
    grid.axes[0].xaxis.set_major_locator(MaxNLocator(6, integer=True))
    drawn = [cell for panel in shown for cell in panel.cells]
    without = int((~own_loss(inputs)).sum()) - curves.runs["run_dir"].nunique()
    shared = common_words(cells)
    caption = [
        line_words(curves.counts(drawn), "the loss"),
        ""
        if one_loss
        else "Each weight of the globals makes another loss: panels have axes of "
        "their own, and are not to be compared.",
        split.note if "vq" in cells.values("tokenizer") else "",
        f"All runs: {shared}." if shared else "",
        f"{without} {'run has' if without == 1 else 'runs have'} no such curve." if without else "",
        own_loss_words(inputs),
        along_words(cells),
        left_out_words(inputs),
        note,
        "Lines that leave a panel are cut." if cut else "",
    ]
    return framed(
        figure,
        curve_table(curves, drawn, "epoch", "loss"),
        title=title,
        caption=" ".join(filter(None, caption)),
        entries=entries,
        panel_height_in=grid.height_in,
    )
