"""Rows of tags become a vocabulary and splits: what holds whatever the rows are."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from studygrid.errors import DataError
from studygrid.families.base import SPLITS, Split
from studygrid.families.tagvae.data.rows import TagRows, rows_of_lists
from studygrid.families.tagvae.data.vocabulary import (
    Filters,
    Vocabulary,
    choose_vocabulary,
    draw,
    frequent,
)

SHARES: dict[Split, float] = {"validation": 0.2, "test": 0.2}
LETTERS = "abcdefghij"
Rows = list[list[str]]

small_tables = st.lists(st.lists(st.sampled_from(LETTERS), max_size=6), min_size=1, max_size=60)


def made(count: int, seed: int = 0, tags: int = 12, odds: float = 0.3) -> Rows:
    """Return rows in which the first tags are the most frequent."""
    chance = random.Random(seed)
    names = [f"t{number:02d}" for number in range(tags)]
    return [
        [
            name
            for number, name in enumerate(names)
            if chance.random() < odds * 1.8 / (1 + number / 4)
        ]
        for _ in range(count)
    ]


def chosen(
    lists: Sequence[Sequence[str]], size: int, splits: Sequence[Split] | None = None, **changes: Any
) -> Vocabulary:
    filters = Filters(changes.get("min_tag_rows", 2), changes.get("min_row_tags", 1))
    rows = rows_of_lists(lists)
    if splits is not None:
        numbers = np.array([SPLITS.index(split) for split in splits], np.int8)
        rows = TagRows(rows.tags, rows.names, numbers)
    return choose_vocabulary(rows, filters, SHARES, changes.get("seed", 0), size)


made_tables = st.builds(
    made, st.integers(40, 150), st.integers(0, 10**6), st.integers(6, 10), st.floats(0.2, 0.5)
)


def contents(found: Vocabulary) -> list[frozenset[str]]:
    dense = found.tags.toarray()
    return [frozenset(np.array(found.names)[row]) for row in dense]


def split_of(found: Vocabulary) -> dict[int, Split]:
    """Return the split of each kept row, by its place in the data."""
    return {int(found.source_rows[at]): split for split in SPLITS for at in found.splits[split]}


def tried(lists: Rows, size: int, **changes: Any) -> Vocabulary:
    """Choose a vocabulary, or give up a made example of which too little is left."""
    try:
        return chosen(lists, size, **changes)
    except DataError:
        assume(False)
        raise


@given(small_tables, st.integers(1, 4), st.integers(1, 3), st.randoms())
def test_the_filters_keep_what_is_left_when_offenders_go_one_by_one_in_any_order(
    lists: Rows, min_tag_rows: int, min_row_tags: int, chance: random.Random
) -> None:
    rows = {at: set(row) for at, row in enumerate(lists)}
    tags = set().union(*rows.values())
    while True:
        counts = Counter(tag for row in rows.values() for tag in row)
        rare = [tag for tag in sorted(tags) if counts[tag] < min_tag_rows]
        short = [at for at, row in rows.items() if len(row) < min_row_tags]
        if not rare and not short:
            break
        at = chance.randrange(len(rare) + len(short))
        if at < len(rare):
            tags.remove(rare[at])
            for row in rows.values():
                row.discard(rare[at])
        else:
            del rows[short[at - len(rare)]]
    table = rows_of_lists(lists)
    kept, columns = frequent(table.tags, Filters(min_tag_rows, min_row_tags))
    assert kept.tolist() == sorted(rows)
    assert {table.names[at] for at in columns} == tags


@settings(max_examples=60)
@given(made_tables, st.integers(3, 6), st.integers(1, 9), st.integers(1, 3), st.integers(0, 3))
def test_what_holds_of_every_vocabulary(
    lists: Rows, size: int, min_tag_rows: int, min_row_tags: int, seed: int
) -> None:
    found = tried(lists, size, min_tag_rows=min_tag_rows, min_row_tags=min_row_tags, seed=seed)
    rows = contents(found)

    # Each row is what was read, in the tags of the vocabulary.
    assert rows == [frozenset(lists[at]) & set(found.names) for at in found.source_rows]
    assert min(map(len, rows)) >= min_row_tags
    # No two rows are equal, so no split shares a row with another.
    assert len(set(rows)) == len(rows)
    # Every row is in one split.
    together = np.sort(np.concatenate([found.splits[split] for split in SPLITS]))
    assert together.tolist() == list(range(len(rows)))
    # The counts of what was left out and of what was kept are all that was read.
    counts = found.counts
    assert (
        counts.rows_read
        == len(lists)
        == len(rows)
        + (
            counts.rows_without_enough_tags
            + counts.rows_duplicate
            + counts.rows_too_short_in_vocabulary
            + counts.rows_duplicate_in_vocabulary
        )
    )
    assert counts.tags_read == len(set().union(*lists)) == counts.tags_too_rare + counts.tags_kept
    assert counts.leaks_removed <= counts.rows_duplicate + counts.rows_duplicate_in_vocabulary
    # Columns are by falling frequency in the training split, equal ones by name.
    train = Counter(tag for at in found.splits["train"] for tag in rows[at])
    assert found.train_frequency.tolist() == [train[name] for name in found.names]
    assert list(found.names) == sorted(found.names, key=lambda name: (-train[name], name))
    assert len(found.names) == size


@settings(max_examples=25)
@given(made_tables, st.integers(1, 3), st.integers(0, 3))
def test_a_smaller_vocabulary_lies_within_a_larger_one_and_so_do_its_rows(
    lists: Rows, min_row_tags: int, seed: int
) -> None:
    found = []
    for size in (3, 4, 6):
        try:
            found.append(chosen(lists, size, min_row_tags=min_row_tags, seed=seed))
        except DataError:
            continue
    assume(len(found) > 1)
    for small, large in pairwise(found):
        assert set(small.names) < set(large.names)
        assert split_of(small).items() <= split_of(large).items()


def test_a_row_is_in_the_same_split_whatever_else_there_is() -> None:
    lists = made(600)
    base = split_of(chosen(lists, 6))
    more = split_of(chosen([*lists, *made(300, seed=1)], 6))
    strict = split_of(chosen(lists, 6, min_tag_rows=40, min_row_tags=2))
    turned = split_of(chosen(lists[::-1], 6))
    assert len(base) > 40
    for other in (more, strict, {len(lists) - 1 - at: split for at, split in turned.items()}):
        shared = base.keys() & other.keys()
        assert len(shared) > 20
        assert {at: base[at] for at in shared} == {at: other[at] for at in shared}


def test_a_split_follows_from_the_sha256_of_seed_and_sorted_tags() -> None:
    lists = [["b", "a"], ["c"], ["a", "b", "c"], ["b"], ["a"]] * 2
    drawn = draw(["a\0b", "c", "a\0b\0c", "b", "a"] * 2, SHARES, 7)
    for tags, split in zip(lists, drawn.splits, strict=True):
        digest = hashlib.sha256(("7\0" + "\0".join(sorted(tags))).encode()).digest()
        share = int.from_bytes(digest[:8], "big") / 2**64
        expected = "test" if share < 0.2 else "validation" if share < 0.4 else "train"
        assert SPLITS[split] == expected


def test_another_seed_gives_another_split_and_shares_are_kept() -> None:
    texts = [f"row {number}" for number in range(20_000)]
    first, second = draw(texts, SHARES, 0).splits, draw(texts, SHARES, 1).splits
    # Equal by chance: 0.6² + 0.2² + 0.2² = 0.44.
    assert np.mean(first == second) == pytest.approx(0.44, abs=0.02)
    for splits in (first, second):
        assert np.bincount(splits) / len(texts) == pytest.approx([0.6, 0.2, 0.2], abs=0.015)


def test_rows_that_become_equal_do_not_gather_in_the_test_split() -> None:
    lists = made(8000, tags=24)
    found = chosen(lists, 8)
    counts = found.counts
    assert counts.rows_duplicate_in_vocabulary > 10 * len(found.source_rows)
    assert counts.leaks_removed > 1000
    share = len(found.splits["test"]) / len(found.source_rows)
    assert share == pytest.approx(0.2, abs=0.09)  # 0.9 and more, were test's rows kept first


def test_equal_rows_count_once_and_are_no_leak() -> None:
    lists = [*made(60), *made(60)]
    found = chosen(lists, 8)
    assert found.counts.rows_duplicate >= 55
    assert chosen(made(60), 8, min_tag_rows=1).source_rows.tolist() == (
        chosen(lists, 8, min_tag_rows=1).source_rows.tolist()
    )


def test_of_equal_rows_in_given_splits_that_of_test_stays_and_then_that_of_validation() -> None:
    lists = [["a", "b"], ["a", "b"], ["b", "a"], ["a"], ["a"], ["b"], ["c"], ["c"], ["a", "c"]]
    splits: list[Split] = ["train", "validation", "test", "train", "validation", "train"]
    splits += ["train", "train", "train"]
    found = chosen(lists, 3, splits, min_tag_rows=1)
    assert split_of(found) == {
        2: "test",
        4: "validation",
        5: "train",
        8: "train",
        min(at for at in split_of(found) if at in (6, 7)): "train",
    }
    assert found.counts.rows_duplicate == 4
    assert found.counts.leaks_removed == 3


def test_tags_are_ordered_by_the_training_split_alone() -> None:
    lists = [["a", "x"], ["a", "y"], ["a", "z"], ["b", "x"], ["b", "y"], ["b", "z"], ["b", "w"]]
    splits: list[Split] = ["train", "train", "train", "test", "test", "validation", "validation"]
    found = chosen(lists, 4, splits, min_tag_rows=1)
    assert found.names == ("a", "x", "y", "z")  # b is in more rows, and in none of training
    with pytest.raises(DataError, match="a vocabulary of 5 tags was asked for, but 4 are left"):
        chosen(lists, 5, splits, min_tag_rows=1)


@pytest.mark.parametrize(
    ("size", "changes", "message"),
    [
        (13, {}, "a vocabulary of 13 tags was asked for, but 12 are left.*lower grid.resolution"),
        (12, {"min_tag_rows": 90}, r"12 tags was asked for, but \d are left"),
        (1, {"min_tag_rows": 900}, "1 tags was asked for, but 0 are left, in 0 rows"),
        (2, {"min_row_tags": 3}, "no row can have 3 tags .* of a vocabulary of 2; raise"),
        (1, {}, "no row is left for .*: of 200 rows .* which leaves 1; lower"),
    ],
)
def test_too_little_is_refused_with_the_numbers(
    size: int, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        chosen(made(200), size, **changes)


def test_a_split_that_the_data_does_not_name_is_refused() -> None:
    with pytest.raises(DataError, match="no row is left for validation"):
        chosen([["a"], ["b"]], 1, ["train", "test"], min_tag_rows=1)
