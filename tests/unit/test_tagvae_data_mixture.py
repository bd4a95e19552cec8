"""Rows drawn from a mixture: deterministic, extended by more, with the stated probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from studygrid.families.base import SPLITS
from studygrid.families.prepared import PreparedParts
from studygrid.families.tagvae.data.mixture.model import (
    BLOCK,
    draw_rows,
    make_mixture,
    pair_probabilities,
)
from studygrid.families.tagvae.data.mixture.options import TagMixtureOptions
from studygrid.families.tagvae.data.mixture.prepare import prepare, tag_names


def options(**changes: Any) -> TagMixtureOptions:
    return TagMixtureOptions(**{"rows": 1500, "tags": 24, "tags_per_row": 4.0, **changes})


def drawn(count: int, **changes: Any) -> np.ndarray:
    chosen = options(**changes)
    return draw_rows(make_mixture(chosen), count, chosen.seed)


def test_more_rows_begin_with_the_fewer() -> None:
    most = drawn(3 * BLOCK + 5)
    for count in (1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK):
        assert np.array_equal(drawn(count), most[:count])
    assert not np.array_equal(most[:BLOCK], most[BLOCK : 2 * BLOCK])


def test_rows_follow_from_the_seed() -> None:
    assert np.array_equal(drawn(500), drawn(500))
    assert not np.array_equal(drawn(500), drawn(500, seed=1))


@pytest.mark.parametrize("spread", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("topics", [1, 6])
def test_a_row_has_as_many_tags_in_the_mean_as_was_asked_for(spread: float, topics: int) -> None:
    mixture = make_mixture(options(spread=spread, topics=topics, tags_per_row=3.5))
    assert mixture.weights.sum() == pytest.approx(1)
    assert ((mixture.probabilities > 0) & (mixture.probabilities < 1)).all()
    assert np.diag(pair_probabilities(mixture)).sum() == pytest.approx(3.5)


def test_pairs_are_drawn_as_often_as_their_probability_says() -> None:
    mixture = make_mixture(options())
    truth = pair_probabilities(mixture)
    errors = []
    for count in (1000, 100_000):
        rows = draw_rows(mixture, count, 5).astype(np.float64)
        seen = rows.T @ rows / count
        spread = np.sqrt(truth * (1 - truth) / count)
        # Of 300 pairs none is five standard errors off; the rarest are not normal.
        assert (np.abs(seen - truth) < 5 * spread + 3 / count).all()
        errors.append(np.abs(seen - truth).mean())
    assert errors[1] == pytest.approx(errors[0] / 10, rel=0.35)


def test_tags_are_dependent_unless_the_spread_is_zero() -> None:
    for spread, is_dependent in ((0.0, False), (2.0, True)):
        pairs = pair_probabilities(make_mixture(options(spread=spread)))
        single = np.diag(pairs)
        excess = np.abs(pairs / np.outer(single, single) - 1)
        np.fill_diagonal(excess, 0)
        assert (excess.max() > 0.5) == is_dependent
        if not is_dependent:
            assert excess.max() < 1e-9


def test_it_is_prepared_as_the_contract_says(tmp_path: Path) -> None:
    parts = prepare(options(), 12, tmp_path)
    tags, source = np.load(tmp_path / "tags.npy"), np.load(tmp_path / "source_row.npy")
    assert tags.dtype == np.uint8
    assert parts.arrays["tags"].shape == [parts.facts["sample_count"], 12]
    columns = [tag_names(24).index(name) for name in parts.facts["tags"]]
    assert np.array_equal(tags, drawn(1500)[source][:, columns])
    train = np.load(tmp_path / "train.npy")
    assert parts.facts["train_frequency"] == tags[train].sum(0).tolist()
    assert parts.facts["rows_read"] == 1500
    assert parts.facts["tags_read"] == 24
    for split in SPLITS:
        assert parts.splits[split].class_counts is None
        rows = tags[np.load(tmp_path / f"{split}.npy")]
        assert parts.splits[split].count == len(rows)
        assert parts.facts["tags_per_row"][split] == pytest.approx(rows.sum(1).mean())


def test_preparing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    found: list[PreparedParts] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        found.append(prepare(options(), 8, tmp_path / name))
    assert found[0] == found[1]


def test_names_of_tags_are_in_the_order_of_their_numbers() -> None:
    for count in (2, 10, 11, 101):
        assert sorted(tag_names(count)) == list(tag_names(count))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tags_per_row": 24}, "should be below `tags`"),
        ({"tags": 1}, "greater than or equal to 2"),
        ({"min_tag_rows": 0}, "greater than 0"),
        ({"test_fraction": 0.5}, "less than 0.5"),
    ],
)
def test_options_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        options(**changes)
