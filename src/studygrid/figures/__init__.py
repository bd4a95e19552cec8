"""Figures of a study: each a function of tables that returns a figure and the numbers it shows.

matplotlib and pandas are loaded by the module of the figure that is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studygrid.families.base import load_reference

if TYPE_CHECKING:
    from studygrid.figures.metric_by_axis import metric_by_axis
    from studygrid.figures.style import save

__all__ = ["metric_by_axis", "save"]

_HOMES = {
    "metric_by_axis": "studygrid.figures.metric_by_axis:metric_by_axis",
    "save": "studygrid.figures.style:save",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return load_reference(_HOMES[name])
