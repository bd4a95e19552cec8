"""Masks and predictions as colours on an image: which pixels are found, false and missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from studygrid.figures.style import COLOURS

# Told apart by all common kinds of colour vision, and in grey by lightness.
OUTCOMES: Mapping[str, str] = {
    "true positive": "#56B4E9",
    "false positive": "#D55E00",
    "missed": "#000000",
    "wrong class": "#CC79A7",
}
_CLASS_COLOURS = (COLOURS[2], *COLOURS[3:], *COLOURS[:2])
_PALE = 0.6

Colours = NDArray[np.float64]


def shown(image: NDArray[np.uint8]) -> Colours:
    """Return an image as colours, shape (height, width, 3), between 0 and 1.

    Parameters
    ----------
    image
        Shape (channels, height, width): three channels are colours, others are averaged.
    """
    values = image.astype(np.float64) / 255
    grey = values if len(image) == 3 else values.mean(axis=0, keepdims=True).repeat(3, axis=0)
    return np.moveaxis(grey, 0, 2)


def pale(image: NDArray[np.uint8]) -> Colours:
    """Return an image in light grey, as the ground of colours."""
    grey: Colours = shown(image).mean(axis=2, keepdims=True).repeat(3, axis=2)
    return _PALE + (1 - _PALE) * grey


def outcomes(mask: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return what became of each pixel.

    Returns
    -------
    Its place in `OUTCOMES`; -1 where mask and prediction are both background. With one class of
        foreground none is ``wrong class``.
    """
    true, found = mask > 0, prediction > 0
    conditions = [
        true & (mask == prediction),
        found & ~true,
        true & ~found,
        true & found & (mask != prediction),
    ]
    return np.select(conditions, [0, 1, 2, 3], -1).astype(np.int64)


def painted(ground: Colours, numbers: NDArray[np.integer], colours: Sequence[str]) -> Colours:
    """Return colours where `numbers` is 0 or more, and the ground elsewhere."""
    palette = np.array([to_rgb(colour) for colour in colours])
    there = numbers >= 0
    result = ground.copy()
    result[there] = palette[numbers[there] % len(palette)]
    return result


def class_colour(number: int) -> str:
    """Return the colour of a class of foreground."""
    return _CLASS_COLOURS[(number - 1) % len(_CLASS_COLOURS)]


def truth(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> Colours:
    """Return an image in light grey with its mask, a colour a class."""
    return painted(pale(image), mask.astype(np.int64) - 1, _CLASS_COLOURS)
