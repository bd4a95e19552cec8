"""How well boundaries agree, with a tolerance: what thin structures are fairly scored by."""

from __future__ import annotations

import torch
from torch.nn import functional

TOLERANCE_PX = 2


def boundary_counts(
    predicted: torch.Tensor, masks: torch.Tensor, classes: int, tolerance: int = TOLERANCE_PX
) -> torch.Tensor:
    """Return pixels on boundaries of each image and foreground class, int64.

    Two boundaries agree where their pixels' centres are `tolerance` px apart or less (Euclidean).
    Source: Csurka, Larlus and Perronnin, What is a good evaluation measure for semantic
    segmentation?, BMVC 2013, section 3.2, where a pixel of one boundary is right if any pixel of
    the other lies within the tolerance, without matching them one to one.

    Parameters
    ----------
    predicted, masks
        Class numbers, shape (batch, height, width).

    Returns
    -------
    Shape (batch, classes - 1, 4): boundary pixels of the prediction near a true one, all of the
        prediction, true ones near one of the prediction, all true ones.
    """
    counts = []
    for number in range(1, classes):
        ours, true = boundary(predicted == number), boundary(masks == number)
        sets = (ours & near(true, tolerance), ours, true & near(ours, tolerance), true)
        counts.append(torch.stack([one.sum(dim=(1, 2)) for one in sets], dim=1))
    return torch.stack(counts, dim=1)


def boundary(region: torch.Tensor) -> torch.Tensor:
    """Return the pixels of a region with one of their four neighbours outside of it.

    Beyond the image lies nothing of the region: where it touches the image's edge, its pixels
    there are boundary. So no region is without a boundary, and a mask that fills the image is
    not mistaken for an empty one.

    Parameters
    ----------
    region
        Boolean, shape (batch, height, width).
    """
    padded = functional.pad(region, [1] * 4)
    inner = padded[:, :-2, 1:-1] & padded[:, 2:, 1:-1] & padded[:, 1:-1, :-2] & padded[:, 1:-1, 2:]
    return region & ~inner


def near(pixels: torch.Tensor, tolerance: int = TOLERANCE_PX) -> torch.Tensor:
    """Return the pixels whose centre is `tolerance` px or less from one of those given.

    Parameters
    ----------
    pixels
        Boolean, shape (batch, height, width).
    """
    height, width = pixels.shape[1:]
    padded = functional.pad(pixels, [tolerance] * 4)
    reached = torch.zeros_like(pixels)
    reach = range(-tolerance, tolerance + 1)
    for down, right in ((y, x) for y in reach for x in reach if x * x + y * y <= tolerance**2):
        top, left = tolerance + down, tolerance + right
        reached |= padded[:, top : top + height, left : left + width]
    return reached
