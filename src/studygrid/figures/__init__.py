"""Figures of a study: each a function of tables that returns a figure and the numbers it shows.

They are named here and loaded one by one: matplotlib and pandas take long to import.
`studygrid.figures.style` holds their common look and `save`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from studygrid.families.base import load_reference

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FIGURES = {"metric_by_axis": "studygrid.figures.metric_by_axis:metric_by_axis"}


def load_figure(name: str) -> Callable[..., tuple[Figure, pd.DataFrame]]:
    """Return the function that draws the figure of that name."""
    figure: Callable[..., tuple[Figure, pd.DataFrame]] = load_reference(FIGURES[name])
    return figure


__all__ = ["FIGURES", "load_figure"]
