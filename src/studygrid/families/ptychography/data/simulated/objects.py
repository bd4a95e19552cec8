"""Complex objects: the amplitude from one picture, the phase from another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import expit
from skimage.transform import resize

from studygrid.errors import DataError
from studygrid.families.images.decode import as_uint8, read_image
from studygrid.families.ptychography.data.simulated.pictures import (
    GENERATED,
    drawn_picture,
    photograph_paths,
)

Picture = NDArray[np.float32]

# In px of the object, so that a larger object has more of them and none is larger.
_LINE_SIGMAS = (0.7, 2.5)
_PX_PER_LINE = 4
_BLOB_SIGMA = 5.0
_BLOB_SHARPNESS = 6.0
_DRAWN = 2  # streams of random numbers: 0 and 1 are the positions and the noise of a scan


def make_object(
    pair: Sequence[str],
    side: int,
    amplitude: Sequence[float],
    phase: Sequence[float],
    seed: int,
) -> NDArray[np.complex64]:
    """Return an object of two pictures, complex64 of shape (side, side).

    Parameters
    ----------
    pair
        Names of the pictures of amplitude and phase.
    amplitude, phase
        What the darkest and the brightest px of each stand for; the phase in rad.
    seed
        Of drawn pictures.

    Raises
    ------
    DataError
        If a photograph cannot be read.
    """
    first, second = (picture(name, side, seed) for name in pair)
    amplitudes = amplitude[0] + (amplitude[1] - amplitude[0]) * first
    phases = phase[0] + (phase[1] - phase[0]) * second
    drawn: NDArray[np.complex64] = (amplitudes * np.exp(1j * phases)).astype(np.complex64)
    return drawn


def picture(name: str, side: int, seed: int) -> Picture:
    """Return a picture of side x side px, float32, its darkest px 0 and its brightest 1."""
    drawn = drawn_picture(name)
    if drawn is None:
        return _stretched(_photograph(photograph_paths([name])[name], side))
    kind, number = drawn
    key = (_DRAWN, GENERATED.index(kind), number)
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    return _stretched(_lines(random, side) if kind == "lines" else _blobs(random, side))


def _photograph(path: Path, side: int) -> Picture:
    """Return the square in the middle of a photograph, grey."""
    try:
        grey = as_uint8(read_image(path), "grey")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); install scikit-image anew") from None
    length = min(grey.shape)
    top, left = ((extent - length) // 2 for extent in grey.shape)
    square = grey[top : top + length, left : left + length].astype(np.float32)
    resized: Picture = resize(square, (side, side), anti_aliasing=True)  # type: ignore[no-untyped-call]
    return resized


def _lines(random: np.random.Generator, side: int) -> Picture:
    """Draw straight lines of Gaussian profile through random points; crossings saturate."""
    rows, columns = np.indices((side, side), dtype=np.float32)
    canvas = np.zeros((side, side), np.float32)
    for _ in range(max(1, side // _PX_PER_LINE)):
        row, column = random.uniform(0, side, 2)
        angle, weight = random.uniform(0, np.pi), random.uniform(0.3, 1)
        sigma = np.exp(random.uniform(*np.log(_LINE_SIGMAS)))
        across = (rows - row) * np.cos(angle) - (columns - column) * np.sin(angle)
        canvas += np.float32(weight) * np.exp(-0.5 * np.square(across / np.float32(sigma)))
    return 1 - np.exp(-canvas)


def _blobs(random: np.random.Generator, side: int) -> Picture:
    """Draw blobs with soft rims: smoothed white noise, cut at its middle."""
    noise = gaussian_filter(random.standard_normal((side, side)), _BLOB_SIGMA, mode="wrap")
    blobs: Picture = expit(_BLOB_SHARPNESS * noise / noise.std()).astype(np.float32)
    return blobs


def _stretched(values: Picture) -> Picture:
    least, greatest = float(values.min()), float(values.max())
    return ((values - least) / max(greatest - least, 1e-12)).astype(np.float32)
