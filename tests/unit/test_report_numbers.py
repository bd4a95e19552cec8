"""Numbers in sentences have the digits that they support."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studygrid.report.numbers import (
    counted,
    duration,
    fixed,
    interval,
    large,
    listed,
    number,
    p_value,
)


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [
        (0.72345, 0.031, "0.723"),
        (0.72345, 0.31, "0.72"),
        (0.72345, 0.0999, "0.723"),
        (0.72345, None, "0.723"),
        (-0.0123, 0.02, "−0.012"),
        (1234.5, 250.0, "1,230"),
        (1234.5, 25.0, "1,234"),
        (0.5, 0.0, "0.500"),
        (0.5, 1e-12, "0.500"),
        (0.0, None, "0"),
        (0.00001, 1.0, "0.0"),
    ],
)
def test_decimals_follow_the_interval(value: float, half: float | None, text: str) -> None:
    assert number(value, half) == text


def test_a_sign_is_written_where_it_matters() -> None:
    assert number(0.05, 0.01, sign=True) == "+0.050"
    assert number(-0.05, 0.01, sign=True) == "−0.050"
    assert number(0.0, 0.01, sign=True) == "0.000"
    assert fixed(-0.0001, 2) == "0.00"


def test_both_ends_of_an_interval_have_the_same_decimals() -> None:
    assert interval(0.692, 0.75444) == "0.692 to 0.754"
    assert interval(-0.41, 0.5) == "−0.41 to 0.50"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0002191, "219 µs"), (0.00099996, "1.00 ms"), (0.9, "900 ms"), (2.25, "2.25 s"),
        (59.6, "59.6 s"), (61.2, "1 min 1 s"), (7260.0, "2 h 1 min"), (3e-9, "3.00 ns"),
    ],
)  # fmt: skip
def test_a_time_has_a_unit_that_suits_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_counts_have_prefixes() -> None:
    assert [large(value) for value in (331904, 4.09e9, 999.9e3, 12)] == [
        "332 k", "4.09 G", "1.00 M", "12.0 ",
    ]  # fmt: skip


def test_small_words() -> None:
    assert (counted(1, "run"), counted(1200, "run")) == ("1 run", "1,200 runs")
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([str(i) for i in range(20)], 3) == "0, 1, 2 and 17 more"
    assert listed([]) == ""
    assert (p_value(0.0123), p_value(1e-9)) == ("p = 0.012", "p < 0.001")


@given(
    st.floats(-1e6, 1e6),
    st.one_of(st.none(), st.floats(0, 1e6)),
)
def test_a_number_is_off_by_no_more_than_its_last_digit(value: float, half: float | None) -> None:
    text = number(value, half).replace("−", "-").replace(",", "")
    allowed = (
        max(half / 10, 5e-07) if half and half > 1e-9 * abs(value) else max(abs(value) / 100, 5e-07)
    )
    assert math.isclose(float(text), value, abs_tol=allowed * 1.001)
