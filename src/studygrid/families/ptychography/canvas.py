"""Patches summed on the canvas that they lie on, and made to agree where they overlap."""

from __future__ import annotations

import torch

from studygrid.families.ptychography.physics import check_positions
from studygrid.families.ptychography.places import Places

PX_AT_ONCE = 1 << 20  # of patches whose windows `splat` holds; 8 MiB each as complex64


def splat(patches: torch.Tensor, positions: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Return the sum of patches at their positions on one canvas: the transpose of `extract`.

    Parameters
    ----------
    patches
        Complex or real, shape (n, N, N).
    positions
        float32, shape (n, 2): row and column of a patch's first px.
    shape
        (H, W) of the canvas, px.

    Returns
    -------
    torch.Tensor
        Of the patches' type, shape (H, W).

    Raises
    ------
    ValueError
        If a patch does not lie within the canvas.
    """
    side = patches.shape[-1]
    check_positions(positions, side, shape)
    canvas = patches.new_zeros(shape)
    most = max(1, PX_AT_ONCE // side**2)
    for first in range(0, len(patches), most):
        chunk = slice(first, first + most)
        canvas = Places.of(positions[chunk], side, shape).add(canvas, patches[chunk])
    return canvas


def weighted_mean(total: torch.Tensor, coverage: torch.Tensor) -> torch.Tensor:
    """Return a sum of weighted patches over the sum of their weights; 1 where nothing covers.

    Parameters
    ----------
    total
        complex64, shape (..., H, W).
    coverage
        float32, the same shape, 0 or more.
    """
    covered = coverage > 0
    return torch.where(covered, total / torch.where(covered, coverage, 1.0), 1.0)


def through_canvas(
    patches: torch.Tensor, weights: torch.Tensor, positions: torch.Tensor, side: int | None = None
) -> torch.Tensor:
    """Return what each group's patches are after they were made to agree where they overlap.

    The patches of a group are assembled on a canvas of their own and extracted again. A group of
    one patch is that patch.

    Parameters
    ----------
    patches
        complex64, shape (B, C, N, N): B groups of C patches.
    weights
        float32, shape (N, N), or (B, 1, N, N): what a px of a patch counts.
    positions
        float32, shape (B, C, 2), px, of any origin: only differences within a group count.
    side
        Side of the canvas, px: `canvas_side` of these or of all positions. Left out, it is found
        from these, for which a GPU must be waited for.

    Returns
    -------
    torch.Tensor
        complex64, shape (B, C, N, N).
    """
    groups, members, pattern_px, _ = patches.shape
    if members == 1:
        return patches
    side = side or canvas_side(positions, pattern_px)
    # From the first patch, so that parts of a pixel that all share do not blur the patches.
    steps = positions - positions[:, :1]
    steps = steps - steps.amin(dim=1, keepdim=True).floor()
    group = torch.arange(groups, device=patches.device).repeat_interleave(members)
    places = Places.of(steps.reshape(-1, 2), pattern_px, (side, side), group)
    weighted = (patches * weights).reshape(-1, pattern_px, pattern_px)
    total = places.add(patches.new_zeros(groups, side, side), weighted)
    counted = weights.expand_as(patches).reshape(weighted.shape)
    coverage = places.add(weights.new_zeros(groups, side, side), counted)
    return places.extract(weighted_mean(total, coverage)).view(patches.shape)


def canvas_side(positions: torch.Tensor, side: int) -> int:
    """Return the side of a canvas that holds every one of some groups, px.

    Parameters
    ----------
    positions
        float32, shape (B, C, 2).
    side
        N, px.
    """
    span = positions.amax(dim=1) - positions.amin(dim=1)
    return side + 2 + int(span.max().ceil())
