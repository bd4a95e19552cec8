"""Numbers as a reader wants them: as many digits as they support, with units."""

from __future__ import annotations

import math

MOST_DECIMALS = 6
_MINUS = "−"
_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_LARGE = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def decimals_for(half_width: float | None, value: float) -> int:
    """Return how many decimals a value deserves.

    As many as give the half width of its interval two significant digits (the rule of the
    Particle Data Group, Review of particle physics, section 5.3, is between one and two); three
    significant digits of the value where there is no interval. Negative for tens and more.
    """
    # Less than that is the rounding of a mean of equal values.
    if half_width is not None and half_width > 1e-9 * abs(value):
        wanted = 1 - math.floor(math.log10(half_width))
    elif value:
        # Of the rounded value: 0.9996 becomes 1.00.
        wanted = 2 - math.floor(math.log10(abs(float(f"{value:.2e}"))))
    else:
        wanted = 0
    return min(wanted, MOST_DECIMALS)


def fixed(value: float, decimals: int, *, sign: bool = False) -> str:
    """Return a value with so many decimals, rounded to tens and more where they are negative."""
    rounded = round(value, decimals)
    text = f"{abs(rounded):,.{max(0, decimals)}f}"
    if rounded < 0:
        return _MINUS + text
    return f"+{text}" if sign and rounded > 0 else text


def number(value: float, half_width: float | None = None, *, sign: bool = False) -> str:
    """Return a value with the digits that its interval supports, or with three."""
    return fixed(value, decimals_for(half_width, value), sign=sign)


def interval(low: float, high: float) -> str:
    """Return an interval's ends with two significant digits of its half width."""
    decimals = decimals_for((high - low) / 2, (low + high) / 2)
    return f"{fixed(low, decimals)} to {fixed(high, decimals)}"


def duration(seconds: float) -> str:
    """Return a time with three significant digits in the unit that suits it."""
    if seconds >= 60:
        whole = round(seconds)
        hours, minutes = divmod(whole // 60, 60)
        if hours:
            return f"{hours:,} h {minutes} min"
        return f"{minutes} min {whole % 60} s"
    for size, unit in _TIMES:
        if seconds >= size * 0.9995:
            return f"{number(seconds / size)} {unit}"
    return f"{number(seconds / 1e-9)} ns"


def large(value: float) -> str:
    """Return a count with three significant digits and a prefix: ``332 k``, ``4.09 G``."""
    for size, prefix in _LARGE:
        if value >= size * 0.9995:
            return f"{number(value / size)} {prefix}"
    return f"{number(value)} "


def p_value(p: float) -> str:
    """Return ``p = 0.012``, ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return ``1 run``, ``1,204 runs``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(items: list[str], most: int = 8) -> str:
    """Return ``a, b and c``, of many the first and how many more."""
    if len(items) > most + 1:
        return f"{', '.join(items[:most])} and {len(items) - most:,} more"
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
