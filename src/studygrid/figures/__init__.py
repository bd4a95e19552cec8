"""Figures of a study: each a function from `StudyResults` to a `Drawing`, in a registry by name.

They are named here and loaded one by one: matplotlib and pandas take long to import, and the
config is checked against the names. A family may have figures of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from studygrid.families.base import Family, load_reference

if TYPE_CHECKING:
    from studygrid.figures.drawing import Drawing
    from studygrid.results.study_results import StudyResults

FIGURES = {
    "metric_by_resolution": "studygrid.figures.metric_by_resolution:metric_by_resolution",
    "metric_by_n_train": "studygrid.figures.metric_by_n_train:metric_by_n_train",
    "metric_heatmap": "studygrid.figures.metric_heatmap:metric_heatmap",
    "seed_spread": "studygrid.figures.seed_spread:seed_spread",
    "learning_curves": "studygrid.figures.learning_curves:learning_curves",
    "cost": "studygrid.figures.cost:cost",
    "best_against_throughput": "studygrid.figures.best_against_throughput:best_against_throughput",
    "time_to_threshold": "studygrid.figures.time_to_threshold:time_to_threshold",
    "status_matrix": "studygrid.figures.status_matrix:status_matrix",
}


def figures_of(family: Family) -> dict[str, str]:
    """Return the references of all figures of a family's studies, by name, in their order."""
    return {**FIGURES, **family.figures}


def load_figure(family: Family, name: str) -> Callable[[StudyResults], Drawing]:
    """Return the function that draws the figure of that name."""
    figure: Callable[[StudyResults], Drawing] = load_reference(figures_of(family)[name])
    return figure


__all__ = ["FIGURES", "figures_of", "load_figure"]
