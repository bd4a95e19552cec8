"""Tukey's rule: what is an outlier of a group, and how often nothing but chance makes one."""

from __future__ import annotations

import numpy as np
import pytest

from studygrid.statistics.outliers import fences, judge


def test_the_fences_are_those_of_a_box_plot() -> None:
    # Quartiles 3 and 7 (numpy and R's default), 1.5 times 4 further out.
    assert fences(np.arange(1.0, 10.0)) == (-3.0, 13.0)


@pytest.mark.parametrize("values", [[1.0, 2.0, 30.0], [5.0] * 8, [1.0, 1.0, 1.0, 1.0, 1.0, 9.0]])
def test_quartiles_that_mean_nothing_give_no_fences(values: list[float]) -> None:
    assert fences(np.array(values)) is None


def test_a_large_group_is_judged_by_its_own_quartiles() -> None:
    groups = [list(map(float, range(1, 11))), [*map(float, range(1, 11)), 100.0]]
    first, second = judge(groups)
    assert (first.by, second.by) == ("own", "own")
    assert not first.outside.any()
    assert second.outside.tolist() == [False] * 10 + [True]
    assert second.high[0] == pytest.approx(fences(np.array(groups[1]))[1])  # type: ignore[index]


def test_small_groups_are_judged_together_wherever_they_lie() -> None:
    steady = [[level + step for step in (-1.0, 0.0, 1.2)] for level in (0.0, 50.0, -7.0, 1000.0)]
    found = judge([*steady, [20.0, 20.5, 32.0]])
    assert [one.by for one in found] == ["pooled"] * 5
    assert [one.outside.any() for one in found] == [False] * 4 + [True]
    assert found[-1].outside.tolist() == [False, False, True]


def test_the_fences_of_a_small_group_lie_about_the_median_of_the_others() -> None:
    groups = [[0.0, 1.0, 2.0], [10.0, 12.0, 14.0]]
    distances = np.array([-1.5, 0.0, 1.5, -3.0, 0.0, 3.0])
    low, high = fences(distances) or (0.0, 0.0)
    found = judge(groups)[1]
    np.testing.assert_allclose(found.low, np.array([13.0, 12.0, 11.0]) + low)
    np.testing.assert_allclose(found.high, np.array([13.0, 12.0, 11.0]) + high)


def test_an_outlier_of_three_does_not_make_outliers_of_the_other_two() -> None:
    # Each of the two is far from the median of its others, which the outlier takes along.
    others = [[0.0, 0.1, -0.1]] * 5
    assert judge([*others, [0.0, 0.1, 40.0]])[-1].outside.tolist() == [False, False, True]


def test_groups_of_one_or_two_are_not_judged_whatever_they_are() -> None:
    found = judge([[0.0, 1000.0], [5.0], *[[0.0, 1.0, 2.0]] * 4])
    assert [one.by for one in found[:2]] == [None, None]
    assert not any(one.outside.any() for one in found[:2])
    assert np.isnan(found[0].low).all()


@pytest.mark.parametrize("groups", [[[0.0, 1.0, 90.0]], [[1.0, 1.0, 1.0]] * 4, [], [[]]])
def test_too_few_values_and_equal_ones_are_not_judged(groups: list[list[float]]) -> None:
    assert all(one.by is None and not one.outside.any() for one in judge(groups))


@pytest.mark.parametrize(("each", "groups"), [(3, 4), (3, 20), (5, 6), (8, 4), (10, 4), (20, 2)])
def test_chance_alone_makes_few_outliers_and_a_real_one_is_found(each: int, groups: int) -> None:
    generator = np.random.default_rng(each * groups)
    named, found, tries = 0, 0, 150
    for _ in range(tries):
        values = generator.normal(generator.normal(0, 10, (groups, 1)), 1, (groups, each))
        named += sum(int(one.outside.sum()) for one in judge(values.tolist()))
        values[0, 0] += 8
        found += bool(judge(values.tolist())[0].outside[0])
    assert 0.003 < named / (tries * groups * each) < 0.06
    assert found / tries > 0.85
