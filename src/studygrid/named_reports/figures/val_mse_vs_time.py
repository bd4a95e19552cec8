"""The validation error against the time in training."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

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
from studygrid.named_reports.figures.devices import OneDevice, one_device
from studygrid.named_reports.figures.measures import (
    Measure,
    epoch_column,
    error_of,
    left_out_words,
    numbers,
    validation_epochs,
)
from studygrid.named_reports.figures.panel_grid import panel_grid
from studygrid.named_reports.figures.panels import Panel, panels_of, same_scale
from studygrid.named_reports.inputs import ReportInputs

TABLE_COLUMNS = ["kind", "cell", "run_dir", "seed", "epoch", "seconds", "error", "n", "drawn"]

_MOST_PANELS = 6


def val_mse_vs_time(inputs: ReportInputs) -> Drawing:
    """Draw the validation error of each run against its seconds of training, cell by cell.

    The error is that of the tokens where the epochs have it, and else the whole loss. Seconds
    are the times of the epochs added up, of one device alone; a thick line is, epoch by epoch,
    the mean error of a cell's runs at their mean time, as far as all of them go.

    Returns
    -------
    A drawing whose table has one row an epoch: `kind` (``seed`` or ``mean``), what tells cells
        apart, `run_dir`, `seed`, `epoch`, `seconds`, `error`, `n` of a mean, and `drawn`.
    """
    measure = error_of(inputs)
    title = f"{inputs.title}: {measure.label} against time in training"
    device = one_device(inputs.runs_df)
    curves = _curves(inputs, measure, device)
    if curves.runs.empty:
        return nothing_to_draw(title, _why_nothing(inputs, measure), TABLE_COLUMNS)
    shown, note = panels_of(curves.cells, curves.numbers(), within(curves.cells), _MOST_PANELS)
    with house_style():
        return _drawn(inputs, measure, curves, device, shown, note, title)


def _curves(inputs: ReportInputs, measure: Measure, device: OneDevice) -> Curves:
    column = epoch_column(inputs, measure)
    found = {}
    for run_dir in inputs.runs_df.loc[device.is_own, "run_dir"] if column else ():
        epochs = validation_epochs(inputs, run_dir)
        found[run_dir] = epochs.assign(x=epochs["seconds"], error=numbers(epochs, str(column)))
    return curves_of(cells_of(inputs.runs_df), found)


def _why_nothing(inputs: ReportInputs, measure: Measure) -> str:
    has_error = epoch_column(inputs, measure) is not None
    lacks = f"both {measure.label} and the time of its epochs" if has_error else measure.label
    return f"No run has {lacks} in its epochs. {left_out_words(inputs)}".strip()


def _drawn(
    inputs: ReportInputs,
    measure: Measure,
    curves: Curves,
    device: OneDevice,
    shown: Sequence[Panel],
    note: str,
    title: str,
) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, 3))
    share_y = same_scale(curves.cells, within(curves.cells))
    grid = panel_grid(figure, shown, share_y=share_y)
    entries, cut = draw_curves(grid.axes, curves, shown, share_y=share_y)
    grid.axes[0].set_xlim(left=0)
    grid.label("Time in training (s)", measure.label)
    drawn = [cell for panel in shown for cell in panel.cells]
    caption = _caption(inputs, measure, curves, device, drawn)
    caption += [note, "Lines that leave a panel are cut." if cut else ""]
    return framed(
        figure,
        curve_table(curves, drawn, "seconds", "error"),
        title=title,
        caption=" ".join(filter(None, caption)),
        entries=entries,
        panel_height_in=grid.height_in,
    )


def _caption(
    inputs: ReportInputs,
    measure: Measure,
    curves: Curves,
    device: OneDevice,
    drawn: Sequence[int],
) -> list[str]:
    without = int(device.is_own.sum()) - curves.runs["run_dir"].nunique()
    shared = common_words(curves.cells)
    return [
        line_words(curves.counts(drawn), "error and time, epoch by epoch,"),
        f"All runs: {shared}." if shared else "",
        measure.caution,
        "Seconds are the times of the epochs, added up; starting up takes no part in them.",
        device.words("seconds"),
        f"{without} {'run has' if without == 1 else 'runs have'} no such curve." if without else "",
        along_words(curves.cells),
        left_out_words(inputs),
    ]
