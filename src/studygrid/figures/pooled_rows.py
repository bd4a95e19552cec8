"""What is kept of the rows of tags of a model, added up over its seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.figures.largest_place import Place, facts_at
from studygrid.results.study_results import StudyResults

# The columns of such tables.
KINDS = ("data", "reconstruction", "prior")


@dataclass(frozen=True)
class PooledRows:
    """Counts of rows of the data, of reconstructions and of prior samples.

    Attributes
    ----------
    counts
        Shape (table's rows, 3), in the order of `KINDS`.
    rows
        How many rows there are of each, of all seeds together; 0 where none were drawn.
    n
        The seeds added up.
    """

    counts: NDArray[np.float64]
    rows: NDArray[np.float64]
    n: int

    @property
    def shares(self) -> NDArray[np.float64]:
        """The counts as shares of the rows; NaN where there are no rows."""
        shares: NDArray[np.float64] = np.full_like(self.counts, np.nan)
        np.divide(self.counts, self.rows, out=shares, where=self.rows > 0)
        return shares


def pooled_rows(
    study: StudyResults, place: Place, model: str, table: str, first: int = 0
) -> PooledRows | None:
    """Return the counts of a table added up over a model's seeds; None where none is kept.

    Parameters
    ----------
    table
        Its name.
    first
        The column of the table that the counts begin at. Where it is not 0, the rows are numbered
        from 0 and may be more in some runs than in others.
    """
    found, rows = [], []
    for facts in facts_at(study, place, model).values():
        counts = _counts(facts.tables.get(table), first)
        sizes = [facts.scored.get(name) for name in ("rows", "rows", "samples")]
        if counts is not None and all(isinstance(size, int) for size in sizes):
            found.append(counts)
            rows.append(np.array(sizes, dtype=np.float64))
    if not found:
        return None
    longest = max(map(len, found))
    if first == 0:
        kept = [place for place, counts in enumerate(found) if len(counts) == longest]
        found, rows = [found[place] for place in kept], [rows[place] for place in kept]
    padded = [np.pad(counts, ((0, longest - len(counts)), (0, 0))) for counts in found]
    return PooledRows(np.sum(padded, axis=0), np.sum(rows, axis=0), len(found))


def _counts(table: Any, first: int) -> NDArray[np.float64] | None:
    """Return the counts of a table, or None of one that is none; families of others may differ."""
    try:
        counts = np.asarray(table, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    if counts.ndim != 2 or counts.shape[1] != first + len(KINDS) or len(counts) == 0:
        return None
    return counts[:, first:]
