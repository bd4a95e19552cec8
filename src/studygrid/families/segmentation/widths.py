"""How wide the foreground of a mask is, and how well images of each width are segmented."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

WIDTH_BINS = (0.0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.05, 0.06, 0.08, 0.1, 1.0)


def mask_width_px(mask: NDArray[np.uint8]) -> float:
    """Return the mean width of a mask's foreground, px; NaN where it has none.

    It is the mean over the pixels of the skeleton of twice the distance to the nearest pixel of
    the background, centre to centre. A line along an axis measures its width where that is even
    and one pixel more where it is odd (its skeleton is then its middle row, and not one of two
    beside its middle), so a line of 1 px measures 2; a slanted one is measured to 1.5 px.

    Parameters
    ----------
    mask
        Class numbers, shape (height, width); the foreground is all but 0. Where it fills the
        image its width is the image's shorter side.
    """
    # Slow to import, and of no use in training.
    from scipy.ndimage import distance_transform_edt
    from skimage.morphology import skeletonize

    foreground = mask > 0
    if not foreground.any():
        return float("nan")
    if foreground.all():
        return float(min(foreground.shape))
    distances = distance_transform_edt(foreground)
    skeleton = skeletonize(foreground)  # type: ignore[no-untyped-call]
    # Beyond the image lies no background, so what runs along its edge would be too wide.
    return float(min(2 * distances[skeleton].mean(), *foreground.shape))


def iou_by_width_rows(
    widths: NDArray[np.float64], confusion: NDArray[np.int64]
) -> list[list[int | float]]:
    """Return pooled counts of the images in each bin of width.

    Parameters
    ----------
    widths
        Width of each image's mask as share of the image's side, shape (n,); NaN where the mask
        is empty, and such an image is left out.
    confusion
        Pixels of each image by true and predicted class, shape (n, classes, classes).

    Returns
    -------
    A row a bin: its ends as shares of the side (the lower one belongs to it), the count of its
        images, and their foreground pixels that are found as their own class, that are
        predicted and wrong, and that are missed.
    """
    found = np.diagonal(confusion, axis1=1, axis2=2)[:, 1:].sum(axis=1)
    false = confusion[:, :, 1:].sum(axis=(1, 2)) - found
    missed = confusion[:, 1:].sum(axis=(1, 2)) - found
    rows: list[list[int | float]] = []
    for low, high in pairwise(WIDTH_BINS):
        # The widest bin has both its ends: a mask may fill the image.
        inside = (widths >= low) & ((widths < high) | (high == WIDTH_BINS[-1]))
        sums = [int(counts[inside].sum()) for counts in (found, false, missed)]
        rows.append([low, high, int(inside.sum()), *sums])
    return rows
