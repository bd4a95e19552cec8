"""From the patches of a scan's groups to its object, their phases made to agree."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from studygrid.families.ptychography.canvas import PX_AT_ONCE, splat, weighted_mean
from studygrid.families.ptychography.physics import extract

# Of the weight of the best-lit px: what has less tells little of a patch's phase.
_LIT = 1e-2
Shape = tuple[int, int]


def assemble_groups(
    patches: Tensor, weights: Tensor, positions: Tensor, shape: Shape, passes: int
) -> tuple[Tensor, Tensor]:
    """Return the weighted mean of groups' patches on their object, and its coverage.

    No pattern tells a phase that its whole patch has in common, so patches of equal structure may
    cancel each other. In each pass every group is turned by the one angle at which it agrees best
    with what is assembled so far, in the sense of least squares.

    Parameters
    ----------
    patches
        complex64, shape (n, C, N, N): n groups of C patches.
    weights
        float32, shape (N, N), of sum 1: what a px of a patch counts.
    positions
        float32, shape (n, C, 2): row and column of a patch's first px.
    shape
        (H, W) of the object, px.
    passes
        How often the groups are turned; 0 takes the phases as they are.

    Returns
    -------
    tuple of torch.Tensor
        The object, complex64 (H, W), 1+0j where nothing covers it; and the sum of the weights,
        float32 (H, W).
    """
    turns = _agreed_turns(patches, weights, positions, shape, passes)
    coverage = coverage_of(weights, positions, shape)
    return _mean(patches, turns, weights, positions, coverage), coverage


def _agreed_turns(
    patches: Tensor, weights: Tensor, positions: Tensor, shape: Shape, passes: int
) -> Tensor:
    """Return factors of modulus 1 with which groups agree, complex64 (n,)."""
    turns = torch.ones(len(patches), dtype=patches.dtype, device=patches.device)
    if passes == 0:
        return turns
    # From the lit part of each patch alone, which is a part of the work.
    top, left, side = lit_square(weights)
    rows, columns = slice(top, top + side), slice(left, left + side)
    patches, weights = patches[..., rows, columns], weights[rows, columns]
    positions = positions + positions.new_tensor([top, left])
    coverage = coverage_of(weights, positions, shape)
    for _ in range(passes):
        found = _mean(patches, turns, weights, positions, coverage)
        turns = _best_turns(patches, weights, positions, found)
    return turns


def lit_square(weights: Tensor) -> tuple[int, int, int]:
    """Return the first row, the first column and the side of a square that holds what is lit.

    Parameters
    ----------
    weights
        float32, shape (N, N).
    """
    lit = weights >= _LIT * weights.max()
    bounds = [lit.any(dim=axis).nonzero().flatten() for axis in (1, 0)]
    firsts, lasts = ([int(found[at]) for found in bounds] for at in (0, -1))
    side = 1 + max(last - first for first, last in zip(firsts, lasts, strict=True))
    top, left = (min(first, len(weights) - side) for first in firsts)
    return top, left, side


def _parts(count: int, positions: Tensor, side: int) -> Iterator[tuple[slice, Tensor]]:
    """Yield which of some groups are taken at once, and their positions, (patches, 2)."""
    step = max(1, PX_AT_ONCE // (positions.shape[1] * side**2))
    for start in range(0, count, step):
        part = slice(start, start + step)
        yield part, positions[part].reshape(-1, 2)


def coverage_of(weights: Tensor, positions: Tensor, shape: Shape) -> Tensor:
    """Return the sum of the weights of groups' patches on their object, float32 (H, W).

    Parameters
    ----------
    weights
        float32, shape (N, N).
    positions
        float32, shape (n, C, 2).
    shape
        (H, W) of the object, px.
    """
    coverage = weights.new_zeros(shape)
    for _, where in _parts(len(positions), positions, len(weights)):
        coverage += splat(weights.expand(len(where), -1, -1), where, shape)
    return coverage


def _mean(
    patches: Tensor, turns: Tensor, weights: Tensor, positions: Tensor, coverage: Tensor
) -> Tensor:
    shape = (coverage.shape[0], coverage.shape[1])
    total = patches.new_zeros(shape)
    for part, where in _parts(len(patches), positions, len(weights)):
        turned = patches[part] * (turns[part].view(-1, 1, 1, 1) * weights)
        total += splat(turned.flatten(0, 1), where, shape)
    return weighted_mean(total, coverage)


def _best_turns(patches: Tensor, weights: Tensor, positions: Tensor, found: Tensor) -> Tensor:
    """Return the factor of modulus 1 that turns each group onto an object, complex64 (n,)."""
    turns = torch.ones(len(patches), dtype=patches.dtype, device=patches.device)
    for part, where in _parts(len(patches), positions, len(weights)):
        there = extract(found, where, len(weights)).view(patches[part].shape)
        overlap = (weights * there * patches[part].conj()).sum(dim=(1, 2, 3))
        length = overlap.abs()
        # A group that overlaps with nothing stays as it is.
        turns[part] = torch.where(length > 0, overlap / torch.where(length > 0, length, 1.0), 1.0)
    return turns
