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
    "metric_by_axis": "studygrid.figures.metric_by_axis:metric_by_axis",
}


def figures_of(family: Family) -> dict[str, str]:
    """Return the references of all figures of a family's studies, by name, in their order."""
    return {**FIGURES, **family.figures}


def load_figure(family: Family, name: str) -> Callable[[StudyResults], Drawing]:
    """Return the function that draws the figure of that name."""
    figure: Callable[[StudyResults], Drawing] = load_reference(figures_of(family)[name])
    return figure


__all__ = ["FIGURES", "figures_of", "load_figure"]
