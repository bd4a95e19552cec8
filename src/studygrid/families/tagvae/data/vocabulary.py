"""From rows of tags to a vocabulary and to splits that share no row. Pure functions.

A row's split is drawn from the hash of its own tags, so it depends on no other row, on no filter
and not on the size of the vocabulary. Of equal rows one is kept, and which one is drawn in the
same way: a row that is kept with a small vocabulary is kept with every larger one, and the
rows that occur often do not gather in one split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from studygrid.errors import DataError
from studygrid.families.base import SPLITS, Split
from studygrid.families.tagvae.data.rows import TagRows

TRAIN, VALIDATION, TEST = map(SPLITS.index, ("train", "validation", "test"))
_RANGE = 2.0**64

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Filters:
    """The least number of rows of a tag, and of tags of a row."""

    min_tag_rows: int
    min_row_tags: int


@dataclass(frozen=True)
class Drawn:
    """What is drawn for each row from the hash of its tags.

    Attributes
    ----------
    splits
        Place in `SPLITS`, int8, shape (rows,).
    order
        Of equal rows that with the least number is kept; uint64, shape (rows,).
    """

    splits: NDArray[np.int8]
    order: NDArray[np.uint64]


@dataclass(frozen=True)
class Counts:
    """How many rows and tags each step left out.

    Attributes
    ----------
    rows_read, tags_read
        What the data holds.
    tags_too_rare, rows_without_enough_tags
        Left out by the filters.
    rows_duplicate
        Left out next: equal, in the tags that are kept, to a row that stays.
    tags_kept
        From which the vocabulary is chosen.
    rows_too_short_in_vocabulary, rows_duplicate_in_vocabulary
        Left out since they have too few tags of the vocabulary, or are equal in it to another.
    leaks_removed
        Of both kinds of duplicates those whose equal stays in another split.
    """

    rows_read: int
    tags_read: int
    tags_too_rare: int
    rows_without_enough_tags: int
    rows_duplicate: int
    tags_kept: int
    rows_too_short_in_vocabulary: int
    rows_duplicate_in_vocabulary: int
    leaks_removed: int


@dataclass(frozen=True)
class Vocabulary:
    """The rows and tags of a study.

    Attributes
    ----------
    tags
        Boolean, shape (rows, R), columns by falling frequency in the training split.
    names
        Of the tags, in the order of the columns.
    train_frequency
        Rows of the training split that have each tag.
    splits
        Positions of the rows of each split.
    source_rows
        Place of each row in the data as it was read, int64, shape (rows,), rising.
    counts
        What was left out.
    """

    tags: csr_array
    names: tuple[str, ...]
    train_frequency: Positions
    splits: Mapping[Split, Positions]
    source_rows: Positions
    counts: Counts


def choose_vocabulary(
    rows: TagRows, filters: Filters, fractions: Mapping[Split, float], seed: int, size: int
) -> Vocabulary:
    """Filter rows and tags, split the rows, and keep the `size` most frequent tags.

    The vocabulary is chosen by the frequencies in the training split before rows that are short
    or equal in it are left out, so that smaller vocabularies lie within larger ones. Its columns
    are in the order of what training is then left with.

    Parameters
    ----------
    fractions
        Of the validation and the test split; not used where the rows come with splits.

    Raises
    ------
    DataError
        If there are fewer tags than `size`, or a split has no row.
    """
    _check_size(size, filters)
    drawn = draw(row_contents(rows), fractions, seed)
    splits = drawn.splits if rows.splits is None else rows.splits
    priority = _priority(rows.splits, drawn.order)

    full, columns = frequent(rows.tags, filters)
    tags = rows.tags[:, columns]
    different, first_leaks = without_duplicates(tags, full, priority, splits)
    chosen = most_frequent(tags, different[splits[different] == TRAIN], size)
    tags = tags[:, chosen]
    long = different[row_lengths(tags[different]) >= filters.min_row_tags]
    final, leaks = without_duplicates(tags, long, priority, splits)

    counts = Counts(
        rows_read=rows.tags.shape[0],
        tags_read=len(rows.names),
        tags_too_rare=len(rows.names) - len(columns),
        rows_without_enough_tags=rows.tags.shape[0] - len(full),
        rows_duplicate=len(full) - len(different),
        tags_kept=len(columns),
        rows_too_short_in_vocabulary=len(different) - len(long),
        rows_duplicate_in_vocabulary=len(long) - len(final),
        leaks_removed=first_leaks + leaks,
    )
    names = [rows.names[at] for at in columns[chosen]]
    return _ordered(tags[final], names, splits[final], final, counts)


def _ordered(
    tags: csr_array,
    names: Sequence[str],
    splits: NDArray[np.int8],
    source_rows: Positions,
    counts: Counts,
) -> Vocabulary:
    by_split = {split: np.flatnonzero(splits == at) for at, split in enumerate(SPLITS)}
    _require_rows(by_split, counts)
    frequency = tag_counts(tags[by_split["train"]])
    order = np.argsort(-frequency, kind="stable")  # of equal counts in order of name, as before
    return Vocabulary(
        tags=tags[:, order],
        names=tuple(names[at] for at in order),
        train_frequency=frequency[order],
        splits=by_split,
        source_rows=source_rows,
        counts=counts,
    )


def row_lengths(tags: csr_array) -> Positions:
    """Return the number of tags of each row."""
    lengths: Positions = np.diff(tags.indptr).astype(np.int64)
    return lengths


def tag_counts(tags: csr_array) -> Positions:
    """Return the number of rows of each tag."""
    return np.bincount(tags.indices, minlength=tags.shape[1]).astype(np.int64)


def row_contents(rows: TagRows) -> list[str]:
    """Return the sorted names of the tags of each row as one text."""
    ends = rows.tags.indptr.tolist()
    names = [rows.names[at] for at in rows.tags.indices.tolist()]
    return ["\0".join(names[start:end]) for start, end in pairwise(ends)]


def draw(contents: Sequence[str], fractions: Mapping[Split, float], seed: int) -> Drawn:
    """Draw each row's split, and its place among equal rows, from the hash of seed and content."""
    words = b"".join(
        hashlib.sha256(f"{seed}\0{content}".encode()).digest()[:16] for content in contents
    )
    numbers = np.frombuffer(words, ">u8").reshape(-1, 2).astype(np.uint64)
    share = numbers[:, 0].astype(np.float64) / _RANGE
    splits = np.full(len(contents), TRAIN, np.int8)
    splits[share < fractions["test"] + fractions["validation"]] = VALIDATION
    splits[share < fractions["test"]] = TEST
    return Drawn(splits, numbers[:, 1])


def frequent(tags: csr_array, filters: Filters) -> tuple[Positions, Positions]:
    """Return the rows and columns that are left once no tag is too rare and no row too short.

    This is the largest choice of rows and tags of which that is true, and there is one such.
    """
    rows, columns = np.arange(tags.shape[0]), np.arange(tags.shape[1])
    while True:
        often = tag_counts(tags) >= filters.min_tag_rows
        columns, tags = columns[often], tags[:, often]
        long = row_lengths(tags) >= filters.min_row_tags
        rows, tags = rows[long], tags[long]
        if often.all() and long.all():
            return rows, columns


def without_duplicates(
    tags: csr_array, among: Positions, priority: Positions, splits: NDArray[np.int8]
) -> tuple[Positions, int]:
    """Return, of the rows `among`, one of each content, and the number of leaks.

    A leak is a row that goes and whose equal stays in another split.

    Parameters
    ----------
    tags
        Boolean, shape (rows, tags).
    among
        Positions of rows.
    priority
        Of all rows; of equal rows that with the least is kept.
    splits
        Of all rows.

    Returns
    -------
    kept
        Positions, rising.
    leaks
        Their number.
    """
    tags.sort_indices()
    ends = tags.indptr.tolist()
    keeper: dict[bytes, int] = {}
    leaks = 0
    for row in among[np.argsort(priority[among])].tolist():
        content = tags.indices[ends[row] : ends[row + 1]].tobytes()
        kept = keeper.setdefault(content, row)
        leaks += int(splits[kept] != splits[row])
    return np.sort(np.fromiter(keeper.values(), np.int64, len(keeper))), leaks


def most_frequent(tags: csr_array, train: Positions, size: int) -> Positions:
    """Return the `size` columns that most of the rows `train` have, in their own order.

    Of equal counts the first column comes first.

    Raises
    ------
    DataError
        If fewer have any.
    """
    frequency = tag_counts(tags[train])
    available = int((frequency > 0).sum())
    if size > available:
        raise DataError(
            f"a vocabulary of {size} tags was asked for, but {available} are left, in "
            f"{len(train)} rows of training; lower grid.resolution, or dataset.min_tag_rows and "
            "dataset.min_row_tags"
        )
    return np.sort(np.argsort(-frequency, kind="stable")[:size])


def _priority(given: NDArray[np.int8] | None, order: NDArray[np.uint64]) -> Positions:
    """Return which of equal rows is kept: of splits that came with the data, test's first."""
    place = np.zeros(len(order), np.int8) if given is None else -given
    ranked = np.lexsort((np.arange(len(order)), order, place))
    priority = np.empty(len(order), np.int64)
    priority[ranked] = np.arange(len(order))
    return priority


def _check_size(size: int, filters: Filters) -> None:
    if size < filters.min_row_tags:
        raise DataError(
            f"no row can have {filters.min_row_tags} tags (dataset.min_row_tags) of a vocabulary "
            f"of {size}; raise grid.resolution or lower dataset.min_row_tags"
        )


def _require_rows(splits: Mapping[Split, Positions], counts: Counts) -> None:
    empty = [split for split, rows in splits.items() if not len(rows)]
    if not empty:
        return
    left = sum(map(len, splits.values()))
    raise DataError(
        f"no row is left for {' and '.join(empty)}: of {counts.rows_read} rows "
        f"{counts.rows_without_enough_tags} have too few of the {counts.tags_kept} tags that are "
        f"frequent, {counts.rows_duplicate} are equal to others, "
        f"{counts.rows_too_short_in_vocabulary} have too few tags of the vocabulary and "
        f"{counts.rows_duplicate_in_vocabulary} are equal to others in it, which leaves {left}; "
        "lower dataset.min_tag_rows and dataset.min_row_tags, raise grid.resolution, or put more "
        "rows into that split"
    )
