"""From a mask of any shape to a square one, as its image is resized."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studygrid.families.images.resize import Fit

# Shares are compared in these steps: the last bits of a sum are no majority.
_STEPS = 2**20


def square_mask(mask: NDArray[np.uint8], fit: Fit) -> NDArray[np.uint8]:
    """Crop or pad a mask, shape (height, width), to the part that `resize_mask` resizes."""
    height, width = mask.shape
    if fit == "stretch" or height == width:
        return mask
    side = min(height, width) if fit == "crop" else max(height, width)
    top, left = abs(height - side) // 2, abs(width - side) // 2
    if fit == "crop":
        return mask[top : top + side, left : left + side]
    square = np.zeros((side, side), np.uint8)
    square[top : top + height, left : left + width] = mask
    return square


def resize_mask(mask: NDArray[np.uint8], side: int, fit: Fit = "crop") -> NDArray[np.uint8]:
    """Resize a mask to a square with the geometry of `images.resize.resize_square`.

    A pixel becomes the class that covers the largest share of its area, the higher class of two
    with equal shares; with two classes it is foreground where one half or more is. The area is
    the one that the image's pixel is averaged over. Along an axis that grows, the nearest pixel
    is taken.

    Parameters
    ----------
    mask
        Class numbers, shape (height, width).
    side
        Side of the square, px.
    fit
        As in `resize_square`; what is padded is class 0.

    Returns
    -------
    numpy.ndarray
        Shape (side, side).
    """
    mask = square_mask(mask, fit)
    chosen = np.zeros((side, side), np.uint8)
    largest = np.full((side, side), -1, np.int32)
    for number in np.flatnonzero(np.bincount(mask.ravel())):
        share = _coverage(mask == number, side)
        wins = share >= largest
        chosen[wins] = number
        largest[wins] = share[wins]
    return chosen


def _coverage(inside: NDArray[np.bool_], side: int) -> NDArray[np.int32]:
    height, width = inside.shape
    image = Image.fromarray(inside.astype(np.float32))
    image = image.resize((side, height), _filter(width, side))
    image = image.resize((side, side), _filter(height, side))
    share: NDArray[np.float32] = np.asarray(image)
    return np.rint(share * _STEPS).astype(np.int32)


def _filter(length: int, side: int) -> Image.Resampling:
    return Image.Resampling.BOX if side < length else Image.Resampling.NEAREST
