"""Comparing two samples that share their seeds, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from studygrid.statistics.intervals import summarise

_MOST_EXACT = 16  # 2^16 sign patterns; beyond, random ones


@dataclass(frozen=True)
class Comparison:
    """The differences a - b of pairs; None where there are too few pairs.

    Attributes
    ----------
    ci_low, ci_high
        Student's t interval of the mean difference.
    p_value
        Two-sided p of the paired t test.
    exact_p_value
        Two-sided p of the sign-flip permutation test, which assumes no distribution.
    smallest_exact_p
        The least that the exact test can give with this many pairs: 2^(1-n).
    probability_better
        Share of pairs in which a is greater, ties counting one half.
    """

    n: int
    difference: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    exact_p_value: float | None = None
    smallest_exact_p: float | None = None
    probability_better: float | None = None


def compare_paired(
    first: Sequence[float] | NDArray[np.floating],
    second: Sequence[float] | NDArray[np.floating],
    confidence: float = 0.95,
) -> Comparison:
    """Compare two samples pair by pair; `first[i]` and `second[i]` share seed and subset.

    Parameters
    ----------
    first, second
        One value a pair, shape (n,); n may be 0.
    confidence
        Coverage of the interval of the mean difference.

    Raises
    ------
    ValueError
        If the samples are not of one length, or a value is NaN or infinite.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"pairs need samples of one length, not {a.shape} and {b.shape}")
    differences = a - b
    found = summarise(differences, confidence)
    if found.n == 0:
        return Comparison(0)
    better = float(np.mean((differences > 0) + 0.5 * (differences == 0)))
    if found.n == 1:
        return Comparison(1, found.mean, probability_better=better)
    return Comparison(
        n=found.n,
        difference=found.mean,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        p_value=_t_test(differences),
        exact_p_value=sign_flip_test(differences),
        smallest_exact_p=2.0 ** (1 - found.n),
        probability_better=better,
    )


def _t_test(differences: NDArray[np.float64]) -> float:
    found = summarise(differences)
    assert found.mean is not None
    assert found.sd is not None
    if found.sd == 0:
        return 1.0 if found.mean == 0 else 0.0
    t = abs(found.mean) / (found.sd / np.sqrt(found.n))
    return float(2 * stdtr(found.n - 1, -t))


def sign_flip_test(
    differences: Sequence[float] | NDArray[np.floating],
    draws: int = 2**_MOST_EXACT,
    seed: int = 0,
) -> float:
    """Return the two-sided p of a mean difference of zero, by flipping signs of differences.

    Under the null hypothesis that a pair's values may be exchanged, each pattern of signs is as
    likely as any other (Fisher, The design of experiments, 1935, section 21). All patterns are
    tried up to 16 pairs; beyond, `draws` random ones and the one observed, so that p is never 0.

    Parameters
    ----------
    differences
        One a pair, shape (n,).
    draws, seed
        Random patterns above 16 pairs, and the seed that they are drawn with.
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    if n == 0:
        return 1.0
    if n <= _MOST_EXACT:
        bits = np.arange(2**n)[:, None] >> np.arange(n)
        signs = 1.0 - 2.0 * (bits & 1)
    else:
        drawn = np.random.default_rng(seed).choice([-1.0, 1.0], (draws, n))
        signs = np.vstack([np.ones(n), drawn])
    sums = np.abs(signs @ values)
    # Equal sums may differ in their last bits by the order of addition.
    tolerance = 1e-12 * np.abs(values).sum()
    return float(np.mean(sums >= sums[0] - tolerance))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values adjusted for a family of comparisons.

    Holm's step-down procedure (Scandinavian Journal of Statistics 6, 1979): the i-th smallest of
    m is multiplied by m - i + 1, and none is less than the one before it.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, position in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[position]))
        adjusted[position] = highest
    return adjusted
