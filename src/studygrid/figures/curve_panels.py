"""How learning curves are drawn in a panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from studygrid.figures.chosen_cells import DOTS_BELOW
from studygrid.figures.style import GREY, Look

_MEAN: dict[str, Any] = {
    "linewidth": 1.3,
    "markersize": 4,
    "markeredgecolor": "white",
    "markeredgewidth": 0.5,
}
_THIN: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.4}
_BAND: dict[str, Any] = {"linewidth": 0, "alpha": 0.18}
_KEPT: dict[str, Any] = {
    "linestyle": "none",
    "markersize": 3.8,
    "markerfacecolor": "white",
    "markeredgewidth": 0.9,
    "zorder": 4,
}
_END: dict[str, Any] = {
    "linestyle": "none",
    "marker": "x",
    "markersize": 5,
    "markeredgewidth": 1.3,
    "color": "black",
    "zorder": 6,
    "clip_on": False,
}
_SOLID: dict[str, Any] = {"linestyle": "-"}
_DASHED: dict[str, Any] = {"linestyle": (0, (3, 1.5))}


def draw_curves(
    axes: Axes,
    runs: pd.DataFrame,
    means: pd.DataFrame,
    look_of: Mapping[str, Look],
    quantities: Sequence[str],
) -> None:
    """Draw quantities against the step: thick means, and thin runs or a band, of each model.

    Parameters
    ----------
    axes
        The panel.
    runs, means
        What `Curves` has of a (resolution, training-set size).
    look_of
        The models to draw.
    quantities
        Columns of both; the epochs that were kept are marked on the last one.
    """
    if runs.empty:
        axes.text(0.5, 0.5, "no curve", transform=axes.transAxes, ha="center", color=GREY)
    for model, look in look_of.items():
        mean = means.loc[means["model"] == model]
        own = runs.loc[runs["model"] == model]
        many = bool((mean["n"] >= DOTS_BELOW).any())
        for name in quantities:
            style = {**(_DASHED if name == "train_loss" else _SOLID), "color": look.colour}
            _draw_mean(axes, mean, name, style, look.marker)
            if many:
                band = mean["step"], mean[f"{name}_low"], mean[f"{name}_high"]
                axes.fill_between(*band, color=look.colour, **_BAND)
            _draw_runs(axes, own.loc[own["status"] != "ok"] if many else own, name, style)
        kept = own.loc[own["kept"], ["step", quantities[-1]]].dropna()
        if many:
            kept = kept.median().to_frame().T
        axes.plot(kept["step"], kept[quantities[-1]], **_kept_mark(look))


def _draw_mean(
    axes: Axes, mean: pd.DataFrame, name: str, style: Mapping[str, Any], marker: str
) -> None:
    axes.plot(mean["step"], mean[name], zorder=3, **style, **_MEAN)
    last = mean.dropna(subset=[name]).tail(1)
    axes.plot(last["step"], last[name], marker=marker, zorder=5, **style, **_MEAN)


def _draw_runs(axes: Axes, runs: pd.DataFrame, name: str, style: Mapping[str, Any]) -> None:
    for _, run in runs.groupby("seed", sort=False):
        # A run of one epoch has no line: it is a dot.
        marker = "." if len(run) == 1 else None
        axes.plot(run["step"], run[name], marker=marker, **style, **_THIN)


def _kept_mark(look: Look) -> dict[str, Any]:
    return {"marker": look.marker, "markeredgecolor": look.colour, **_KEPT}


def fix_limits(every: Sequence[Axes], runs: pd.DataFrame, quantities: Sequence[str]) -> bool:
    """Give panels one y axis; return whether a line leaves it.

    What explodes, in a run that diverged or in the first epochs, must not flatten the rest.
    """
    names = list(quantities)
    ok = runs.loc[runs["status"] == "ok", names].to_numpy(float)
    everything = runs[names].to_numpy(float)
    values = ok if np.isfinite(ok).any() else everything
    if not np.isfinite(values).any():
        return False
    low, high = (float(value) for value in np.nanquantile(values, [0.05, 0.95]))
    room = 1.5 * ((high - low) or 0.1 * abs(high) or 0.1)
    bottom = max(float(np.nanmin(values)), low - room)
    top = min(float(np.nanmax(values)), high + room)
    margin = 0.06 * ((top - bottom) or room)
    for axes in every:
        axes.set_ylim(bottom - margin, top + margin)
    least, greatest = float(np.nanmin(everything)), float(np.nanmax(everything))
    return least < bottom - margin or greatest > top + margin


def mark_ends(axes: Axes, runs: pd.DataFrame, name: str) -> None:
    """Mark the last epoch of each run that failed; at the edge, where that is out of sight."""
    failed = runs.loc[runs["status"] != "ok"].dropna(subset=[name])
    ends = failed.groupby(["model", "seed"], sort=False).tail(1)
    if len(ends):
        (cross,) = axes.plot(ends["step"], ends[name].clip(*axes.get_ylim()), **_END)
        cross.set_in_layout(False)


def entries_of(look_of: Mapping[str, Look], runs: pd.DataFrame) -> dict[str, Artist]:
    """Return the legend: the models, and what lines and marks mean."""
    entries: dict[str, Artist] = {
        model: Line2D([], [], color=look.colour, marker=look.marker, **_MEAN)
        for model, look in look_of.items()
    }
    entries["validation"] = Line2D([], [], color=GREY, **_SOLID)
    entries["training"] = Line2D([], [], color=GREY, **_DASHED)
    if runs["kept"].any():
        entries["kept epoch"] = Line2D([], [], **_kept_mark(Look(GREY, "o")))
    if (runs["status"] != "ok").any():
        entries["failed"] = Line2D([], [], **_END)
    return entries
