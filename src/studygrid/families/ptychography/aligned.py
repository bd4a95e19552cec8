"""What alignment makes of a scan: truth and reconstruction on one grid, amplitude and phase."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from skimage.restoration import unwrap_phase

from studygrid.families.base import Undefined, load_reference
from studygrid.families.ptychography.phases import wrapped

if TYPE_CHECKING:
    from studygrid.families.ptychography.frc import RingCorrelation

_CONSTANT = 1e-6
# By reference: what a training run monitors has no rings, and so does not depend on their code.
_RINGS = "studygrid.families.ptychography.frc:ring_correlation"

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Part:
    """Amplitude or phase of an aligned object.

    Attributes
    ----------
    scan
        Name of the scan, for messages.
    truth, found
        Shape (height, width) of the area; phases in rad.
    error
        Of each px, shape (height, width): found less truth, of phases wrapped to -pi ... pi.
    """

    scan: str
    truth: Real
    found: Real
    error: Real

    @property
    def data_range(self) -> float:
        """The largest value of the truth less the smallest."""
        return float(np.ptp(self.truth))

    @property
    def constant(self) -> str:
        """Which of the two is constant, to the rounding of complex64; empty if neither is."""
        scale = max(float(np.abs(self.truth).max()), np.finfo(np.float64).tiny)
        if np.ptp(self.truth) <= _CONSTANT * scale:
            return "truth"
        return "reconstruction" if np.ptp(self.found) <= _CONSTANT * scale else ""

    @cached_property
    def frc(self) -> RingCorrelation:
        """Fourier ring correlation of the two; 0 in each ring of a constant reconstruction.

        Raises
        ------
        Undefined
            If the truth is constant, or the area has no ring.
        """
        constant = self.constant
        if constant == "truth":
            raise Undefined(f"the truth of scan {self.scan} is constant")
        # What is left of a constant without its mean is rounding, which may correlate by chance.
        found = np.zeros_like(self.found) if constant else self.found
        curve: RingCorrelation = load_reference(_RINGS)(self.truth, found, self.scan)
        return curve


@dataclass(frozen=True, eq=False)
class Aligned:
    """A reconstruction of one scan on its truth, both cropped to the area that is compared.

    Attributes
    ----------
    truth, found
        Complex objects, shape (height, width).
    amplitude
        Amplitudes of both.
    area
        Where it lies in the object.
    facts
        How it was aligned, for the record; see `docs/ptychography-metrics.md`.
    """

    scan: str
    truth: Complex
    found: Complex
    amplitude: Part
    area: tuple[slice, slice]
    facts: dict[str, Any]

    @cached_property
    def phase(self) -> Part:
        """Phases of both, in rad; 0 is the truth's mean.

        The reconstruction's are those of the 2 pi around the middle of the truth's range: they
        owe the truth no more than that, so noise does not look like it. Only where the truth
        spans more than pi are they the truth's plus the wrapped difference, px by px.

        Raises
        ------
        Undefined
            If the reconstruction is 0 everywhere: it has no phase.
        """
        there = self.found != 0
        if not there.any():
            raise Undefined(f"the reconstruction of scan {self.scan} is 0 everywhere: no phase")
        truth = phase_of(self.truth)
        # A px that is 0 has no phase of its own; it gets that of the truth's mean.
        error = np.where(there, np.angle(self.found * self.truth.conj()), wrapped(-truth))
        found = truth + error
        low, high = value_range(truth)
        if high - low <= np.pi:
            middle = (low + high) / 2
            found = middle + wrapped(found - middle)
        return Part(self.scan, truth, found, error)


def phase_of(truth: Complex) -> Real:
    """Return the phase from its mean, in rad, unwrapped where it jumps between neighbours."""
    mean = truth.sum()
    phase = np.angle(truth * np.conj(mean)) if mean != 0 else np.angle(truth)
    jumps = (np.abs(np.diff(phase, axis=axis)) > np.pi for axis in (0, 1))
    if any(jump.any() for jump in jumps):
        phase = unwrap_phase(phase, rng=0)  # type: ignore[no-untyped-call]
    return np.asarray(phase - phase.mean(), dtype=np.float64)


def value_range(values: Real) -> list[float]:
    """Return the smallest and the largest value."""
    return [float(values.min()), float(values.max())]
