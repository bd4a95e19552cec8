"""Fourier ring correlation of two images, and where it falls below a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.signal import windows

from studygrid.families.base import Undefined

NYQUIST = 0.5
TAPERED_SHARE = 0.25
_SILENT = 1e-24

Real = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RingCorrelation:
    """A curve of Fourier ring correlation.

    Attributes
    ----------
    frequency
        Middle of each ring in 1/px, rising, shape (rings,).
    correlation
        Between -1 and 1, shape (rings,).
    pixels
        Of the spectrum in each ring, shape (rings,).
    """

    frequency: Real
    correlation: Real
    pixels: NDArray[np.int64]


def ring_correlation(one: Real, other: Real, scan: str = "") -> RingCorrelation:
    """Return the Fourier ring correlation of two real images of one shape.

    Of each ring it is ``Re sum F1 conj(F2) / sqrt(sum |F1|^2 sum |F2|^2)``. A ring is as wide as
    one px of the spectrum along the longer side, 1 / side, and its px are those whose frequency
    is nearest to its middle; rings reach from one width to Nyquist, and the corners beyond are
    left out. The mean is taken off, and a Tukey window tapers an eighth of each side at each
    edge: else the jump from one edge to the opposite one, which both images have, correlates at
    all frequencies. A ring in which an image has nothing counts 0.

    Source: Saxton and Baumeister, J. Microscopy 127 (1982) 127.

    Parameters
    ----------
    scan
        Name for the message.

    Raises
    ------
    Undefined
        If both sides are below 2 px, so that there is no ring.
    """
    height, width = one.shape
    longer = max(height, width)
    rings = longer // 2
    if rings == 0:
        raise Undefined(f"the area of scan {scan} is too small for a Fourier ring")
    number = _ring_numbers(height, width).ravel()
    first, second = _spectrum(one), _spectrum(other)

    def summed(values: Real) -> Real:
        sums = np.bincount(number, values.ravel(), minlength=rings + 1)
        return np.asarray(sums[1 : rings + 1], dtype=np.float64)

    common = summed((first * second.conj()).real)
    powers = [(summed(np.abs(image) ** 2), np.abs(image).max() ** 2) for image in (first, second)]
    there = np.logical_and.reduce([power > _SILENT * peak for power, peak in powers])
    product = np.sqrt(np.where(there, powers[0][0], 1.0)) * np.sqrt(
        np.where(there, powers[1][0], 1.0)
    )
    correlation = np.clip(np.where(there, common / product, 0.0), -1.0, 1.0)
    pixels = np.bincount(number, minlength=rings + 1)[1 : rings + 1]
    return RingCorrelation(np.arange(1, rings + 1) / longer, correlation, pixels.astype(np.int64))


def _ring_numbers(height: int, width: int) -> NDArray[np.int64]:
    frequency = np.hypot(fft.fftfreq(height)[:, None], fft.fftfreq(width)[None, :])
    return np.asarray(np.rint(frequency * max(height, width)), dtype=np.int64)


def _spectrum(image: Real) -> NDArray[np.complex128]:
    window = np.multiply.outer(*(_tapered(size) for size in image.shape))
    mean = (window * image).sum() / window.sum()
    return np.asarray(fft.fft2(window * (image - mean)), dtype=np.complex128)


def _tapered(size: int) -> Real:
    # Without the two zeros at its ends, so that a side of one or two px is not wiped out.
    return np.asarray(windows.tukey(size + 2, TAPERED_SHARE)[1:-1], dtype=np.float64)


@dataclass(frozen=True)
class Crossing:
    """Where a curve first falls below a threshold.

    Attributes
    ----------
    frequency
        In 1/px; a bound where one of the two below holds.
    beyond_nyquist
        Whether it never does: the frequency is Nyquist, and at least that.
    below_first_ring
        Whether it is below from the first ring on: the frequency is that ring's, and at most that.
    """

    frequency: float
    beyond_nyquist: bool = False
    below_first_ring: bool = False

    @property
    def resolution(self) -> float:
        """The full period at that frequency, in px."""
        return 1 / self.frequency


def crossing(curve: RingCorrelation, threshold: float, scan: str = "") -> Crossing:
    """Return where a curve first falls below a threshold, interpolated between two rings.

    A ring on the threshold has not fallen below it. A curve that never falls, and one that starts
    below, have a bound.

    Raises
    ------
    Undefined
        If a correlation is not finite.
    """
    if not np.isfinite(curve.correlation).all():
        raise Undefined(f"the Fourier ring correlation of scan {scan} is not finite")
    below = np.flatnonzero(curve.correlation < threshold)
    if below.size == 0:
        return Crossing(NYQUIST, beyond_nyquist=True)
    at = int(below[0])
    if at == 0:
        return Crossing(float(curve.frequency[0]), below_first_ring=True)
    high, low = curve.correlation[at - 1], curve.correlation[at]
    share = (high - threshold) / (high - low)
    before, after = curve.frequency[at - 1], curve.frequency[at]
    return Crossing(float(before + share * (after - before)))
