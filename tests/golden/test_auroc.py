"""AUROC and DeLong's interval: against scikit-learn, all pairs, a bootstrap, and by hand."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from studygrid.statistics.auroc import auroc

Floats = NDArray[np.float64]

SCORES = st.lists(st.integers(-4, 4).map(lambda value: value / 2), min_size=1, max_size=30)


def kernel(negative: Floats, positive: Floats) -> Floats:
    """Return 1, 1/2 or 0 for each pair, shape (positives, negatives)."""
    above = positive[:, None] > negative[None, :]
    equal = positive[:, None] == negative[None, :]
    pairs: Floats = above + 0.5 * equal
    return pairs


def delong_of_pairs(negative: Floats, positive: Floats) -> tuple[float, float]:
    """Return the area and its variance as DeLong et al. write them, over all pairs."""
    pairs = kernel(negative, positive)
    area = pairs.mean()
    of_positives, of_negatives = pairs.mean(axis=1), pairs.mean(axis=0)
    s10 = ((of_positives - area) ** 2).sum() / (len(positive) - 1)
    s01 = ((of_negatives - area) ** 2).sum() / (len(negative) - 1)
    return float(area), float(s10 / len(positive) + s01 / len(negative))


def two(seed: int, negatives: int, positives: int, gap: float = 1.0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=negatives), rng.normal(gap, 1.5, size=positives)


@settings(max_examples=150, deadline=None)
@given(negative=SCORES, positive=SCORES)
def test_the_area_is_that_of_scikit_learn_and_of_all_pairs(
    negative: list[float], positive: list[float]
) -> None:
    below, above = np.array(negative), np.array(positive)
    found = auroc(below, above)
    labels = np.repeat([0, 1], [len(below), len(above)])
    assert found.area == pytest.approx(roc_auc_score(labels, np.concatenate([below, above])))
    assert found.area == pytest.approx(float(kernel(below, above).mean()), abs=1e-12)


@settings(max_examples=150, deadline=None)
@given(
    negative=SCORES.filter(lambda scores: len(scores) > 1),
    positive=SCORES.filter(lambda scores: len(scores) > 1),
)
def test_the_standard_error_is_that_over_all_pairs(
    negative: list[float], positive: list[float]
) -> None:
    below, above = np.array(negative), np.array(positive)
    found = auroc(below, above)
    assert found.se is not None
    assert found.se**2 == pytest.approx(delong_of_pairs(below, above)[1], abs=1e-12)


def test_an_example_by_hand() -> None:
    # Of the 6 pairs 2 > 1, 3 > 1, 3 > 2, 5 > 1, 5 > 2 count 1 and the tie at 2 counts 1/2.
    found = auroc(np.array([1.0, 2.0]), np.array([2.0, 3.0, 5.0]))
    assert found.area == pytest.approx(5.5 / 6)
    # V10 = 3/4, 1, 1 and V01 = 1, 5/6.
    variance = (1 / 48) / 3 + (1 / 72) / 2
    assert found.se == pytest.approx(math.sqrt(variance))
    assert found.low == pytest.approx(5.5 / 6 - 1.959963984540054 * math.sqrt(variance))
    assert found.high == 1


def test_the_interval_is_that_of_a_bootstrap() -> None:
    negative, positive = two(3, 800, 500)
    found = auroc(negative, positive)
    rng = np.random.default_rng(4)
    areas = [
        auroc(rng.choice(negative, len(negative)), rng.choice(positive, len(positive))).area
        for _ in range(2000)
    ]
    low, high = np.percentile(areas, [2.5, 97.5])
    assert found.se == pytest.approx(np.std(areas), rel=0.06)
    assert found.low == pytest.approx(low, abs=0.003)
    assert found.high == pytest.approx(high, abs=0.003)


def test_the_interval_covers_the_true_area_as_often_as_it_says() -> None:
    true = 0.5 * (1 + math.erf(1 / math.sqrt(1 + 1.5**2) / math.sqrt(2)))
    found = [auroc(*two(seed, 150, 100)) for seed in range(1000)]
    covered = np.mean([one.low <= true <= one.high for one in found])  # type: ignore[operator]
    assert 0.93 < covered < 0.97


def test_the_order_of_scores_alone_counts() -> None:
    negative, positive = two(5, 60, 40)
    found = auroc(negative, positive)
    assert auroc(np.exp(negative)[::-1], np.exp(positive)[::-1]) == found
    turned = auroc(positive, negative)
    assert turned.area == pytest.approx(1 - found.area)
    assert turned.se == pytest.approx(found.se)


def test_a_wider_confidence_is_a_wider_interval() -> None:
    negative, positive = two(6, 60, 40)
    narrow, wide = auroc(negative, positive, 0.5), auroc(negative, positive, 0.99)
    assert narrow.low is not None
    assert narrow.high is not None
    assert wide.low is not None
    assert wide.high is not None
    assert wide.low < narrow.low < narrow.area < narrow.high < wide.high


def test_scores_that_are_all_equal_have_half_the_area_and_no_interval() -> None:
    found = auroc(np.ones(5), np.ones(7))
    assert (found.area, found.se, found.low, found.high) == (0.5, 0, None, None)


def test_what_is_told_apart_without_error_has_no_interval() -> None:
    found = auroc(np.arange(4.0), np.arange(10.0, 13))
    assert (found.area, found.se, found.low, found.high) == (1, 0, None, None)


@pytest.mark.parametrize(("negatives", "positives"), [(1, 5), (5, 1), (1, 1)])
def test_one_score_of_a_kind_has_no_standard_error(negatives: int, positives: int) -> None:
    found = auroc(np.arange(float(negatives)), np.arange(float(positives)))
    assert found.se is None
    assert found.low is None
    assert found.high is None
    assert 0 <= found.area <= 1


@pytest.mark.parametrize(
    ("negative", "positive", "said"),
    [
        (np.ones(0), np.ones(2), "negative"),
        (np.ones(2), np.ones(0), "positive"),
        (np.array([np.nan]), np.ones(2), "negative scores should be finite"),
        (np.ones(2), np.array([np.inf]), "positive scores should be finite"),
        (np.ones((2, 2)), np.ones(2), r"\(n,\)"),
    ],
)
def test_what_has_no_area_is_refused(negative: Floats, positive: Floats, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        auroc(negative, positive)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_beyond_its_range_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        auroc(np.ones(2), np.ones(2), confidence)


def test_a_hundred_thousand_events_take_no_pairs() -> None:
    negative, positive = two(7, 100_000, 50_000)
    start = time.perf_counter()
    auroc(negative, positive)
    assert time.perf_counter() - start < 5  # all pairs would be 5e9, and 40 GB
