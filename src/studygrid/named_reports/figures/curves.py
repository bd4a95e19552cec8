"""Curves of runs, cell by cell: of an error against something that grows with the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.curve_panels import fix_limits
from studygrid.named_reports.figures.cells import Cells
from studygrid.named_reports.figures.log_axis import is_log, set_log_y
from studygrid.named_reports.figures.looks import dash_entries, dashes_of, looks_of
from studygrid.named_reports.figures.panels import Panel

COLUMNS = ["cell", "run_dir", "seed", "epoch", "x", "error"]

_THIN: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.45, "zorder": 2}
_MEAN: dict[str, Any] = {"linewidth": 1.5, "zorder": 3}
_END: dict[str, Any] = {"markersize": 4, "markeredgecolor": "white", "markeredgewidth": 0.5}


@dataclass(frozen=True)
class Curves:
    """Curves of runs and their means.

    Attributes
    ----------
    runs
        One row an epoch of a run: `COLUMNS`.
    means
        One row an epoch of a cell: `cell`, `epoch`, `x`, `error` and `n`, the means over its
        runs as far as all of them go.
    """

    cells: Cells
    runs: pd.DataFrame
    means: pd.DataFrame

    def counts(self, drawn: Sequence[int] | None = None) -> pd.Series[int]:
        """Return how many runs each cell has a curve of."""
        runs = self.runs if drawn is None else self.runs.loc[self.runs["cell"].isin(drawn)]
        return runs.groupby("cell")["run_dir"].nunique()

    def numbers(self) -> pd.DataFrame:
        """Return the cells with how many curves each has, as `panels_of` reads them."""
        counts = self.counts().rename("n").reset_index()
        table = self.cells.table.merge(counts, on="cell", how="left")
        return table.assign(n=table["n"].fillna(0).astype(int))


def curves_of(cells: Cells, found: Mapping[str, pd.DataFrame]) -> Curves:
    """Gather curves.

    Parameters
    ----------
    found
        From a ``run_dir`` to its `epoch`, `x` and `error`; rows without one of them are dropped.
    """
    parts = [pd.DataFrame(columns=COLUMNS)]
    for run in cells.runs.to_dict("records"):
        epochs = found.get(run["run_dir"])
        if epochs is not None:
            own = epochs.dropna(subset=["x", "error"])
            named = own.assign(cell=run["cell"], run_dir=run["run_dir"], seed=run.get("seed"))
            parts.append(named[COLUMNS])
    there = [part for part in parts if not part.empty]
    runs = pd.concat(there, ignore_index=True) if there else parts[0]
    return Curves(cells, runs, _means(runs))


def _means(runs: pd.DataFrame) -> pd.DataFrame:
    epochs = runs.groupby(["cell", "epoch"], sort=True)
    means = epochs[["x", "error"]].mean().assign(n=epochs["run_dir"].nunique()).reset_index()
    # The mean of the runs that go on alone would jump where the others end.
    every = runs.groupby("cell")["run_dir"].nunique()
    return means.loc[means["n"] == means["cell"].map(every)].reset_index(drop=True)


def draw_curves(
    grid: Sequence[Axes], curves: Curves, shown: Sequence[Panel], *, share_y: bool
) -> tuple[dict[str, Artist], bool]:
    """Draw curves in their panels; return the legend, and whether a line leaves its panel.

    Colours are tokenizers, dashes latent sizes: see `within`.
    """
    cells = curves.cells
    looks, dashes = looks_of(cells), dashes_of(cells, "latent_dim") or {}
    drawn = [cell for panel in shown for cell in panel.cells]
    rows = cells.table.loc[cells.table["cell"].isin(drawn)].to_dict("records")
    row_of = {row["cell"]: row for row in rows}
    for axes, panel in zip(grid, shown, strict=True):
        for cell in panel.cells:
            look = looks.of(row_of[cell])
            dash = dashes.get(row_of[cell].get("latent_dim", ""), "-")
            _draw_cell(axes, curves, cell, {"color": look.colour, "linestyle": dash}, look.marker)
    entries = looks.colour_entries(rows, lines=True) | dash_entries(dashes, "latent_dim", rows)
    return entries, _limit(grid, curves, shown, share_y=share_y)


def within(cells: Cells) -> list[str]:
    """Return the settings that a panel of curves shows: by colour, and by dash where these do."""
    names = [looks_of(cells).coloured]
    return [*names, "latent_dim"] if dashes_of(cells, "latent_dim") else names


def _draw_cell(
    axes: Axes, curves: Curves, cell: int, style: Mapping[str, Any], marker: str
) -> None:
    runs = curves.runs.loc[curves.runs["cell"] == cell]
    mean = curves.means.loc[curves.means["cell"] == cell]
    if 1 < runs["run_dir"].nunique() < chosen.DOTS_BELOW:
        for _, run in runs.groupby("run_dir", sort=False):
            dot = "." if len(run) == 1 else None
            axes.plot(run["x"], run["error"], marker=dot, **style, **_THIN)
    axes.plot(mean["x"], mean["error"], **style, **_MEAN)
    last = mean.tail(1)
    axes.plot(last["x"], last["error"], marker=marker, zorder=4, **style, **_END)


def _limit(grid: Sequence[Axes], curves: Curves, shown: Sequence[Panel], *, share_y: bool) -> bool:
    runs = curves.runs.assign(status="ok").astype({"error": float})
    groups = [(list(grid), [cell for panel in shown for cell in panel.cells])]
    if not share_y:
        groups = [([axes], list(panel.cells)) for axes, panel in zip(grid, shown, strict=True)]
    cuts = [_limit_axes(axes, runs.loc[runs["cell"].isin(own)]) for axes, own in groups]
    return any(cuts)


def _limit_axes(every: Sequence[Axes], runs: pd.DataFrame) -> bool:
    low, high = float(runs["error"].min()), float(runs["error"].max())
    if is_log(low, high):
        set_log_y(every, low, high)
        return False
    return fix_limits(every, runs, ["error"])


def line_words(counts: pd.Series[int], what: str) -> str:
    """Return what lines are, from how many runs each cell has; `what` is averaged."""
    low, high = int(counts.min()), int(counts.max())
    if high == 1:
        return "Lines are single runs: 1 seed a cell."
    seeds = f"{low} to {high}" if low < high else f"{low}"
    words = (
        f"Thick lines are means of {what} over n = {seeds} seeds, as far as all runs of a cell go"
    )
    if low >= chosen.DOTS_BELOW:
        return f"{words}; the runs are in the CSV."
    some = f", in cells with less than {chosen.DOTS_BELOW}" if high >= chosen.DOTS_BELOW else ""
    return f"{words}; thin lines are the runs{some}. There are no intervals."


def curve_table(curves: Curves, drawn: Sequence[int], x: str, error: str) -> pd.DataFrame:
    """Return all curves, drawn or not, one row an epoch."""
    told = list(curves.cells.told_by)
    parts = [
        part.merge(curves.cells.table[["cell", *told]], on="cell").assign(kind=kind)
        for kind, part in (("mean", curves.means), ("seed", curves.runs))
    ]
    table = pd.concat([part for part in parts if not part.empty], ignore_index=True)
    table["drawn"] = table["cell"].isin(drawn)
    columns = ["kind", "cell", *told, *COLUMNS[1:], "n", "drawn"]
    columns = [name for name in columns if x != "epoch" or name != "x"]
    table = table.reindex(columns=columns).rename(columns={"x": x, "error": error})
    return table.astype({"n": "Int64", "epoch": "Int64"})
