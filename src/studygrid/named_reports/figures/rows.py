"""Panels whose rows are cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes

from studygrid.named_reports.figures.cells import Cells


def row_places(shown: Sequence[int]) -> dict[int, int]:
    """Return the height of each cell's row: the first stands at the top."""
    return {cell: -place for place, cell in enumerate(shown)}


def name_rows(
    every: Sequence[Axes], cells: Cells, places: Mapping[int, int], *, part_by: str
) -> None:
    """Name the rows of panels, with a line between two values of a setting."""
    names = [cells.words(cell) or "all runs" for cell in places]
    every[0].set_yticks(list(places.values()), names, parse_math=False)
    every[0].set_ylim(min(places.values()) - 0.6, 0.6)
    rows = cells.table.set_index("cell")
    values = rows[part_by] if part_by in rows else pd.Series("", rows.index)
    for axes in every:
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        before = None
        for cell, y in places.items():
            if before not in (None, values[cell]):
                axes.axhline(y + 0.5, color="#c8c8c8", linewidth=0.6, zorder=0)
            before = values[cell]
