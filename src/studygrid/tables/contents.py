"""The tables of a study, whatever format they are written in."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from studygrid.results.study_results import StudyResults


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes
    ----------
    name
        ``runs``, ``summary``, ``rankings`` or ``failures``; it names files and sheets.
    note
        What a row is and how to read it, in a sentence or two.
    frame
        All of it, in the order in which it is read.
    main
        The columns that fit on a page, in order.
    """

    name: str
    title: str
    note: str
    frame: pd.DataFrame
    main: tuple[str, ...]


def study_tables(study: StudyResults) -> list[Table]:
    """Return the tables of a study: its runs, its cells, their ranking, and what failed."""
    raise NotImplementedError
