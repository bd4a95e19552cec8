"""More of a texture than a photograph shows, by quilting.

Blocks of the photograph overlap, and are cut where they differ least (Efros and Freeman, Image
quilting for texture synthesis and transfer, SIGGRAPH 2001).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]

_BLOCK, _OVERLAP, _CANDIDATES = 96, 32, 24


def quilt(part: Grey, blocks: int, random: np.random.Generator) -> Grey:
    """Return a square of ``blocks`` blocks a side, made of a photograph of any shape."""
    step = _BLOCK - _OVERLAP
    side = blocks * step + _OVERLAP
    sheet = np.zeros((side, side), np.float32)
    for top in range(0, blocks * step, step):
        for left in range(0, blocks * step, step):
            there = sheet[top : top + _BLOCK, left : left + _BLOCK]
            block = _best_block(part, there, top > 0, left > 0, random)
            is_new = np.ones((_BLOCK, _BLOCK), bool)
            if left > 0:
                is_new &= _cut((block - there)[:, :_OVERLAP] ** 2)
            if top > 0:
                is_new &= _cut((block - there)[:_OVERLAP].T ** 2).T
            np.copyto(there, block, where=is_new)
    return sheet


def _best_block(
    part: Grey, there: Grey, is_below: bool, is_right: bool, random: np.random.Generator
) -> Grey:
    """Return the one of some random blocks that fits best to what is there."""
    corners = random.integers(0, np.array(part.shape) - _BLOCK + 1, (_CANDIDATES, 2)).tolist()
    blocks = [part[y : y + _BLOCK, x : x + _BLOCK] for y, x in corners]
    known = np.zeros((_BLOCK, _BLOCK), np.float32)
    known[:, :_OVERLAP] += is_right
    known[:_OVERLAP] += is_below
    errors = [float((known * (block - there) ** 2).sum()) for block in blocks]
    return blocks[int(np.argmin(errors))]


def _cut(error: Grey) -> NDArray[np.bool_]:
    """Return what lies right of the cheapest path from top to bottom, shape (block, block)."""
    height = len(error)
    costs = error.astype(np.float64)
    for row in range(1, height):
        before = np.pad(costs[row - 1], 1, constant_values=np.inf)
        costs[row] += np.minimum(np.minimum(before[:-2], before[1:-1]), before[2:])
    is_right = np.ones((height, height), bool)
    column = int(np.argmin(costs[-1]))
    for row in range(height - 1, -1, -1):
        is_right[row, :column] = False
        if row:
            first = max(0, column - 1)
            column = first + int(np.argmin(costs[row - 1, first : column + 2]))
    return is_right
