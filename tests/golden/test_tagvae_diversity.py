"""Diversity of rows of tags against SciPy, PyTorch and brute force."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from studygrid.families.base import Undefined
from studygrid.families.tagvae import diversity
from tests.golden.made_tags import COMPUTE, any_rows, drawn, predictions_of, rows_of

torch.set_num_threads(1)


def combinations(rows: NDArray[np.uint8]) -> list[int]:
    """Return how often each combination occurs, by Python's own counter."""
    return list(Counter(map(tuple, rows.tolist())).values())


def by_torch(shares: torch.Tensor) -> float:
    """Return the entropy of shares in nats."""
    return float(torch.distributions.Categorical(probs=shares).entropy())  # type: ignore[no-untyped-call]


def gini_by_pairs(counts: NDArray[np.int64]) -> float:
    """Return half the mean absolute difference of all pairs over their mean."""
    differences = np.abs(counts[:, None] - counts[None, :])
    return float(differences.mean() / (2 * counts.mean()))


@settings(deadline=None, max_examples=80)
@given(rows=any_rows())
def test_entropy_equals_scipy_and_pytorch(rows: NDArray[np.uint8]) -> None:
    found = diversity.diversity(rows)
    counts = combinations(rows)
    assert found.entropy_nats == pytest.approx(stats.entropy(counts), abs=1e-12)
    assert found.entropy_bits == pytest.approx(stats.entropy(counts, base=2), abs=1e-12)
    shares = torch.tensor(counts, dtype=torch.float64) / len(rows)
    assert found.entropy_nats == pytest.approx(by_torch(shares), abs=1e-9)


@settings(deadline=None, max_examples=80)
@given(rows=any_rows())
def test_entropy_lies_between_zero_and_that_of_as_many_equal_shares(
    rows: NDArray[np.uint8],
) -> None:
    most = by_torch(torch.full((len(rows),), 1 / len(rows), dtype=torch.float64))
    found = diversity.diversity(rows)
    assert 0 <= found.entropy_nats <= most + 1e-12
    if found.unique_percent == 100:
        assert found.entropy_nats == pytest.approx(math.log(len(rows)), abs=1e-12)


@settings(deadline=None, max_examples=80)
@given(rows=any_rows())
def test_unique_rows_and_tags_are_counted(rows: NDArray[np.uint8]) -> None:
    found = diversity.diversity(rows)
    assert found.unique_percent == pytest.approx(100 * len(combinations(rows)) / len(rows))
    assert found.tags_per_row == pytest.approx(rows.sum() / len(rows))


def test_rows_that_differ_in_the_last_of_many_tags_are_different() -> None:
    rows = np.zeros((3, 600), dtype=np.uint8)
    rows[1, 599] = 1
    assert sorted(diversity.combination_counts(rows)) == [1, 2]


@settings(deadline=None, max_examples=80)
@given(counts=st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any))
def test_gini_equals_brute_force(counts: list[int]) -> None:
    array = np.array(counts)
    found = diversity.gini(array)
    assert found == pytest.approx(gini_by_pairs(array), abs=1e-12)
    assert 0 <= found <= 1 - 1 / len(counts) + 1e-12
    assert diversity.gini(array[::-1]) == found


def test_gini_by_hand() -> None:
    assert diversity.gini(np.array([5, 5, 5])) == 0
    assert diversity.gini(np.array([0, 0, 0, 9])) == 0.75
    assert diversity.gini(np.array([1, 3])) == 0.25


def test_tags_that_never_occur_count_in_the_gini() -> None:
    rows = rows_of([[1, 1, 0, 0], [1, 1, 0, 0]])
    found = diversity.diversity(rows).gini
    assert found == 0.5
    assert diversity.diversity(rows[:, :2]).gini == 0


def test_a_model_that_repeats_one_row_is_not_the_most_equal() -> None:
    """As the guide has it, a Gini over observed combinations alone is 0 there, the best."""
    repeated = np.tile([1, 1, 0, 0, 0, 0, 0, 0], (50, 1))
    varied = drawn(50, 8).tags
    scores = [COMPUTE["prior_gini"](predictions_of(varied, varied, samples=samples))
              for samples in (repeated, varied)]  # fmt: skip
    assert gini_by_pairs(np.array(combinations(repeated))) == 0
    assert scores[0] == 0.75 > scores[1]


def test_rows_without_any_tag_have_no_gini_and_all_else() -> None:
    found = diversity.diversity(np.zeros((4, 3), dtype=np.uint8))
    assert found == diversity.Diversity(25.0, 0.0, 0.0, None, 0.0)
    with pytest.raises(Undefined, match="no row has a tag"):
        diversity.gini(np.zeros(3, dtype=np.int64))


def test_no_rows_have_no_diversity() -> None:
    with pytest.raises(Undefined, match="there are no rows"):
        diversity.diversity(np.zeros((0, 3), dtype=np.uint8))


def test_the_metrics_are_of_their_own_rows() -> None:
    made = drawn()
    assert made.samples is not None
    for side, rows in (("reconstruction", made.reconstructed), ("prior", made.samples)):
        found = diversity.diversity(rows)
        assert found.gini is not None
        expected = {
            "unique_percent": found.unique_percent,
            "entropy_nats": found.entropy_nats,
            "entropy_bits": found.entropy_bits,
            "gini": found.gini,
            "tags_per_row_error": abs(rows.sum(1).mean() - made.tags.sum(1).mean()),
        }
        for name, value in expected.items():
            assert COMPUTE[f"{side}_{name}"](made) == pytest.approx(value), (side, name)


def test_the_error_of_tags_a_row_is_the_same_for_too_many_and_too_few() -> None:
    tags = [[1, 1, 0, 0]]
    made = predictions_of(tags, [[1, 1, 1, 0]], samples=[[1, 0, 0, 0]])
    assert COMPUTE["reconstruction_tags_per_row_error"](made) == 1
    assert COMPUTE["prior_tags_per_row_error"](made) == 1


DATA = rows_of([[1, 1, 0], [1, 0, 0], [0, 1, 0]])
OURS = rows_of([[1, 1, 1], [1, 0, 0], [1, 0, 0]])
SAMPLES = rows_of([[0, 0, 0], [1, 0, 0], [0, 0, 1]])


def test_the_table_of_tag_frequencies_counts_rows() -> None:
    table = diversity.tag_frequency_rows(DATA, OURS, SAMPLES)
    assert table == [[2, 3, 1], [2, 1, 0], [1 - 1, 1, 1]]
    assert diversity.tag_frequency_rows(DATA, OURS, None) == [[2, 3, 0], [2, 1, 0], [0, 1, 0]]


def test_the_table_of_tags_a_row_goes_from_none_to_the_most() -> None:
    table = diversity.tags_per_row_rows(DATA, OURS, SAMPLES)
    assert table == [[0, 0, 0, 1], [1, 2, 2, 2], [2, 1, 0, 0], [3, 0, 1, 0]]
    assert diversity.tags_per_row_rows(DATA, DATA, None) == [[0, 0, 0, 0], [1, 2, 2, 0],
                                                            [2, 1, 1, 0]]  # fmt: skip


def test_counts_of_more_than_255_rows_do_not_wrap() -> None:
    rows = np.ones((300, 260), dtype=np.uint8)
    assert diversity.tag_frequency_rows(rows, rows, rows)[0] == [300, 300, 300]
    assert diversity.tags_per_row_rows(rows, rows, rows)[-1] == [260, 300, 300, 300]
    assert diversity.tags_per_row(rows) == 260


def test_tables_hold_whole_numbers_of_python() -> None:
    for table in (
        diversity.tag_frequency_rows(DATA, OURS, SAMPLES),
        diversity.tags_per_row_rows(DATA, OURS, SAMPLES),
    ):
        assert {type(number) for row in table for number in row} == {int}
