"""The Fourier ring correlation against a loop over px, theory of noise, and curves by hand."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from studygrid.families.base import Undefined
from studygrid.families.ptychography.frc import (
    Crossing,
    RingCorrelation,
    crossing,
    ring_correlation,
)
from tests.golden.made_objects import Real, band_limited

HALF, SEVENTH = 1 / 2, 1 / 7


def tapered(size: int) -> list[float]:
    """Return a Tukey window of size + 2 points with a quarter tapered, less its two zeros."""
    steps, share = size + 1, 0.25
    ramp = share * steps / 2
    weights = []
    for at in range(1, size + 1):
        edge = min(at, steps - at)
        weights.append(0.5 * (1 - math.cos(math.pi * edge / ramp)) if edge < ramp else 1.0)
    return weights


def spectrum_by_hand(image: Real) -> dict[tuple[int, int], complex]:
    """Return the Fourier coefficients by row and column number, summed px by px."""
    height, width = image.shape
    down, right = tapered(height), tapered(width)
    total = sum(a * b for a in down for b in right)
    mean = sum(a * b * image[y, x] for y, a in enumerate(down) for x, b in enumerate(right)) / total
    found = {}
    for row in range(-(height // 2), (height + 1) // 2):
        for column in range(-(width // 2), (width + 1) // 2):
            value = 0j
            for y, a in enumerate(down):
                for x, b in enumerate(right):
                    turn = -2j * math.pi * (row * y / height + column * x / width)
                    value += a * b * (image[y, x] - mean) * cmath.exp(turn)
            found[row, column] = value
    return found


def curve_by_hand(one: Real, other: Real) -> list[tuple[float, float, int]]:
    """Return frequency, correlation and px of each ring, px by px."""
    height, width = one.shape
    longer = max(height, width)
    first, second = spectrum_by_hand(one), spectrum_by_hand(other)
    rings: dict[int, list[tuple[int, int]]] = {}
    for row, column in first:
        frequency = math.hypot(row / height, column / width)
        for ring in range(1, longer // 2 + 1):
            if abs(frequency - ring / longer) < 0.5 / longer:
                rings.setdefault(ring, []).append((row, column))
    curve = []
    for ring, places in sorted(rings.items()):
        common = sum((first[at] * second[at].conjugate()).real for at in places)
        powers = [sum(abs(image[at]) ** 2 for at in places) for image in (first, second)]
        curve.append((ring / longer, common / math.sqrt(powers[0] * powers[1]), len(places)))
    return curve


@pytest.mark.parametrize("shape", [(12, 12), (11, 11), (8, 13), (13, 6), (1, 9), (2, 2)])
def test_curve_equals_a_loop_over_px(shape: tuple[int, int]) -> None:
    one, other = np.random.default_rng(0).normal(size=(2, *shape))
    other = other + one + 3
    curve = ring_correlation(one, other)
    expected = curve_by_hand(one, other)
    found = list(zip(curve.frequency, curve.correlation, curve.pixels, strict=True))
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-9)


def test_rings_are_of_physical_frequency_in_a_rectangle() -> None:
    rows, columns = np.mgrid[:40, :80]
    wave = np.cos(2 * np.pi * 0.2 * rows)  # 0.2 1/px down the short side
    generator = np.random.default_rng(1)
    one, other = (wave + 0.3 * generator.normal(size=(40, 80)) for _ in range(2))
    curve = ring_correlation(one, other)
    assert curve.frequency[curve.correlation.argmax()] == pytest.approx(0.2)
    assert curve.frequency[-1] == 0.5
    assert columns.shape == (40, 80)


def test_identical_images_correlate_in_every_ring() -> None:
    image = np.random.default_rng(2).normal(size=(31, 48))
    curve = ring_correlation(image, image)
    assert curve.correlation == pytest.approx(np.ones(24))
    assert crossing(curve, HALF) == Crossing(0.5, True)
    assert crossing(curve, SEVENTH).resolution == 2


def test_negative_correlates_by_minus_one() -> None:
    image = np.random.default_rng(2).normal(size=(20, 20))
    assert ring_correlation(image, 5 - 3 * image).correlation == pytest.approx(-np.ones(10))


def curves(one: NDArray[np.float64], other: NDArray[np.float64]) -> list[RingCorrelation]:
    return [ring_correlation(a, b) for a, b in zip(one, other, strict=True)]


def test_independent_noise_correlates_as_chance_does() -> None:
    found = curves(*np.random.default_rng(3).normal(size=(2, 60, 64, 64)))
    scaled = np.array([curve.correlation * np.sqrt(curve.pixels) for curve in found])[:, 3:]
    assert np.mean(scaled) == pytest.approx(0, abs=4 / math.sqrt(scaled.size))
    # A real image has each coefficient twice, so a ring of n px has a spread of 1 / sqrt(n). The
    # taper makes neighbours alike: where all of them lay in one ring it would add the root of
    # the window's fourth moment over its squared second one.
    window = np.array(tapered(64))
    most = np.mean(window**4) / np.mean(window**2) ** 2
    assert 1 < np.std(scaled) < most


@pytest.mark.parametrize("ratio", [3.0, 1.0, 1 / 3, 1 / 6])
def test_noise_over_a_signal_correlates_by_its_ratio(ratio: float) -> None:
    generator = np.random.default_rng(4)
    signal = generator.normal(size=(40, 64, 64))
    one, other = (signal + generator.normal(size=signal.shape) / math.sqrt(ratio) for _ in "ab")
    halves = np.mean([curve.correlation[4:] for curve in curves(one, other)])
    assert halves == pytest.approx(ratio / (1 + ratio), abs=0.01)
    # Against the signal itself it is the root: 1/7 of halves is 1/2 against the truth.
    against_truth = np.mean([curve.correlation[4:] for curve in curves(signal, one)])
    assert against_truth == pytest.approx(math.sqrt(ratio / (1 + ratio)), abs=0.01)


def test_jump_between_opposite_edges_does_not_correlate_noise() -> None:
    generator = np.random.default_rng(5)
    rows, columns = np.mgrid[:96, :96] / 96
    noisy = 0.02 * generator.normal(size=(2, 20, 96, 96))
    found = curves(*(rows + 2 * columns + noisy))
    high = np.mean([curve.correlation[curve.frequency > 0.2] for curve in found])
    assert abs(high) < 0.03  # 0.9 and more without the taper


def test_blur_is_seen_as_the_frequency_that_it_leaves() -> None:
    generator = np.random.default_rng(6)
    truth = generator.normal(size=(128, 128))
    blurred = band_limited(np.random.default_rng(6), (128, 128), 0.25)
    noisy = blurred + 0.2 * generator.normal(size=(128, 128))
    found = crossing(ring_correlation(truth, noisy), HALF)
    assert found.frequency == pytest.approx(0.25, abs=1 / 128)
    assert found.resolution == pytest.approx(4, abs=0.15)


def test_ring_in_which_one_image_has_nothing_counts_zero() -> None:
    rows, _ = np.mgrid[:32, :32]
    curve = ring_correlation(np.random.default_rng(7).normal(size=(32, 32)), 0.0 * rows)
    assert curve.correlation.tolist() == [0] * 16


def test_one_px_has_no_ring() -> None:
    with pytest.raises(Undefined, match="area of scan one is too small for a Fourier ring"):
        ring_correlation(np.ones((1, 1)), np.ones((1, 1)), "one")


def curve_of(*correlations: float) -> RingCorrelation:
    count = len(correlations)
    return RingCorrelation(np.arange(1, count + 1) * 0.1, np.array(correlations), np.full(count, 8))


@pytest.mark.parametrize(
    ("correlations", "threshold", "frequency"),
    [
        ((1.0, 0.8, 0.3, 0.1), HALF, 0.26),  # 0.3 of the 0.5 between the second ring and the third
        ((1.0, 0.8, 0.3, 0.1), SEVENTH, 0.3 + 0.1 * (0.3 - SEVENTH) / 0.2),
        ((0.9, 0.4, 0.9, 0.9), HALF, 0.18),  # the first crossing, though it rises again
        ((1.0, 0.5, 0.5, 0.4), HALF, 0.3),  # it lies on the threshold until the third ring
        ((0.5, -0.5, 1.0), HALF, 0.1),
        ((0.6, 0.4), HALF, 0.15),
    ],
)
def test_first_crossing_from_above_is_interpolated(
    correlations: tuple[float, ...], threshold: float, frequency: float
) -> None:
    found = crossing(curve_of(*correlations), threshold)
    assert found.frequency == pytest.approx(frequency)
    assert found.resolution == pytest.approx(1 / frequency)
    assert not found.beyond_nyquist
    assert not found.below_first_ring


@pytest.mark.parametrize("correlations", [(1.0, 0.9, 0.7), (0.5, 0.5), (1.0, 0.5, 0.9)])
def test_curve_that_never_falls_below_reaches_beyond_nyquist(
    correlations: tuple[float, ...],
) -> None:
    assert crossing(curve_of(*correlations), HALF) == Crossing(0.5, True)


@pytest.mark.parametrize("correlations", [(0.49, 0.9), (-1.0,)])
def test_curve_that_starts_below_has_the_first_ring_as_a_bound(
    correlations: tuple[float, ...],
) -> None:
    found = crossing(curve_of(*correlations), HALF)
    assert found == Crossing(found.frequency, below_first_ring=True)
    assert found.frequency == pytest.approx(0.1)
    assert found.resolution == pytest.approx(10)


@pytest.mark.parametrize("correlations", [(math.nan, 0.9), (0.9, 0.4, math.nan), (math.nan,)])
def test_curve_that_is_not_finite_has_no_crossing(correlations: tuple[float, ...]) -> None:
    with pytest.raises(Undefined, match="correlation of scan one is not finite"):
        crossing(curve_of(*correlations), HALF, "one")
