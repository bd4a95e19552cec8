"""Where a difference crosses zero: what is found, what is not, and what cannot be told."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from studygrid.statistics import Crossover, Span, find_crossover, summarise

SIZES = (64.0, 128.0, 256.0, 512.0)
NAN = float("nan")


def line(slope: float, crossing: float, noise: float = 0.0) -> NDArray[np.float64]:
    """Return differences of four pairs that cross at a size, shape (sizes, pairs)."""
    mean = slope * (np.log2(SIZES) - math.log2(crossing))
    return mean[:, None] + noise * np.array([-1.0, -0.5, 0.5, 1.0])


def only(found: Crossover) -> Span:
    assert found.state == "once"
    interval = found.crossings[0].interval
    assert interval is not None
    return interval


def test_a_crossing_is_where_the_line_through_the_means_is_zero() -> None:
    found = find_crossover(SIZES, line(-0.1, 181.0, noise=0.02))
    assert found.state == "once"
    assert found.crossings[0].size == pytest.approx(181.0)
    assert not found.crossings[0].rises
    assert found.ahead is None
    assert find_crossover(SIZES, line(0.1, 181.0)).crossings[0].rises


def test_halfway_is_halfway_in_octaves() -> None:
    found = find_crossover([100.0, 400.0], [[-1.0], [1.0]])
    assert found.crossings[0].size == pytest.approx(200.0)


def test_the_interval_ends_where_that_of_the_mean_touches_zero() -> None:
    differences = line(-0.1, 181.0, noise=0.02)
    span = only(find_crossover(SIZES, differences))
    assert 128 < span.low < 181 < span.high < 256
    for end in (span.low, span.high):
        share = math.log2(end / 128)
        here = summarise((1 - share) * differences[1] + share * differences[2])
        assert here.ci_low is not None
        assert here.ci_high is not None
        assert min(abs(here.ci_low), abs(here.ci_high)) == pytest.approx(0, abs=1e-12)


def test_less_confidence_excludes_more() -> None:
    wide = only(find_crossover(SIZES, line(-0.1, 181.0, noise=0.02)))
    narrow = only(find_crossover(SIZES, line(-0.1, 181.0, noise=0.02), confidence=0.5))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_an_interval_that_reaches_the_smallest_size_is_open_there() -> None:
    found = find_crossover(SIZES, line(-0.1, 80.0, noise=0.1)).crossings[0]
    assert found.interval is not None
    assert (found.open_below, found.open_above) == (True, False)
    assert found.interval.low == 64
    turned = find_crossover(SIZES, line(-0.1, 420.0, noise=0.1)).crossings[0]
    assert (turned.open_below, turned.open_above) == (False, True)
    assert turned.interval is not None
    assert turned.interval.high == 512


@pytest.mark.parametrize("sizes", [(10, 200), (10, 20, 200), (7, 300), (3, 1000), (11, 13, 5000)])
def test_a_stretch_up_to_the_last_size_is_open_there_whatever_rounding_does(
    sizes: tuple[int, ...],
) -> None:
    means = np.linspace(0.3, -0.3, len(sizes))[:, None]
    crossing = find_crossover(sizes, means + np.array([[1.0, -1.0, 0.1]])).crossings[0]
    assert (crossing.open_below, crossing.open_above) == (True, True)
    assert crossing.interval == Span(float(sizes[0]), float(sizes[-1]))


def test_noise_that_hides_all_leaves_the_whole_range_open() -> None:
    crossing = find_crossover(SIZES, line(-0.1, 181.0, noise=5.0)).crossings[0]
    assert crossing.interval == Span(64.0, 512.0)
    assert crossing.open_below
    assert crossing.open_above


def test_who_is_ahead_throughout_and_is_told_apart_at_all_sizes() -> None:
    found = find_crossover(SIZES, line(-0.1, 4096.0, noise=0.02))
    assert (found.state, found.ahead, found.crossings) == ("none", 1, ())
    assert found.told_apart == SIZES
    assert found.undecided == ()
    assert find_crossover(SIZES, -line(-0.1, 4096.0, noise=0.02)).ahead == -1


def test_ahead_in_the_mean_but_not_told_apart_everywhere() -> None:
    found = find_crossover(SIZES, line(-0.1, 700.0, noise=0.1))
    assert (found.state, found.ahead) == ("none", 1)
    assert found.told_apart == (64.0, 128.0)
    assert found.undecided is not None
    (span,) = found.undecided
    assert 128 < span.low < 256
    assert span.high == 512


def test_several_changes_of_sign_are_all_told() -> None:
    means = [-1.0, 1.0, -1.0, -1.0]
    found = find_crossover(SIZES, [[mean - 0.01, mean + 0.01] for mean in means])
    assert found.state == "several"
    assert [crossing.rises for crossing in found.crossings] == [True, False]
    assert [crossing.size for crossing in found.crossings] == pytest.approx(
        [64 * math.sqrt(2), 128 * math.sqrt(2)]
    )
    intervals = [crossing.interval for crossing in found.crossings]
    assert intervals == list(found.undecided or ())


def test_several_changes_that_noise_makes_lie_in_one_stretch() -> None:
    found = find_crossover(SIZES, [[-1.1, 1.0], [1.1, -1.0], [-1.1, 1.0], [1.1, -1.0]])
    assert found.state == "several"
    assert {crossing.interval for crossing in found.crossings} == {Span(64.0, 512.0)}


def test_one_pair_gives_an_estimate_without_an_interval() -> None:
    found = find_crossover(SIZES, line(-0.1, 181.0)[:, :1])
    assert found.crossings[0].size == pytest.approx(181.0)
    assert found.crossings[0].interval is None
    assert found.undecided is None
    assert found.told_apart == ()


def test_one_size_cannot_say() -> None:
    assert find_crossover([64.0], [[1.0, 2.0]]).state == "too few sizes"
    assert find_crossover(SIZES, [[NAN] * 2, [1.0, 2.0], [NAN] * 2, [NAN] * 2]).sizes == (128.0,)
    nothing = find_crossover([], np.zeros((0, 3)))
    assert (nothing.state, nothing.ahead, nothing.undecided) == ("too few sizes", 0, None)


def test_a_mean_that_only_touches_zero_does_not_cross() -> None:
    found = find_crossover(SIZES[:3], [[1.0], [0.0], [1.0]])
    assert (found.state, found.ahead) == ("none", 1)
    through = find_crossover(SIZES[:3], [[1.0], [0.0], [-1.0]])
    assert [crossing.size for crossing in through.crossings] == [128.0]
    level = find_crossover(SIZES, [[1.0], [0.0], [0.0], [-1.0]])
    assert level.crossings[0].size == pytest.approx(128 * math.sqrt(2))


def test_no_difference_at_all_is_nobody_ahead() -> None:
    found = find_crossover(SIZES, np.zeros((4, 3)))
    assert (found.state, found.ahead, found.told_apart) == ("none", 0, ())
    assert found.undecided == (Span(64.0, 512.0),)


def test_pairs_without_noise_have_a_crossing_without_width() -> None:
    span = only(find_crossover(SIZES, np.repeat(line(-0.1, 181.0)[:, :1], 3, axis=1)))
    assert (span.low, span.high) == pytest.approx((181.0, 181.0))


def test_a_size_without_any_pair_is_bridged() -> None:
    differences = line(-0.1, 181.0, noise=0.02)
    differences[1] = NAN
    found = find_crossover(SIZES, differences)
    assert found.sizes == (64.0, 256.0, 512.0)
    assert found.crossings[0].size == pytest.approx(181.0)


def test_a_missing_run_leaves_its_seed_out_of_the_two_steps_beside_it() -> None:
    differences = line(-0.1, 181.0, noise=0.02)
    differences[1, 0] = NAN
    found = find_crossover(SIZES, differences)
    assert [cell.n for cell in found.cells] == [4, 3, 4, 4]
    shared = differences[1:3, 1:]
    span = only(found)
    for end in (span.low, span.high):
        share = math.log2(end / 128)
        here = summarise((1 - share) * shared[0] + share * shared[1])
        assert here.ci_low is not None
        assert here.ci_high is not None
        assert min(abs(here.ci_low), abs(here.ci_high)) == pytest.approx(0, abs=1e-12)


def test_sizes_that_share_no_pair_exclude_nothing_between_them() -> None:
    found = find_crossover(SIZES[:2], [[1.0, 1.1, NAN, NAN], [NAN, NAN, -1.0, -1.1]])
    assert found.crossings[0].interval == Span(64.0, 128.0)
    assert found.told_apart == (64.0, 128.0)


@pytest.mark.parametrize(
    ("sizes", "differences", "message"),
    [
        ([64.0, 64.0], [[1.0], [1.0]], "ascend"),
        ([128.0, 64.0], [[1.0], [1.0]], "ascend"),
        ([0.0, 64.0], [[1.0], [1.0]], "ascend"),
        ([NAN, 64.0], [[1.0], [1.0]], "ascend"),
        ([64.0], [[1.0], [1.0]], r"shape \(sizes, pairs\)"),
        ([64.0, 128.0], [[1.0], [math.inf]], "finite"),
    ],
)
def test_what_cannot_be_used_is_refused(
    sizes: list[float], differences: list[list[float]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        find_crossover(sizes, differences)
    with pytest.raises(ValueError, match="confidence"):
        find_crossover([64.0], [[1.0]], confidence=1.0)


_VALUES = st.floats(-10, 10, allow_nan=False, width=32)
_TABLES = st.integers(2, 5).flatmap(
    lambda pairs: st.lists(
        st.lists(_VALUES | st.just(NAN), min_size=pairs, max_size=pairs), min_size=2, max_size=5
    )
)


@given(_TABLES)
def test_signs_turned_around_turn_the_answer_around(table: list[list[float]]) -> None:
    values = np.array(table)
    sizes = 2.0 ** np.arange(3, 3 + len(values))
    found, turned = find_crossover(sizes, values), find_crossover(sizes, -values)
    assert [one.size for one in found.crossings] == [one.size for one in turned.crossings]
    assert [one.rises for one in found.crossings] == [not one.rises for one in turned.crossings]
    assert found.undecided == turned.undecided


@given(_TABLES)
def test_what_is_said_hangs_together(table: list[list[float]]) -> None:
    values = np.array(table)
    sizes = 2.0 ** np.arange(3, 3 + len(values))
    found = find_crossover(sizes, values)
    for crossing in found.crossings:
        assert found.sizes[0] <= crossing.size <= found.sizes[-1]
        if crossing.interval is None:
            assert found.undecided is None
            continue
        assert crossing.interval.low <= crossing.size <= crossing.interval.high
        assert crossing.open_below == (crossing.interval.low == found.sizes[0])
        assert crossing.open_above == (crossing.interval.high == found.sizes[-1])
    for before, after in zip(found.undecided or (), (found.undecided or ())[1:], strict=False):
        assert before.low <= before.high < after.low <= after.high


@given(_TABLES, st.floats(0.01, 100))
def test_the_scale_of_the_differences_does_not_matter(
    table: list[list[float]], scale: float
) -> None:
    values = np.array(table)
    assume(np.nanmax(np.abs(values), initial=0) > 1e-3)
    sizes = 2.0 ** np.arange(3, 3 + len(values))
    found, scaled = find_crossover(sizes, values), find_crossover(sizes, scale * values)
    assert [one.size for one in found.crossings] == pytest.approx(
        [one.size for one in scaled.crossings], rel=1e-6
    )
