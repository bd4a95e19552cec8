"""Comparing two samples that share their seeds, pair by pair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from studygrid.statistics.intervals import Summary, summarise

_MOST_EXACT = 16  # 2^16 sign patterns; beyond, random ones
_DRAWS = 2**_MOST_EXACT
_AT_ONCE = 2**22  # signs held in memory
_ROUNDING = 1e-12  # relative; less is no difference but the order of addition


@dataclass(frozen=True)
class Comparison:
    """The differences a - b of pairs; None where there are too few pairs.

    Attributes
    ----------
    ci_low, ci_high
        Student's t interval of the mean difference.
    p_value
        Two-sided p of the paired t test. Differences that are all the same, but not zero, have
        no spread to test against, and t would be infinite: then it is `exact_p_value`.
    exact_p_value
        Two-sided p of the sign-flip permutation test, which assumes no distribution.
    smallest_exact_p
        The least that the exact test can give with this many pairs: 2^(1-n), and not below one
        in the number of patterns that it tries.
    probability_better
        Share of pairs in which a is greater, ties counting one half.
    constant
        Whether the differences are all the same, and not zero: the pairs show no noise.
    """

    n: int
    difference: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    exact_p_value: float | None = None
    smallest_exact_p: float | None = None
    probability_better: float | None = None
    constant: bool = False


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
    differences = np.where(np.isclose(a, b, rtol=_ROUNDING, atol=0), 0.0, a - b)
    found = summarise(differences, confidence)
    if found.n == 0:
        return Comparison(0)
    better = float(np.mean((differences > 0) + 0.5 * (differences == 0)))
    if found.n == 1:
        return Comparison(1, found.mean, probability_better=better)
    assert found.sd is not None
    exact = sign_flip_test(differences)
    no_spread = found.sd <= _ROUNDING * max(np.abs(a).max(), np.abs(b).max())
    return Comparison(
        n=found.n,
        difference=found.mean,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        p_value=exact if no_spread else _t_test(found),
        exact_p_value=exact,
        smallest_exact_p=max(2.0 ** (1 - found.n), 1 / (_DRAWS + 1)),
        probability_better=better,
        constant=bool(no_spread and differences.any()),
    )


def _t_test(found: Summary) -> float:
    assert found.mean is not None
    assert found.sd is not None
    t = abs(found.mean) / (found.sd / math.sqrt(found.n))
    return float(2 * stdtr(found.n - 1, -t))


def sign_flip_test(
    differences: Sequence[float] | NDArray[np.floating],
    draws: int = _DRAWS,
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

    Raises
    ------
    ValueError
        If a difference is NaN or infinite.
    """
    values = np.asarray(differences, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("differences should be finite: leave out pairs without a value beforehand")
    n = len(values)
    if n == 0:
        return 1.0
    # Equal sums may differ in their last bits by the order of addition.
    observed = abs(values.sum()) - _ROUNDING * np.abs(values).sum()
    if n <= _MOST_EXACT:
        bits = np.arange(2**n)[:, None] >> np.arange(n)
        return float(np.mean(np.abs((1.0 - 2.0 * (bits & 1)) @ values) >= observed))
    generator = np.random.default_rng(seed)
    extreme, rows = 1, max(1, _AT_ONCE // n)  # the observed pattern is one of them
    for start in range(0, draws, rows):
        signs = generator.choice([-1.0, 1.0], (min(rows, draws - start), n))
        extreme += int((np.abs(signs @ values) >= observed).sum())
    return extreme / (draws + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values adjusted for a family of comparisons.

    Holm's step-down procedure (Scandinavian Journal of Statistics 6, 1979): the i-th smallest of
    m is multiplied by m - i + 1, and none is less than the one before it.

    Raises
    ------
    ValueError
        If one does not lie between 0 and 1.
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError("p values should lie between 0 and 1: leave out what was not tested")
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, position in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[position]))
        adjusted[position] = highest
    return adjusted
