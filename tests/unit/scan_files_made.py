"""Small files of scans, made by NumPy alone, and files that break the contract in one way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE, STEP, ROWS = 16, 3, 9  # px, px, positions along a side of the raster
PHOTONS = 1e5
Arrays = dict[str, Any]


def made_object(seed: int, side: int = SIDE + STEP * (ROWS - 1) + 8) -> NDArray[np.complex64]:
    """Return a smooth random object, amplitude 0.6 to 1, complex64 (side, side + 6)."""
    random = np.random.default_rng(seed)
    fields = []
    for _ in range(2):
        noise = np.fft.fft2(random.standard_normal((side, side + 6)))
        rows, columns = (np.fft.fftfreq(length)[:, None] for length in noise.shape)
        smooth = np.fft.ifft2(noise * np.exp(-(rows**2 + columns.T**2) * 150)).real
        fields.append((smooth - smooth.min()) / np.ptp(smooth))
    amplitude, phase = fields
    made: NDArray[np.complex64] = (0.6 + 0.4 * amplitude).astype(np.complex64)
    made *= np.exp(1.5j * (phase - 0.5))
    return made


def made_probe(side: int = SIDE) -> NDArray[np.complex64]:
    """Return a curved Gaussian, not symmetric, complex64 (side, side)."""
    rows, columns = np.mgrid[:side, :side] - side / 2
    width = side / 5
    blob = np.exp(-((rows - 1) ** 2 + 1.5 * columns**2) / (2 * width**2))
    wave: NDArray[np.complex64] = blob.astype(np.complex64)
    wave *= np.exp(1j * (0.08 * rows**2 + 0.03 * columns**2 + 0.2 * rows))
    return wave


def made_arrays(
    seed: int = 0, *, side: int = SIDE, rows: int = ROWS, photons: float = PHOTONS
) -> Arrays:
    """Return the arrays of a valid file: a jittered raster, Poisson counts, all of the contract."""
    object_, probe = made_object(seed, side + STEP * (rows - 1) + 8), made_probe(side)
    random = np.random.default_rng([seed, 1])
    grid = np.indices((rows, rows)).reshape(2, -1).T * STEP
    corners = grid + random.integers(0, 4, grid.shape)
    patches = np.stack([object_[r : r + side, c : c + side] for r, c in corners])
    far = np.fft.fftshift(np.fft.fft2(patches * probe, norm="ortho"), axes=(1, 2))
    energy = (np.abs(far) ** 2).sum(axis=(1, 2)).mean()
    counts = random.poisson(np.abs(far) ** 2 * (photons / energy))
    amplitudes = np.sqrt(counts)
    return {
        "diffraction": (amplitudes / amplitudes.max()).astype(np.float32),
        "Y": patches.astype(np.complex64),
        "objectGuess": object_,
        "probeGuess": probe,
        "xcoords": corners[:, 1].astype(np.float64) + side / 2,
        "ycoords": corners[:, 0].astype(np.float64) + side / 2,
        "scan_index": np.arange(len(corners)),
    }


def write_npz(path: Path, arrays: Arrays) -> Path:
    """Write arrays as they are, right or wrong."""
    np.savez_compressed(path, **arrays)
    return path


def made_pair(folder: Path, **changes: Any) -> tuple[Path, Path]:
    """Write a valid training and a valid test file, of different objects."""
    train = write_npz(folder / "train.npz", made_arrays(1, **changes))
    return train, write_npz(folder / "test.npz", made_arrays(2, **changes))
