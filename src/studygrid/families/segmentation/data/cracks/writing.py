"""Images and masks, written in chunks into files that are mapped into memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from studygrid.execution.progress import ProgressBar
from studygrid.families.base import SPLITS, Split
from studygrid.families.images.arrays import require_space
from studygrid.families.segmentation.data.cracks.backgrounds import load_textures
from studygrid.families.segmentation.data.cracks.drawing import Scene, draw
from studygrid.families.segmentation.data.cracks.options import CracksOptions
from studygrid.families.segmentation.data.processes import in_processes

CHUNK = 16


@dataclass(frozen=True)
class _Chunk:
    """Some images of a split, numbered from `first`, to be written from `row` on."""

    split: Split
    first: int
    count: int
    row: int


def counts_of(options: CracksOptions) -> dict[Split, int]:
    """Return the number of images of each split."""
    return {"train": options.train, "validation": options.validation, "test": options.test}


def write_pictures(
    options: CracksOptions, side: int, folder: Path, workers: int = 1, chunk: int = CHUNK
) -> list[Scene]:
    """Draw all images and masks into ``images.npy`` and ``masks.npy``, split after split.

    Raises
    ------
    DataError
        If the disk has no room for them, or a picture to draw upon is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = counts_of(options)
    total = sum(counts.values())
    shapes = {"images": (total, 1, side, side), "masks": (total, side, side)}
    for name in shapes:
        (folder / f"{name}.npy").unlink(missing_ok=True)
    require_space(folder, 2 * total * side * side)
    for name, shape in shapes.items():
        open_memmap(folder / f"{name}.npy", mode="w+", dtype=np.uint8, shape=shape)
    # Before the processes are forked, which share it then.
    load_textures(options.backgrounds)
    scenes: list[Scene] = []
    with ProgressBar(f"cracks at {side} px", total, 0, "images") as bar:
        write = partial(_write, options, side, folder)
        for drawn in in_processes(write, _chunks(counts, chunk), workers):
            scenes += drawn
            for _ in drawn:
                bar.advance()
    return scenes


def _chunks(counts: Mapping[Split, int], size: int) -> list[_Chunk]:
    chunks, row = [], 0
    for split in SPLITS:
        for first in range(0, counts[split], size):
            count = min(size, counts[split] - first)
            chunks.append(_Chunk(split, first, count, row))
            row += count
    return chunks


def _write(options: CracksOptions, side: int, folder: Path, chunk: _Chunk) -> list[Scene]:
    images = open_memmap(folder / "images.npy", mode="r+")
    masks = open_memmap(folder / "masks.npy", mode="r+")
    scenes = []
    for position in range(chunk.count):
        drawn = draw(options, chunk.split, chunk.first + position, side)
        images[chunk.row + position, 0] = drawn.image
        masks[chunk.row + position] = drawn.mask
        scenes.append(drawn.scene)
    return scenes
