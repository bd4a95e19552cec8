"""Units: one real factor each for the patterns, the probe and the object of a scan.

Patterns are scaled so that the mean of ``sum(pattern^2)`` is (N/2)^2, the probe so that
``sum(|probe|^2)`` is too. The object's factor is then the one for which object and probe explain
as many counts as were measured, which is its most likely value under Poisson noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.ptychography.data.scans import Scan
from studygrid.families.ptychography.physics import amplitude, extract

_PX_AT_ONCE = 1 << 20
# So many tell the object's factor and the model's error to far below the noise of one pattern.
_MOST_FITTED = 1024


@dataclass(frozen=True)
class Scales:
    """What a scan's arrays are multiplied by, and how well they then agree.

    Attributes
    ----------
    object
        None where the object is not known.
    model_error
        Sum of the differences between the measured amplitudes and those of object and probe, over
        the sum of the measured; None where the object is not known. Noise alone makes it above 0.
    """

    patterns: float
    probe: float
    object: float | None
    model_error: float | None


def normalised_energy(side: int) -> float:
    """Return what the squares of a pattern of mean brightness, and of the probe, sum up to."""
    return (side / 2) ** 2


def scales_of(scan: Scan) -> Scales:
    """Return the factors of a scan.

    Raises
    ------
    DataError
        If its patterns or its probe are 0 everywhere, or the object is where the probe lights it.
    """
    wanted = normalised_energy(scan.pattern_px)
    measured = float(pattern_energies(scan.patterns).mean())
    lit = float(np.square(np.abs(scan.probe), dtype=np.float64).sum())
    for name, energy in (("patterns", measured), ("probe", lit)):
        if not 0 < energy < np.inf:
            raise DataError(f"{scan.name}: the {name} hold no light: sum of squares {energy:g}")
    patterns, probe = float(np.sqrt(wanted / measured)), float(np.sqrt(wanted / lit))
    if not scan.has_object:
        return Scales(patterns, probe, None, None)
    factor, error = _object_fit(scan, patterns, probe)
    return Scales(patterns, probe, factor, error)


def pattern_energies(patterns: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the sum of squares of each pattern, shape (n,), read in pieces."""
    rows = max(1, _PX_AT_ONCE // max(1, patterns[0].size))
    parts = [patterns[start : start + rows] for start in range(0, len(patterns), rows)]
    return np.concatenate([np.einsum("nij,nij->n", p, p, dtype=np.float64) for p in parts])


def expected_amplitudes(
    object_: NDArray[np.complex64],
    probe: NDArray[np.complex64],
    positions: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the noise-free amplitudes of an object's patches under a probe, shape (n, N, N)."""
    patches = extract(torch.from_numpy(object_), torch.from_numpy(positions), len(probe))
    return amplitude(patches, torch.from_numpy(probe)).numpy()


def _object_fit(scan: Scan, pattern_scale: float, probe_scale: float) -> tuple[float, float]:
    """Return the factor of the object, and the error that is then left."""
    energies = np.zeros(2)
    for measured, expected in _compared(scan, pattern_scale, probe_scale):
        energies += [np.square(part, dtype=np.float64).sum() for part in (measured, expected)]
    if not 0 < energies[1] < np.inf:
        raise DataError(f"{scan.name}: the object is 0 or no number where the probe lights it")
    factor = float(np.sqrt(energies[0] / energies[1]))
    sums = np.zeros(2)
    for measured, expected in _compared(scan, pattern_scale, probe_scale):
        difference = np.abs(measured - np.float32(factor) * expected)
        sums += [part.sum(dtype=np.float64) for part in (difference, measured)]
    return factor, float(sums[0] / sums[1])


def _compared(
    scan: Scan, pattern_scale: float, probe_scale: float
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield measured and expected amplitudes of patterns that lie evenly over the scan."""
    count = len(scan.patterns)
    chosen = np.unique(np.linspace(0, count - 1, min(count, _MOST_FITTED)).astype(np.int64))
    probe = (scan.probe * probe_scale).astype(np.complex64)
    rows = max(1, _PX_AT_ONCE // scan.probe.size)
    for start in range(0, len(chosen), rows):
        piece = chosen[start : start + rows]
        measured = scan.patterns[piece] * np.float32(pattern_scale)
        yield measured, expected_amplitudes(scan.object, probe, scan.positions[piece])
