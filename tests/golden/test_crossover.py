"""The interval of a crossing against scipy's t test, a bootstrap, and simulated coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from studygrid.statistics import find_crossover

SIZES = np.array([128.0, 256.0, 512.0, 1024.0])
CROSSING = 676.0  # between the third and the fourth
DRAWS = 500


def drawn(
    seeds: int, noise: float, shared: float, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return differences that fall by one an octave; a share of the noise is in all sizes."""
    mean = math.log2(CROSSING) - np.log2(SIZES)
    common = math.sqrt(shared) * generator.normal(size=(1, seeds))
    own = math.sqrt(1 - shared) * generator.normal(size=(len(SIZES), seeds))
    return np.asarray(mean[:, None] + noise * (common + own))


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_what_is_not_excluded_is_where_scipys_t_test_does_not_reject(seeds: int) -> None:
    differences = drawn(seeds, 0.8, 0.5, np.random.default_rng(seeds))
    found = find_crossover(SIZES, differences)
    assert found.undecided
    for place in np.linspace(7, 10, 601):
        step = min(int(place) - 7, len(SIZES) - 2)
        share = place - 7 - step
        here = (1 - share) * differences[step] + share * differences[step + 1]
        p = scipy.stats.ttest_1samp(here, 0).pvalue
        held = any(span.low <= 2**place <= span.high for span in found.undecided)
        assert held == (p >= 0.05) or p == pytest.approx(0.05, abs=1e-3)


@pytest.mark.parametrize(("noise", "shared"), [(0.3, 0.8), (1.0, 0.0)], ids=["little", "much"])
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_true_crossing_is_excluded_as_seldom_as_it_says(
    seeds: int, noise: float, shared: float
) -> None:
    generator = np.random.default_rng([seeds, round(10 * noise)])
    held = 0
    for _ in range(DRAWS):
        found = find_crossover(SIZES, drawn(seeds, noise, shared, generator))
        held += any(span.low <= CROSSING <= span.high for span in found.undecided or ())
    monte_carlo_error = math.sqrt(0.95 * 0.05 / DRAWS)
    assert held / DRAWS == pytest.approx(0.95, abs=3 * monte_carlo_error)


def test_a_bootstrap_over_three_seeds_would_not_do() -> None:
    """Why the t test is inverted: this is what a percentile bootstrap holds in place of 95 %."""
    generator = np.random.default_rng(1)
    held = ours = 0
    for _ in range(DRAWS):
        differences = drawn(3, 0.3, 0.8, generator)
        picked = generator.integers(0, 3, (200, 3))
        means = differences[:, picked].mean(axis=2)
        # With little noise each resample crosses in the last step.
        share = means[2] / (means[2] - means[3])
        low, high = np.percentile(2 ** (9 + share), [2.5, 97.5])
        held += low <= CROSSING <= high
        interval = find_crossover(SIZES, differences).crossings[0].interval
        assert interval is not None
        ours += interval.low <= CROSSING <= interval.high
    assert held / DRAWS < 0.85
    assert ours / DRAWS > 0.92
