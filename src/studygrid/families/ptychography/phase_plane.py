"""The global phase and the linear phase ramp by which two complex objects differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studygrid.families.ptychography.phases import wrapped

_STEPS = 40
_CONVERGED_RAD = 1e-10
_LEAST_COHERENCE = 0.05

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]


@dataclass(frozen=True)
class Plane:
    """A phase that is linear in the position.

    Attributes
    ----------
    offset
        In rad, at the middle of the array that it was fitted to.
    ramp
        Slope in rad/px, down the rows and along the columns.
    """

    offset: float
    ramp: tuple[float, float]

    def at(self, row: float, column: float) -> float:
        """Return the phase so many px below and right of the middle, in rad."""
        return self.offset + self.ramp[0] * row + self.ramp[1] * column

    def over(self, rows: Real, columns: Real) -> Real:
        """Return the phase at px of a grid, from their distances from the middle, in rad."""
        phase: Real = np.add.outer(self.offset + self.ramp[0] * rows, self.ramp[1] * columns)
        return phase


def from_middle(size: int) -> Real:
    """Return the distance of each px from the middle of a side, in px."""
    return np.arange(size, dtype=np.float64) - (size - 1) / 2


def fit_plane(found: Complex, truth: Complex, near: Plane | None = None) -> Plane:
    """Return the phase plane by which `found` differs from `truth`, by weighted least squares.

    The ramp may wrap any number of times. It is first taken from the peak of the spectrum of
    ``found * conj(truth)``, padded to twice its size, which is right to an eighth of a wrap over
    half a side. From there the coherence, the sum of that product with the plane taken off, is
    climbed to its maximum; and then the squares of the wrapped phase differences are made least.
    Each px is weighted by the product of the two amplitudes.

    Parameters
    ----------
    found, truth
        Of one shape, (height, width). Where either is 0 everywhere the plane is 0.
    near
        Where to start instead of the peak.
    """
    product = found * truth.conj()
    largest = float(np.abs(product).max(initial=0.0))
    if largest == 0:
        return Plane(0.0, (0.0, 0.0))
    product = product / largest
    height, width = product.shape
    rows, columns = from_middle(height), from_middle(width)
    plane = near or _at_peak(product, rows, columns)
    descent = _Descent(product, rows, columns)
    plane = descent.to_least_squares(descent.to_coherence(plane))
    return Plane(float(wrapped(plane.offset)), plane.ramp)


def _at_peak(product: Complex, rows: Real, columns: Real) -> Plane:
    padded = (2 * len(rows), 2 * len(columns))
    power = np.abs(np.fft.fft2(product, s=padded))
    peak = np.unravel_index(int(power.argmax()), padded)
    down, along = (
        float(2 * np.pi * np.fft.fftfreq(size)[at]) if size > 2 else 0.0
        for size, at in zip(padded, peak, strict=True)
    )
    ramp = Plane(0.0, (down, along))
    return Plane(float(np.angle(_without(product, ramp, rows, columns).sum())), ramp.ramp)


class _Descent:
    """Steps of weighted least squares, on the residual phase or on its sine."""

    def __init__(self, product: Complex, rows: Real, columns: Real) -> None:
        self._product, self._rows, self._columns = product, rows, columns
        self._weights = np.abs(product)
        self._half_sides = max(1.0, float(rows[-1])), max(1.0, float(columns[-1]))
        self._inverse = self._normal_inverse()

    def to_coherence(self, plane: Plane) -> Plane:
        """Climb to the largest coherence: the sine of the residual knows no wrap."""
        total = self._weights.sum()
        for _ in range(_STEPS):
            rest = _without(self._product, plane, self._rows, self._columns)
            # The curvature is that of least squares times the coherence, where noise is even.
            coherence = max(float(rest.real.sum() / total), _LEAST_COHERENCE)
            plane, size = self._stepped(plane, rest.imag / coherence)
            if size < _CONVERGED_RAD:
                break
        return plane

    def to_least_squares(self, plane: Plane) -> Plane:
        """Make the squares of the wrapped residual least."""
        for _ in range(_STEPS):
            rest = _without(self._product, plane, self._rows, self._columns)
            plane, size = self._stepped(plane, self._weights * np.angle(rest))
            if size < _CONVERGED_RAD:
                break
        return plane

    def _stepped(self, plane: Plane, pulled: Real) -> tuple[Plane, float]:
        """Return the plane after a step, and how large that was in rad."""
        tall, wide = self._half_sides
        moments = (
            pulled.sum(),
            self._rows @ pulled.sum(axis=1) / tall,
            pulled.sum(axis=0) @ self._columns / wide,
        )
        offset, down, along = (float(step) for step in self._inverse @ np.array(moments))
        ramp = (plane.ramp[0] + down / tall, plane.ramp[1] + along / wide)
        return Plane(plane.offset + offset, ramp), max(abs(offset), abs(down), abs(along))

    def _normal_inverse(self) -> Real:
        """Return the inverse of the normal matrix, for positions in units of half sides."""
        y, x = self._rows / self._half_sides[0], self._columns / self._half_sides[1]
        by_row, by_column = self._weights.sum(axis=1), self._weights.sum(axis=0)
        total, down, along = by_row.sum(), by_row @ y, by_column @ x
        both = y @ self._weights @ x
        normal = np.array(
            [[total, down, along], [down, by_row @ y**2, both], [along, both, by_column @ x**2]]
        )
        # A side of one px has no slope: the pseudo-inverse leaves it at 0.
        return np.asarray(np.linalg.pinv(normal, hermitian=True), dtype=np.float64)


def _without(product: Complex, plane: Plane, rows: Real, columns: Real) -> Complex:
    down = np.exp(-1j * (plane.offset + plane.ramp[0] * rows))
    rest: Complex = product * np.multiply.outer(down, np.exp(-1j * plane.ramp[1] * columns))
    return rest
