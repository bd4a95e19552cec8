"""From capsules to pixels: the share of each pixel that they cover."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]

# Values of a batch fit into a processor's cache.
_BATCH = 1 << 15
_WINDOW_STEP = 4


def coverage(capsules: NDArray[np.float64], side: int) -> Grey:
    """Return the share of each pixel that the union of capsules covers.

    The share is that of a straight band of the capsule's width at the pixel's distance, which is
    exact but for the grid's direction and for bends within a pixel: draw on a grid finer than
    the picture and average.

    Parameters
    ----------
    capsules
        Shape (n, 6): x, y and radius of both ends, in units of the side.
    side
        Of the picture, px.
    """
    scaled = capsules * side
    low = np.minimum(scaled[:, :2] - scaled[:, 2:3], scaled[:, 3:5] - scaled[:, 5:6]) - 1
    high = np.maximum(scaled[:, :2] + scaled[:, 2:3], scaled[:, 3:5] + scaled[:, 5:6]) + 1
    inside = ((high > 0) & (low < side)).all(axis=1)
    scaled, corners = scaled[inside], np.floor(low[inside]).astype(int)
    spans = (np.ceil(high[inside]).astype(int) - corners).max(axis=1, initial=0)
    windows = -(-spans // _WINDOW_STEP) * _WINDOW_STEP
    margin = int(windows.max(initial=0))
    row = side + 2 * margin
    field = np.zeros(row**2, np.float32)
    places = (corners[:, 1] + margin) * row + corners[:, 0] + margin
    for window in np.unique(windows):
        members = np.flatnonzero(windows == window)
        within = (np.arange(window)[:, None] * row + np.arange(window)).ravel()
        at_once = max(1, _BATCH // int(window) ** 2)
        for first in range(0, len(members), at_once):
            chosen = members[first : first + at_once]
            shares = _window_shares(scaled[chosen], corners[chosen], int(window))
            np.maximum.at(field, (places[chosen][:, None] + within).ravel(), shares.ravel())
    return field.reshape(row, row)[margin : margin + side, margin : margin + side]


def block_mean(picture: Grey, side: int) -> Grey:
    """Average a square picture over whole pixels of a coarser grid."""
    factor = len(picture) // side
    # Many times faster than a mean over two short axes.
    rows = sum((picture[first::factor] for first in range(1, factor)), picture[::factor])
    total = sum((rows[:, first::factor] for first in range(1, factor)), rows[:, ::factor])
    return total / np.float32(factor**2)


def _window_shares(capsules: NDArray[np.float64], corners: NDArray[np.int_], window: int) -> Grey:
    """Return the covered shares in a window at the corner of each capsule, (n, window, window)."""
    origin = np.concatenate([corners, np.zeros((len(corners), 1))], axis=1)
    first = (capsules[:, :3] - origin).astype(np.float32)
    step = (capsules[:, 3:] - capsules[:, :3]).astype(np.float32)
    squared = np.maximum((step[:, :2] ** 2).sum(axis=1), 1e-12)[:, None, None]
    centres = np.arange(window, dtype=np.float32) + np.float32(0.5)
    x = centres[None, None, :] - first[:, 0, None, None]
    y = centres[None, :, None] - first[:, 1, None, None]
    dx, dy = step[:, 0, None, None], step[:, 1, None, None]
    along = (x * (dx / squared) + y * (dy / squared)).clip(0, 1)
    distance = np.sqrt((x - along * dx) ** 2 + (y - along * dy) ** 2)
    radius = first[:, 2, None, None] + along * step[:, 2, None, None]
    near = (np.float32(0.5) + radius - distance).clip(0, 1)
    # A band narrower than a pixel: what lies beyond its far edge does not count.
    shares: Grey = near - (np.float32(0.5) - radius - distance).clip(0, 1)
    return shares
