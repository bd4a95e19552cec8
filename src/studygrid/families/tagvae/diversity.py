"""How different rows of tags are from each other, and how many tags they have."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from studygrid.families.base import Undefined

Rows = NDArray[np.uint8]


@dataclass(frozen=True)
class Diversity:
    """Diversity of rows of tags.

    Attributes
    ----------
    unique_percent
        Distinct combinations of tags, per 100 rows.
    entropy_nats, entropy_bits
        Shannon entropy of the combinations' shares.
    gini
        Inequality of how often each tag occurs; None where no row has a tag.
    tags_per_row
        Mean number of tags of a row.
    """

    unique_percent: float
    entropy_nats: float
    entropy_bits: float
    gini: float | None
    tags_per_row: float


def diversity(rows: Rows) -> Diversity:
    """Return the diversity of rows of tags, shape (n, R).

    Raises
    ------
    Undefined
        If there are no rows.
    """
    entropy = entropy_nats(rows)
    return Diversity(
        unique_percent=unique_percent(rows),
        entropy_nats=entropy,
        entropy_bits=entropy / math.log(2),
        gini=gini(tag_counts(rows)) if rows.any() else None,
        tags_per_row=tags_per_row(rows),
    )


def unique_percent(rows: Rows) -> float:
    """Return the distinct combinations of tags, per 100 rows of shape (n, R).

    Raises
    ------
    Undefined
        If there are no rows.
    """
    return 100 * len(combination_counts(rows)) / len(rows)


def entropy_nats(rows: Rows) -> float:
    """Return the Shannon entropy in nats of the combinations of tags, from 0 to ln n.

    It is that of their shares of the n rows, with nothing added to them: sum of -p ln p.

    Raises
    ------
    Undefined
        If there are no rows.
    """
    return float(special.entr(combination_counts(rows) / len(rows)).sum())


def combination_counts(rows: Rows) -> NDArray[np.int64]:
    """Return how many rows have each of the distinct combinations of tags.

    Raises
    ------
    Undefined
        If there are no rows.
    """
    _require_rows(rows)
    counts = np.unique(np.packbits(rows, axis=1), axis=0, return_counts=True)[1]
    return np.asarray(counts, dtype=np.int64)


def tag_counts(rows: Rows) -> NDArray[np.int64]:
    """Return how many rows have each tag, shape (R,)."""
    return np.asarray(rows.sum(axis=0, dtype=np.int64))


def tags_per_row(rows: Rows) -> float:
    """Return the mean number of tags of a row.

    Raises
    ------
    Undefined
        If there are no rows.
    """
    _require_rows(rows)
    return float(tag_counts(rows).sum() / len(rows))


def gini(counts: NDArray[np.int64]) -> float:
    """Return the Gini coefficient of counts that are 0 or more, zeros included.

    Half the mean absolute difference of all ordered pairs of counts, each with itself too, over
    their mean; here from the sorted counts. It is 0 where they are equal and 1 - 1/R where one
    of R has all.

    Source: Gini 1912; in the form of Dixon et al., Ecology 68 (1987), 1548, without their
    correction R / (R - 1).

    Raises
    ------
    Undefined
        If no count is above 0.
    """
    total = int(counts.sum())
    if total == 0:
        raise Undefined("no row has a tag")
    size = len(counts)
    ranks = 2 * np.arange(1, size + 1) - size - 1
    return float(ranks @ np.sort(counts) / (size * total))


def tag_frequency_rows(data: Rows, reconstructed: Rows, samples: Rows | None) -> list[list[int]]:
    """Return a row for each tag: rows of the data, reconstructions and samples that have it.

    Parameters
    ----------
    data, reconstructed, samples
        Rows of tags, shape (n, R); samples that were not drawn count as no rows.
    """
    columns = [tag_counts(rows) for rows in _three(data, reconstructed, samples)]
    table: list[list[int]] = np.stack(columns, axis=1).tolist()
    return table


def tags_per_row_rows(data: Rows, reconstructed: Rows, samples: Rows | None) -> list[list[int]]:
    """Return a row for each k from 0 to the most: k, and how many rows have k tags.

    These are rows of the data, of the reconstructions and of the samples, shape (n, R); samples
    that were not drawn count as no rows.
    """
    sizes = [rows.sum(axis=1, dtype=np.int64) for rows in _three(data, reconstructed, samples)]
    most = max(int(size.max(initial=0)) for size in sizes)
    columns = [np.arange(most + 1), *(np.bincount(size, minlength=most + 1) for size in sizes)]
    table: list[list[int]] = np.stack(columns, axis=1).tolist()
    return table


def _three(data: Rows, reconstructed: Rows, samples: Rows | None) -> tuple[Rows, Rows, Rows]:
    return data, reconstructed, data[:0] if samples is None else samples


def _require_rows(rows: Rows) -> None:
    if len(rows) == 0:
        raise Undefined("there are no rows")
