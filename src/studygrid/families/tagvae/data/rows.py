"""Rows of tags as they were read, of any dataset."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


@dataclass(frozen=True)
class TagRows:
    """Which row has which tag.

    Attributes
    ----------
    tags
        Boolean, shape (rows, tags), with True alone stored and its columns in order of name.
    names
        Of the tags, sorted.
    splits
        Of each row, its place in `SPLITS`, where the data comes with splits; int8, shape (rows,).
    """

    tags: csr_array
    names: tuple[str, ...]
    splits: NDArray[np.int8] | None = None


def rows_of_lists(lists: Iterable[Collection[str]]) -> TagRows:
    """Return the rows that lists of tags are; a tag that comes twice in a list counts once."""
    numbers: dict[str, int] = {}
    indices = [[numbers.setdefault(tag, len(numbers)) for tag in dict.fromkeys(r)] for r in lists]
    return rows_of_indices(indices, list(numbers))


def rows_of_indices(
    indices: Sequence[Sequence[int] | NDArray[np.int64]],
    names: Sequence[str],
    splits: NDArray[np.int8] | None = None,
) -> TagRows:
    """Return the rows whose tags are given by their numbers in `names`, each once."""
    ends = np.cumsum([0, *map(len, indices)])
    none = np.empty(0, np.int64)
    given = np.concatenate([none, *(np.asarray(row, np.int64) for row in indices)])
    shape = (len(indices), len(names))
    tags = csr_array((np.ones(len(given), bool), given, ends), shape=shape)
    return rows_of_matrix(tags, names, splits)


def rows_of_matrix(
    tags: csr_array, names: Sequence[str], splits: NDArray[np.int8] | None = None
) -> TagRows:
    """Return the rows of a boolean matrix, shape (rows, tags), whose columns come in any order.

    Parameters
    ----------
    names
        Of all tags, each once.
    splits
        See `TagRows`.
    """
    order = sorted(range(len(names)), key=names.__getitem__)
    ordered = tags[:, order]
    ordered.sort_indices()
    return TagRows(ordered, tuple(names[at] for at in order), splits)
