"""Whether patterns are amplitudes: what their values tell of the unit that they are in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studygrid.families.violations import Violation, violation

MOST = 10.0  # the contract's sign of patterns that are not normalised
_OFF = 0.02  # from a whole number, in quanta
_MOST_QUANTA = 1e5  # in float32, larger multiples are not told from their neighbours
_FEWEST = 100
_ENERGY_OFF = 0.01


def unit_violations(
    key: str, sample: NDArray[np.float32], highest: float, energy: float
) -> list[Violation]:
    """Return what is wrong with the unit of patterns.

    Parameters
    ----------
    sample
        Some of the patterns, shape (m, N, N), finite and not below 0.
    highest, energy
        Of all patterns: the largest value, and the mean of ``sum(pattern^2)``.
    """
    counted = counts_whole(sample)
    if counted:
        return [
            violation(
                key,
                "amplitude, the square root of counts",
                f"whole multiples of {quantum(sample):g} (up to {highest:g}), as counts are",
                f"it is intensity: save np.sqrt({key}), divided by its largest value",
            )
        ]
    wanted = (sample.shape[-1] / 2) ** 2
    if highest < MOST or abs(energy / wanted - 1) < _ENERGY_OFF:
        return []
    remedy = (
        f"save {key} / {key}.max(); if it is intensity, take np.sqrt of it first"
        if not counts_whole(np.square(sample, dtype=np.float64))
        else f"it is the square root of counts: save {key} / {key}.max()"
    )
    expected = f"normalised amplitude: a maximum below {MOST:g}, or a mean sum of squares of " + (
        f"(N/2)^2 = {wanted:g}"
    )
    return [violation(key, expected, f"{highest:g}, and {energy:g}", remedy)]


def counts_whole(values: NDArray[np.floating]) -> bool:
    """Return whether values are whole multiples of the smallest above 0, as counts are.

    Of noisy patterns the smallest value above 0 is of one photon. The square roots of counts are
    not whole multiples of it: the second smallest is 1.41 times as large. Values among which
    1, 2 and 3 times the smallest do not occur tell nothing: False.

    Parameters
    ----------
    values
        Any shape, finite and not below 0.
    """
    lit = np.asarray(values[values > 0], np.float64)
    if len(lit) < _FEWEST:
        return False
    multiples = lit / lit.min()
    multiples = multiples[multiples < _MOST_QUANTA]
    nearest = np.rint(multiples)
    few = all((nearest == small).any() for small in (1, 2, 3))
    return few and bool((np.abs(multiples - nearest) < _OFF).all())


def quantum(values: NDArray[np.float32]) -> float:
    """Return the smallest value above 0."""
    return float(values[values > 0].min())
