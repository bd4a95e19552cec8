"""Comparisons, Holm's correction and the Pareto front against scipy and published examples."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from studygrid.statistics import Comparison, compare_paired, holm, pareto_front
from studygrid.statistics.comparisons import sign_flip_test

# Darwin's 15 pairs of maize plants, crossed minus self-fertilised, in eighths of an inch: Fisher,
# The design of experiments, 1935, sections 17 and 21.
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]

values = st.floats(-1e3, 1e3, allow_nan=False).map(lambda value: round(value, 3))
samples = st.integers(2, 9).flatmap(
    lambda n: st.tuples(st.lists(values, min_size=n, max_size=n), st.lists(values, min_size=n,
                        max_size=n))
)  # fmt: skip


# --- Pairs


def test_fishers_example_of_the_t_test_and_of_the_exact_test() -> None:
    found = compare_paired(MAIZE, [0] * 15)
    assert found.n == 15
    assert found.difference == pytest.approx(20.933, abs=5e-4)
    assert found.p_value == pytest.approx(0.0497, abs=5e-5)
    assert found.exact_p_value == 1726 / 2**15
    assert found.smallest_exact_p == 2**-14
    assert found.probability_better == 13 / 15


@given(samples)
def test_the_t_test_and_its_interval_are_scipys(pair: tuple[list[float], list[float]]) -> None:
    first, second = map(np.array, pair)
    found = compare_paired(first, second)
    if np.ptp(first - second) < 1e-6:  # scipy warns of its own rounding
        return
    expected = scipy.stats.ttest_rel(first, second)
    interval = expected.confidence_interval(0.95)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)
    assert (found.ci_low, found.ci_high) == pytest.approx((interval.low, interval.high), rel=1e-6)


@given(samples)
@settings(max_examples=20)
def test_the_exact_test_is_scipys_permutation_test(pair: tuple[list[float], list[float]]) -> None:
    expected = scipy.stats.permutation_test(
        tuple(map(np.array, pair)),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert compare_paired(*pair).exact_p_value == pytest.approx(expected.pvalue, rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 5, 6, 10])
def test_with_all_pairs_one_way_the_exact_test_gives_its_least_as_wilcoxons_does(n: int) -> None:
    differences = np.arange(1, n + 1)
    found = compare_paired(differences, np.zeros(n))
    expected = scipy.stats.wilcoxon(differences, method="exact").pvalue
    assert found.exact_p_value == found.smallest_exact_p == expected == 2.0 ** (1 - n)


def test_the_order_of_the_two_only_turns_the_sign() -> None:
    first, second = [0.7, 0.75, 0.8, 0.6], [0.65, 0.7, 0.82, 0.5]
    ahead, behind = compare_paired(first, second), compare_paired(second, first)
    assert ahead.difference == -behind.difference  # type: ignore[operator]
    assert ahead.ci_low == -behind.ci_high  # type: ignore[operator]
    assert (ahead.p_value, ahead.exact_p_value) == (behind.p_value, behind.exact_p_value)
    assert ahead.probability_better == 0.75
    assert behind.probability_better == 0.25


def test_without_a_pair_nothing_is_said_and_with_one_only_the_difference() -> None:
    assert compare_paired([], []) == Comparison(0)
    assert compare_paired([0.75], [0.5]) == Comparison(1, 0.25, probability_better=1.0)


def test_two_pairs_have_a_t_test_and_an_exact_p_of_one_half_at_least() -> None:
    found = compare_paired([0.9, 0.7], [0.5, 0.4])
    assert found.p_value == pytest.approx(scipy.stats.ttest_rel([0.9, 0.7], [0.5, 0.4]).pvalue)
    assert found.exact_p_value == found.smallest_exact_p == 0.5


def test_equal_samples_do_not_differ() -> None:
    found = compare_paired([0.5, 0.6, 0.7], [0.5, 0.6, 0.7])
    assert (found.difference, found.ci_low, found.ci_high) == (0, 0, 0)
    assert (found.p_value, found.exact_p_value, found.probability_better) == (1, 1, 0.5)


def test_a_difference_of_rounding_alone_is_none() -> None:
    found = compare_paired([0.1 + 0.2] * 6, [0.3] * 6)
    assert (found.difference, found.p_value, found.probability_better) == (0, 1, 0.5)


@pytest.mark.parametrize(
    ("first", "second"), [([0.5, 0.5], [0.25, 0.25]), ([0.7, 0.8, 0.9], [0.6, 0.7, 0.8])]
)
def test_differences_without_spread_are_no_certainty(
    first: list[float], second: list[float]
) -> None:
    found = compare_paired(first, second)
    assert found.p_value == found.exact_p_value == 2.0 ** (1 - len(first))


def test_ties_count_one_half() -> None:
    assert compare_paired([1, 2, 3, 4], [1, 2, 0, 9]).probability_better == 0.5


@pytest.mark.parametrize("wrong", [[0.5, np.nan], [0.5, np.inf]])
def test_values_that_are_not_there_are_refused(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        compare_paired(wrong, [0.1, 0.2])
    with pytest.raises(ValueError, match="finite"):
        sign_flip_test(wrong)


def test_samples_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one length, not \(2,\) and \(1,\)"):
        compare_paired([1, 2], [1])


def test_beyond_16_pairs_the_test_draws_patterns_and_comes_near_the_exact_one() -> None:
    differences = np.random.default_rng(3).normal(0.4, 1, 17)
    bits = np.arange(2**17)[:, None] >> np.arange(17)
    sums = np.abs((1 - 2 * (bits & 1)) @ differences)
    exact = float(np.mean(sums >= sums[0] - 1e-9))
    found = sign_flip_test(differences)
    error = 4 * np.sqrt(exact * (1 - exact) / 2**16)
    assert found == pytest.approx(exact, abs=error)
    assert found == sign_flip_test(differences)
    assert found != sign_flip_test(differences, seed=1)


@pytest.mark.parametrize("n", [17, 1000])
def test_beyond_16_pairs_p_is_never_zero(n: int) -> None:
    found = compare_paired(np.linspace(1, 2, n), np.zeros(n))
    assert found.exact_p_value is not None
    assert found.smallest_exact_p is not None
    assert 0 < found.smallest_exact_p <= found.exact_p_value < 1e-4


# --- Holm


def test_holm_of_a_known_example() -> None:
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_of_none_one_and_ties() -> None:
    assert holm([]) == []
    assert holm([0.2]) == [0.2]
    assert holm([0.02, 0.02, 0.9]) == pytest.approx([0.06, 0.06, 0.9])
    assert holm([0.6, 0.7]) == [1, 1]


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_keeps_order_and_lies_between_no_correction_and_bonferronis(p: list[float]) -> None:
    adjusted = holm(p)
    for raw, corrected in zip(p, adjusted, strict=True):
        assert raw <= corrected <= min(1, len(p) * raw) or corrected == pytest.approx(raw)
    by_raw = [corrected for _, corrected in sorted(zip(p, adjusted, strict=True))]
    assert by_raw == sorted(adjusted)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.2))
def test_holm_rejects_what_its_step_down_rejects(p: list[float], level: float) -> None:
    rejected = set()
    for step, position in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[position] * (len(p) - step) > level:
            break
        rejected.add(position)
    assert {i for i, corrected in enumerate(holm(p)) if corrected <= level} == rejected


@pytest.mark.parametrize("wrong", [float("nan"), -0.1, 1.1])
def test_holm_refuses_what_is_no_p_value(wrong: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, wrong])


# --- The Pareto front


def brute_force(costs: np.ndarray, scores: np.ndarray) -> list[bool]:
    def dominates(j: int, i: int) -> bool:
        no_worse = costs[j] <= costs[i] and scores[j] >= scores[i]
        return bool(no_worse and (costs[j] < costs[i] or scores[j] > scores[i]))

    count = range(len(costs))
    known = [not np.isnan(costs[i] + scores[i]) for i in count]
    return [known[i] and not any(known[j] and dominates(j, i) for j in count) for i in count]


few = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 1e9, np.nan])


@given(st.integers(0, 12).flatmap(lambda n: st.tuples(*[arrays(float, n, elements=few)] * 2)))
def test_the_front_is_what_trying_all_pairs_gives(points: tuple[np.ndarray, np.ndarray]) -> None:
    assert pareto_front(*points).tolist() == brute_force(*points)


def test_equal_points_stand_and_fall_together() -> None:
    assert pareto_front([1, 1, 2, 2], [5, 5, 4, 4]).tolist() == [True, True, False, False]


def test_among_equal_costs_only_the_best_score_is_on_the_front() -> None:
    assert pareto_front([1, 1, 2], [5, 6, 6]).tolist() == [False, True, False]


def test_infinite_values_take_part_and_nan_does_not() -> None:
    assert pareto_front([np.inf, 1], [np.inf, -np.inf]).tolist() == [True, True]
    assert pareto_front([np.nan, 1, 2], [9, np.nan, 1]).tolist() == [False, False, True]


def test_no_points_have_no_front_and_unequal_lengths_are_refused() -> None:
    assert pareto_front([], []).tolist() == []
    with pytest.raises(ValueError, match="one length"):
        pareto_front([1, 2], [1])
