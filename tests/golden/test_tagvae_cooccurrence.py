"""Co-occurrence of tags against SciPy, NumPy and counting by hand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial import distance

from studygrid.families.base import Undefined
from studygrid.families.tagvae import cooccurrence
from tests.golden.made_tags import COMPUTE, any_rows, drawn, rows_of

COMPARISONS: list[Callable[..., float]] = [
    cooccurrence.cosine,
    cooccurrence.pearson,
    cooccurrence.jensen_shannon_bits,
    cooccurrence.kl_nats,
]


def by_counting(rows: NDArray[np.uint8]) -> list[int]:
    """Return the rows that have both tags of each pair, counted one by one."""
    tags = range(rows.shape[1])
    return [
        sum(1 for row in rows.tolist() if row[first] and row[second])
        for first, second in itertools.combinations(tags, 2)
    ]


def two_counts() -> st.SearchStrategy[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return counts of the same pairs on two sides, each with a pair."""
    return st.integers(1, 15).flatmap(
        lambda size: st.tuples(
            *[
                st.lists(st.integers(0, 30), min_size=size, max_size=size)
                .filter(any)
                .map(lambda values: np.array(values, dtype=np.int64))
                for _ in range(2)
            ]
        )
    )


@settings(deadline=None, max_examples=80)
@given(rows=any_rows())
def test_pairs_of_different_tags_are_counted_once(rows: NDArray[np.uint8]) -> None:
    assert cooccurrence.counts(rows).tolist() == by_counting(rows)


def test_counts_do_not_depend_on_how_many_rows_are_taken_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = drawn().tags
    whole = cooccurrence.joint_counts(rows)
    monkeypatch.setattr(cooccurrence, "_ROWS_AT_A_TIME", 7)
    assert (cooccurrence.joint_counts(rows) == whole).all()
    assert whole.diagonal().tolist() == rows.sum(axis=0, dtype=int).tolist()


def test_counts_of_more_than_255_rows_do_not_wrap() -> None:
    assert cooccurrence.counts(np.ones((300, 3), dtype=np.uint8)).tolist() == [300, 300, 300]


def test_shares_of_the_first_tags() -> None:
    rows = rows_of([[1, 1, 0], [1, 0, 1], [1, 1, 1], [0, 0, 0]])
    found = cooccurrence.joint_shares(rows)
    assert found.dtype == np.float32
    assert found.tolist() == [[0.75, 0.5, 0.5], [0.5, 0.5, 0.25], [0.5, 0.25, 0.5]]
    assert cooccurrence.joint_shares(rows, most=2).tolist() == [[0.75, 0.5], [0.5, 0.5]]
    assert cooccurrence.joint_shares(np.ones((2, 40), dtype=np.uint8)).shape == (24, 24)
    with pytest.raises(Undefined, match="there are no rows"):
        cooccurrence.joint_shares(rows[:0])


@settings(deadline=None, max_examples=100)
@given(two=two_counts())
def test_comparisons_equal_scipy_and_numpy(two: Any) -> None:
    data, model = two
    assert cooccurrence.cosine(data, model) == pytest.approx(
        1 - distance.cosine(data.astype(float), model.astype(float)), abs=1e-9
    )
    with np.errstate(invalid="ignore"):  # SciPy's root of a rounding error below 0 is NaN
        by_scipy = distance.jensenshannon(data, model, base=2) ** 2
    assert cooccurrence.jensen_shannon_bits(data, model) == pytest.approx(
        np.nan_to_num(by_scipy), abs=1e-9
    )
    occur = (data > 0) | (model > 0)
    assert cooccurrence.kl_nats(data, model) == pytest.approx(
        stats.entropy(data[occur] + 0.5, model[occur] + 0.5), abs=1e-12
    )
    if np.ptp(data) and np.ptp(model):
        assert cooccurrence.pearson(data, model) == pytest.approx(
            stats.pearsonr(data, model).statistic, abs=1e-9
        )


@settings(deadline=None, max_examples=100)
@given(two=two_counts(), factor=st.integers(2, 9))
def test_comparisons_keep_what_must_hold(two: Any, factor: int) -> None:
    data, model = two
    js = cooccurrence.jensen_shannon_bits(data, model)
    assert 0 <= js <= 1
    assert cooccurrence.jensen_shannon_bits(model, data) == pytest.approx(js, abs=1e-12)
    # Shares are compared, so more rows of the same kind change nothing.
    assert cooccurrence.jensen_shannon_bits(data, model * factor) == pytest.approx(js, abs=1e-12)
    cosine = cooccurrence.cosine(data, model)
    assert 0 <= cosine <= 1
    assert cooccurrence.cosine(data * factor, model) == pytest.approx(cosine, abs=1e-12)
    assert cooccurrence.cosine(model, data) == pytest.approx(cosine, abs=1e-12)
    assert 0 <= cooccurrence.kl_nats(data, model) < math.inf
    assert cooccurrence.kl_nats(data, data) == 0


def test_equal_patterns_are_at_no_distance() -> None:
    counts = np.array([3, 0, 5, 1])
    assert cooccurrence.cosine(counts, counts) == pytest.approx(1, abs=1e-12)
    assert cooccurrence.pearson(counts, counts) == pytest.approx(1)
    assert cooccurrence.jensen_shannon_bits(counts, counts) == 0


def test_patterns_without_a_common_pair_are_as_far_as_can_be() -> None:
    data, model = np.array([4, 0, 2, 0]), np.array([0, 3, 0, 3])
    assert cooccurrence.cosine(data, model) == 0
    assert cooccurrence.jensen_shannon_bits(data, model) == pytest.approx(1)
    assert 0 < cooccurrence.kl_nats(data, model) < math.inf


def test_rounding_does_not_lift_a_divergence_above_its_most() -> None:
    data, model = np.array([5, 4, 2, 2, 0, 0, 0, 0, 0, 0]), np.array([0, 0, 0, 0, 0, 0, 0, 1, 6, 5])
    assert cooccurrence.jensen_shannon_bits(data, model) == 1


def test_kl_tells_which_side_is_the_data() -> None:
    wide, narrow = np.array([5, 5, 5, 5]), np.array([20, 0, 0, 0])
    assert cooccurrence.kl_nats(wide, narrow) != pytest.approx(cooccurrence.kl_nats(narrow, wide))
    assert cooccurrence.kl_nats(wide, narrow) == pytest.approx(
        0.25 * math.log(0.25 / (20.5 / 22)) + 0.75 * math.log(0.25 / (0.5 / 22))
    )


def test_tags_that_neither_side_pairs_do_not_shrink_the_kl() -> None:
    data, model = np.array([9, 3, 1, 0]), np.array([2, 6, 0, 1])
    wider = [np.concatenate([side, np.zeros(1000, dtype=np.int64)]) for side in (data, model)]
    assert cooccurrence.kl_nats(*wider) == pytest.approx(cooccurrence.kl_nats(data, model))


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
def test_a_side_without_a_pair_has_no_pattern(compare: Callable[..., float]) -> None:
    some, none = np.array([1, 2, 0]), np.array([0, 0, 0])
    with pytest.raises(Undefined, match="no row of the model has two tags"):
        compare(some, none)
    with pytest.raises(Undefined, match="no row of the data has two tags"):
        compare(none, some)
    with pytest.raises(Undefined, match="one tag alone makes no pair"):
        compare(some[:0], none[:0])


def test_equal_counts_have_no_correlation() -> None:
    with pytest.raises(Undefined, match="all 3 pairs of tags are equally frequent in the model"):
        cooccurrence.pearson(np.array([1, 2, 0]), np.array([2, 2, 2]))
    with pytest.raises(Undefined, match="all 3 pairs of tags are equally frequent in the data"):
        cooccurrence.pearson(np.array([2, 2, 2]), np.array([1, 2, 0]))


def test_the_metrics_are_of_their_own_rows() -> None:
    made = drawn()
    assert made.samples is not None
    data = np.array(by_counting(made.tags))
    for side, rows in (("reconstruction", made.reconstructed), ("prior", made.samples)):
        model = np.array(by_counting(rows))
        expected = {
            "cosine": 1 - distance.cosine(data.astype(float), model.astype(float)),
            "kl": stats.entropy(data + 0.5, model + 0.5),
            "js": distance.jensenshannon(data, model, base=2) ** 2,
            "pearson": np.corrcoef(data, model)[0, 1],
        }
        for name, value in expected.items():
            assert COMPUTE[f"{side}_cooccurrence_{name}"](made) == pytest.approx(value), (
                side,
                name,
            )


def test_independent_tags_are_farther_from_the_data_than_rows_of_its_own_kind() -> None:
    random = np.random.default_rng(0)

    def mixture(n: int) -> NDArray[np.uint8]:
        kinds = np.kron(np.eye(4), np.ones(3))[random.integers(0, 4, n)]
        return (random.random((n, 12)) < 0.05 + 0.8 * kinds).astype(np.uint8)

    data, alike = mixture(400), mixture(400)
    independent = (random.random((400, 12)) < data.mean(axis=0)).astype(np.uint8)
    counts = [cooccurrence.counts(rows) for rows in (data, alike, independent)]
    for distance_of in (cooccurrence.jensen_shannon_bits, cooccurrence.kl_nats):
        assert distance_of(counts[0], counts[2]) > 5 * distance_of(counts[0], counts[1])
    for nearness_of in (cooccurrence.cosine, cooccurrence.pearson):
        assert nearness_of(counts[0], counts[1]) > nearness_of(counts[0], counts[2]) + 0.1
