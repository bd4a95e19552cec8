"""The statistics of a cell against scipy.stats, published numbers and simulated coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from studygrid.statistics import Summary, summarise


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 3, 5, 10, 100])
def test_interval_equals_scipy(n: int, confidence: float) -> None:
    values = np.random.default_rng(n).normal(0.8, 0.05, n)
    summary = summarise(values, confidence)
    expected = scipy.stats.t.interval(
        confidence, n - 1, loc=values.mean(), scale=scipy.stats.sem(values)
    )
    assert (summary.ci_low, summary.ci_high) == pytest.approx(expected, rel=1e-12)
    assert summary.sd == pytest.approx(values.std(ddof=1), rel=1e-12)


def test_students_sleep_data() -> None:
    # Student, The probable error of a mean, Biometrika 6 (1908); the differences of the two
    # drugs. R: t.test(extra ~ group, sleep, paired = TRUE) gives 0.7001142 to 2.4598858.
    summary = summarise([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    assert summary.mean == pytest.approx(1.58)
    assert summary.sd == pytest.approx(1.229995, abs=1e-6)
    assert summary.ci_low == pytest.approx(0.7001142, abs=1e-7)
    assert summary.ci_high == pytest.approx(2.4598858, abs=1e-7)
    assert (summary.median, summary.minimum, summary.maximum) == (1.3, 0.0, 4.6)


@pytest.mark.parametrize(("n", "quantile"), [(2, 12.706), (3, 4.303), (5, 2.776), (31, 2.042)])
def test_half_width_is_the_tabulated_quantile_of_standard_errors(n: int, quantile: float) -> None:
    summary = summarise(np.arange(n, dtype=float))
    assert summary.sd is not None
    assert summary.mean is not None
    assert summary.ci_high is not None
    half = summary.ci_high - summary.mean
    assert half / (summary.sd / math.sqrt(n)) == pytest.approx(quantile, abs=5e-4)


@pytest.mark.parametrize("n", [3, 5])
def test_interval_covers_the_mean_as_often_as_it_says(n: int) -> None:
    repeats, true_mean = 8000, 0.8
    samples = np.random.default_rng(2024 + n).normal(true_mean, 0.02, (repeats, n))
    covered = 0
    for sample in samples:
        summary = summarise(sample)
        assert summary.ci_low is not None
        assert summary.ci_high is not None
        covered += summary.ci_low <= true_mean <= summary.ci_high
    monte_carlo_error = math.sqrt(0.95 * 0.05 / repeats)
    assert covered / repeats == pytest.approx(0.95, abs=3 * monte_carlo_error)


def test_no_value_has_no_statistic() -> None:
    assert summarise([]) == Summary(0, None, None, None, None, None, None, None)


def test_one_value_has_a_mean_but_no_spread_and_no_interval() -> None:
    assert summarise([0.7]) == Summary(1, 0.7, None, None, None, 0.7, 0.7, 0.7)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        summarise([0.5, bad, 0.7])


def test_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one dimension, not the shape \(2, 3\)"):
        summarise(np.ones((2, 3)))


@pytest.mark.parametrize("confidence", [0, 1, 95, math.nan])
def test_a_confidence_that_is_no_probability_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        summarise([1, 2], confidence)


@given(st.floats(-1e6, 1e6), st.integers(2, 50))
def test_equal_values_have_no_spread(value: float, n: int) -> None:
    assert summarise([value] * n) == Summary(n, value, 0.0, value, value, value, value, value)


values_of_a_cell = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20)


@given(values_of_a_cell)
def test_numbers_are_in_order(values: list[float]) -> None:
    summary = summarise(values)
    assert summary.n == len(values)
    assert summary.ci_low <= summary.mean <= summary.ci_high  # type: ignore[operator]
    assert summary.minimum <= summary.mean <= summary.maximum  # type: ignore[operator]
    assert summary.minimum <= summary.median <= summary.maximum  # type: ignore[operator]


@given(values_of_a_cell)
def test_more_confidence_never_narrows_the_interval(values: list[float]) -> None:
    narrow, wide = summarise(values, 0.5), summarise(values, 0.99)
    assert wide.ci_low <= narrow.ci_low  # type: ignore[operator]
    assert narrow.ci_high <= wide.ci_high  # type: ignore[operator]
