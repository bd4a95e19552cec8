"""From a data frame to a table of a report's page."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import pandas as pd

from studygrid.tables.contents import Table


def table(
    frame: pd.DataFrame,
    *,
    title: str,
    note: str = "",
    columns: Sequence[Hashable] | None = None,
    headings: Mapping[str, str] | None = None,
    name: str = "table",
) -> Table:
    """Return a frame as a table of a section.

    Parameters
    ----------
    frame
        All of it, in the order in which it is read.
    title, note
        What it shows, and what a row is.
    columns
        The columns that are shown, in order; the reader can open the others. All when left out.
    headings
        From a column to the words, with units, that head it.
    name
        Tells it from the other tables of the section.
    """
    main = tuple(map(str, frame)) if columns is None else tuple(map(str, columns))
    return Table(name, title, note, frame, main, dict(headings or {}))
