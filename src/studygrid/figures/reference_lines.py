"""Level lines across an axis of training-set sizes: what is the same at each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from studygrid.figures.style import GREY, Look
from studygrid.results.study_results import StudyResults

_LINE: dict[str, Any] = {"linewidth": 1.2, "linestyle": (0, (5, 2)), "zorder": 1.8}
_RANGE: dict[str, Any] = {"linewidth": 0, "alpha": 0.16, "zorder": 1.2}
_CHANCE: dict[str, Any] = {
    "color": GREY,
    "linewidth": 0.9,
    "linestyle": (0, (1.2, 1.6)),
    "zorder": 1.5,
}


@dataclass(frozen=True)
class Reference:
    """What a model that does not learn scores, of all its runs: whatever their sizes.

    Attributes
    ----------
    value
        Where its line stands.
    low, high
        The least and the greatest of its runs.
    n
        How many runs that is.
    """

    model: str
    value: float
    low: float
    high: float
    n: int


def median_reference(model: str, values: Sequence[float]) -> Reference | None:
    """Return the reference of a model at the median of its runs; None without a run."""
    if not values:
        return None
    return Reference(model, float(np.median(values)), min(values), max(values), len(values))


def mean_reference(model: str, values: Sequence[float]) -> Reference | None:
    """Return the reference of a model at the mean of its runs; None without a run."""
    if not values:
        return None
    return Reference(model, float(np.mean(values)), min(values), max(values), len(values))


def draw_reference(axes: Axes, reference: Reference, look: Look) -> None:
    """Draw the line of a reference, dashed, and the range of its runs."""
    axes.axhspan(reference.low, reference.high, color=look.colour, **_RANGE)
    axes.axhline(reference.value, color=look.colour, **_LINE)


def reference_entries(models: Sequence[str], look_of: Mapping[str, Look]) -> dict[str, Artist]:
    """Return the legend of the lines of models."""
    return {
        f"{model} (does not learn)": Line2D([], [], color=look_of[model].colour, **_LINE)
        for model in models
    }


def reference_words(line: str) -> str:
    """Return what the lines of models are.

    Parameters
    ----------
    line
        What of its runs the line is: ``mean``.
    """
    return (
        f"Dashed level lines: the {line} of all runs of a model that does not learn, which is the "
        "same at every training-set size; their bands are the range of its runs."
    )


def draw_chance(axes: Axes, chance: float) -> None:
    """Draw what is scored without looking at the input, dotted and grey."""
    axes.axhline(chance, **_CHANCE)


def chance_entry() -> Artist:
    """Return the mark of that line for the legend."""
    return Line2D([], [], **_CHANCE)


def chance_at(study: StudyResults, resolution: int) -> dict[str, float]:
    """Return what a guesser that ignores the input scores at a resolution, by metric.

    Where it depends on the data, as that of a flat object does, it may be another one at each
    resolution.
    """
    for run, facts in study.facts.items():
        if run.resolution == resolution and facts.chance:
            return facts.chance
    return {}
