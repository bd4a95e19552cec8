"""Noise that is the same at every resolution: random grids in units of the side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.float32]
Box = tuple[float, float, float, float]

# Of whole numbers spread evenly over 0 to 255.
_MEAN, _DEVIATION = np.float32(127.5), np.float32(np.sqrt((256**2 - 1) / 12))


def resampled(values: Grey, side: int, box: Box | None = None) -> Grey:
    """Return a part (left, top, right, bottom) of a picture as `side` x `side` values.

    It is averaged where it shrinks and interpolated where it grows.
    """
    picture = Image.fromarray(np.ascontiguousarray(values))
    resized = picture.resize((side, side), Image.Resampling.BICUBIC, box=box)
    return np.array(resized)


def layer(
    random: np.random.Generator, cells: int, side: int, stretch: tuple[int, int] = (1, 1)
) -> Grey:
    """Return smooth noise around 0 from `cells` random values along a side.

    Parameters
    ----------
    stretch
        How many times longer the noise is along y and along x.
    """
    rows, columns = (max(2, cells // factor) for factor in stretch)
    x, y = random.random(2)
    box = (x, y, x + columns, y + rows)
    return resampled(_grid(random, rows + 1, columns + 1), side, box)


def fractal(
    random: np.random.Generator, side: int, coarsest: int, finest: int, gain: float
) -> Grey:
    """Return a sum of noises, each of twice as many cells and `gain` times the strength.

    The sum grows on the grid of the finest noise and is brought to `side` at the end.
    """
    cells, strength, power = coarsest, 1.0, 1.0
    total = _grid(random, cells + 2, cells + 2)
    while 2 * cells <= finest:
        middle = (0.5, 0.5, cells + 1.5, cells + 1.5)
        cells, strength = 2 * cells, strength * gain
        total = resampled(total, cells + 2, middle)
        total += np.float32(strength) * _grid(random, cells + 2, cells + 2)
        power += strength**2
    x, y = 2 * random.random(2)
    return resampled(total / np.float32(np.sqrt(power)), side, (x, y, x + cells, y + cells))


def _grid(random: np.random.Generator, rows: int, columns: int) -> Grey:
    # Bytes are drawn ten times faster than normal numbers.
    drawn = random.integers(0, 256, (rows, columns), np.uint8)
    return (drawn - _MEAN) / _DEVIATION
