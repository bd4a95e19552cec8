"""Whether the arrays of a scan fit together, or would if one of them were read otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from studygrid.families.ptychography.data.files.contract import (
    COLUMNS,
    OBJECT,
    PATCHES,
    ROWS,
)
from studygrid.families.ptychography.data.files.values import corners, inside
from studygrid.families.ptychography.data.scaling import expected_amplitudes
from studygrid.families.ptychography.physics import extract
from studygrid.families.violations import Violation, violation

_FITTED = 32
_MUCH_BETTER = 0.7  # of the error; where the reading is right, every other one is worse
_PATCH_ERROR = 0.1


@dataclass(frozen=True)
class Sample:
    """Some patterns of a scan with all that should explain them.

    Attributes
    ----------
    patterns
        Amplitudes, float32, shape (m, N, N).
    x, y
        Centres of their patches, float64, shape (m,).
    """

    patterns: NDArray[np.float32]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    object: NDArray[np.complex64]
    probe: NDArray[np.complex64]

    @property
    def side(self) -> int:
        """Side of a pattern, px."""
        return len(self.probe)

    @property
    def positions(self) -> NDArray[np.float32]:
        """Row and column of the first px of each patch, clipped to the object, shape (m, 2)."""
        last = np.array(self.object.shape) - self.side
        return np.clip(corners(self.x, self.y, self.side), 0, last).astype(np.float32)


def sampled(count: int) -> NDArray[np.int64]:
    """Return places of up to 32 of so many patterns, spread evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, _FITTED)).astype(np.int64))


def model_error(sample: Sample) -> float:
    """Return ``sum |c A - d| / sum d`` of expected amplitudes A and patterns d, c fitted."""
    expected = expected_amplitudes(sample.object, sample.probe, sample.positions)
    factor = (expected * sample.patterns).sum() / max(np.square(expected).sum(), 1e-30)
    return float(np.abs(factor * expected - sample.patterns).sum() / sample.patterns.sum())


def convention_violations(key: str, sample: Sample) -> list[Violation]:
    """Return whether object and probe explain the patterns much better if read otherwise.

    Where no other reading is better, nothing is refused: an object that was reconstructed from a
    measurement may explain it badly.

    Parameters
    ----------
    key
        Name of the array of patterns.
    """
    error = model_error(sample)
    others = {name: model_error(other) for name, other in _other_readings(key, sample)}
    best = min(others, key=others.__getitem__)
    if others[best] > _MUCH_BETTER * error:
        return []
    return [
        violation(
            best.partition(":")[0],
            f"patterns that `{OBJECT}` and the probe at {COLUMNS}, {ROWS} explain",
            f"an error of {error:.2f} of the amplitude, but of {others[best]:.2f} if"
            f"{best.partition(':')[2]}",
            "save it so that it is as the contract says",
        )
    ]


def patch_violations(sample: Sample, patches: NDArray[np.complex64]) -> list[Violation]:
    """Return whether patches are not those of the object, up to one complex factor.

    Parameters
    ----------
    patches
        Of the sample's patterns, shape (m, N, N).
    """
    error = _patch_error(sample, patches)
    if error <= _PATCH_ERROR:
        return []
    others = {
        name.partition(":")[2]: _patch_error(other, patches)
        for name, other in _other_positions(sample)
    }
    best = min(others, key=others.__getitem__, default="")
    why = f", and {others[best]:.2f} if{best}" if others and others[best] <= _PATCH_ERROR else ""
    return [
        violation(
            PATCHES,
            f"the patches of `{OBJECT}` around {COLUMNS}, {ROWS}",
            f"a difference of {error:.2f} of their norm{why}",
            f"cut them again, or leave `{PATCHES}` out: it is read for this check alone",
        )
    ]


def _other_readings(key: str, sample: Sample) -> Iterator[tuple[str, Sample]]:
    """Yield ``key: what would be true`` and the sample read so."""
    yield from _other_positions(sample)
    patterns = sample.patterns
    changed = {
        f"{key}: it is intensity, of which np.sqrt is the amplitude": np.sqrt(patterns),
        f"{key}: its centre were moved to px N/2, np.fft.fftshift(_, axes=(1, 2))": (
            np.fft.fftshift(patterns, axes=(1, 2))
        ),
        f"{key}: its rows and columns were swapped": patterns.transpose(0, 2, 1),
        f"{key}: its rows were in reverse order": _reversed(patterns, 1),
        f"{key}: its columns were in reverse order": _reversed(patterns, 2),
    }
    for name, other in changed.items():
        yield name, replace(sample, patterns=np.ascontiguousarray(other))
    turned = f"{OBJECT}: it and `probeGuess` were conjugated"
    yield turned, replace(sample, object=sample.object.conj(), probe=sample.probe.conj())


def _other_positions(sample: Sample) -> Iterator[tuple[str, Sample]]:
    both, half = f"{COLUMNS}, {ROWS}", sample.side / 2
    height, width = sample.object.shape
    changed = {
        f"{both}: x and y were swapped": (sample.y, sample.x),
        f"{both}: N/2 were added to both": (sample.x + half, sample.y + half),
        f"{both}: x ran the other way": (width - sample.x, sample.y),
        f"{both}: y ran the other way": (sample.x, height - sample.y),
    }
    for name, (x, y) in changed.items():
        if inside(corners(x, y, sample.side), sample.side, sample.object.shape):
            yield name, replace(sample, x=x, y=y)


def _reversed(patterns: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return patterns in reverse order along an axis, their centre still at px N/2."""
    return np.roll(np.flip(patterns, axis), 1, axis)


def _patch_error(sample: Sample, patches: NDArray[np.complex64]) -> float:
    found = extract(
        torch.from_numpy(sample.object), torch.from_numpy(sample.positions), sample.side
    ).numpy()
    energy = float(np.vdot(patches, patches).real)
    factor = np.vdot(patches, found) / max(energy, 1e-30)
    difference = float(np.linalg.norm(found - factor * patches))
    return difference / max(float(np.linalg.norm(found)), 1e-30)
