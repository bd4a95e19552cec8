"""From an image of any shape to a square one."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studygrid.families.images.decode import as_uint8

Fit = Literal["crop", "pad", "stretch"]


def resize_square(
    image: Image.Image | NDArray[np.uint8], side: int, fit: Fit = "crop"
) -> NDArray[np.uint8]:
    """Resize an image to a square.

    An axis that shrinks is averaged over areas of whole pixels (Pillow's BOX filter), one that
    grows is interpolated (BICUBIC); each axis is judged by itself.

    Parameters
    ----------
    image
        A Pillow image of any mode, or an array of shape (height, width) or
        (height, width, channels).
    side
        Side of the square, px.
    fit
        How an image that is not square becomes so, before it is resized: ``crop`` to the
        central square, ``pad`` with zeros around it, or ``stretch``.

    Returns
    -------
    numpy.ndarray
        Shape (channels, side, side); one channel for a grey image.
    """
    pixels = as_uint8(image) if isinstance(image, Image.Image) else image
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if fit == "crop":
        pixels = _cropped(pixels)
    elif fit == "pad":
        pixels = _padded(pixels)
    return np.stack([_resized(pixels[:, :, channel], side) for channel in range(pixels.shape[2])])


def is_enlarged(height: int, width: int, side: int, fit: Fit) -> bool:
    """Tell whether `resize_square` enlarges an image of that size along any axis."""
    return side > (max(height, width) if fit == "pad" else min(height, width))


def _cropped(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    return pixels[top : top + short, left : left + short]


def _padded(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    long = max(height, width)
    top, left = (long - height) // 2, (long - width) // 2
    square = np.zeros((long, long, pixels.shape[2]), np.uint8)
    square[top : top + height, left : left + width] = pixels
    return square


def _resized(channel: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = channel.shape
    image = Image.fromarray(np.ascontiguousarray(channel))
    image = image.resize((side, height), _filter(width, side))
    return np.asarray(image.resize((side, side), _filter(height, side)))


def _filter(length: int, side: int) -> Image.Resampling:
    return Image.Resampling.BOX if side < length else Image.Resampling.BICUBIC
