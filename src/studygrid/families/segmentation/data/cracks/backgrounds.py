"""What cracks run through: made-up concrete, photographs of textures, photovoltaic cells."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.base import SPLITS, Split
from studygrid.families.images.decode import as_uint8, read_image
from studygrid.families.segmentation.data.cracks.noise import Grey, fractal, layer, resampled
from studygrid.families.segmentation.data.cracks.options import Background
from studygrid.families.segmentation.data.cracks.quilting import quilt
from studygrid.families.segmentation.data.cracks.raster import coverage
from studygrid.families.segmentation.data.cracks.sources import TEXTURES, cells_folder, texture_path

TEXTURE_SIDE = 512
# Top, left, height, width, px: no pixel of a photograph is in two splits.
TEXTURE_PARTS: dict[Split, tuple[int, int, int, int]] = {
    "train": (0, 0, 512, 256),
    "validation": (0, 256, 256, 256),
    "test": (256, 256, 256, 256),
}
# Least and greatest side of a crop, px. Of stones and grass more can be quilted than is there.
_CROPS = {"brick": (128, 256), "gravel": (220, 640), "grass": (256, 640)}
_QUILTED, _QUILT_BLOCKS = ("gravel", "grass"), 11
# Cells of one module follow each other in the package's list, so whole blocks go to a split.
CELL_BLOCK = 41
_BLOCK_SPLITS: tuple[Split, ...] = ("train", "validation", "train", "test", "train")


def draw_background(name: Background, split: Split, random: np.random.Generator, side: int) -> Grey:
    """Draw a background of `side` px, brightness about 0 to 1."""
    if name == "concrete":
        return _concrete(random, side)
    if name == "cells":
        return _cell(split, random, side)
    return _texture(name, split, random, side)


def load_textures(names: Collection[Background]) -> None:
    """Read the photographs, so that processes that are forked from this one share them."""
    for name in TEXTURES:
        if name in names:
            for split in SPLITS:
                texture_part(name, split)


@cache
def cell_names(split: Split) -> tuple[str, ...]:
    """Return the files of the cells without defects that a split may use.

    Raises
    ------
    DataError
        If elpv-dataset's list cannot be read.
    """
    path = cells_folder() / "labels.csv"
    try:
        rows = [line.split() for line in path.read_text("ascii").splitlines() if line.strip()]
        return tuple(
            row[0]
            for number, row in enumerate(rows)
            if float(row[1]) == 0 and _BLOCK_SPLITS[number // CELL_BLOCK % 5] == split
        )
    except (OSError, ValueError, IndexError) as error:
        raise DataError(f"{path}: cannot be read ({error}); install elpv-dataset anew") from None


def _concrete(random: np.random.Generator, side: int) -> Grey:
    """Draw concrete: blotches, grain, marks of a trowel, and pores."""
    picture = np.float32(random.uniform(0.42, 0.68)) + np.zeros((side, side), np.float32)
    picture += np.float32(random.uniform(0.02, 0.06)) * fractal(random, side, 2, 32, 0.7)
    picture += np.float32(random.uniform(0.015, 0.04)) * fractal(random, side, 64, 256, 0.85)
    if random.random() < 0.3:
        stretch = (1, 16) if random.random() < 0.5 else (16, 1)
        picture += np.float32(random.uniform(0.005, 0.015)) * layer(random, 128, side, stretch)
    pores = random.poisson(random.uniform(2, 60))
    centres = random.uniform(0, 1, (pores, 2))
    radii = np.exp(random.normal(np.log(0.0025), 0.45, (pores, 1))).clip(0.001, 0.01)
    ends = centres + radii * random.uniform(-1, 1, (pores, 2))
    holes = coverage(np.hstack([centres, radii, ends, radii]), side)
    return picture * (1 - np.float32(random.uniform(0.15, 0.45)) * holes)


def _texture(name: str, split: Split, random: np.random.Generator, side: int) -> Grey:
    """Take a crop of a split's part of a photograph, turned or mirrored, at some contrast."""
    part = texture_part(name, split)
    length = random.uniform(*_CROPS[name])
    top, left = random.random(2) * (np.array(part.shape) - length)
    picture = resampled(part, side, (left, top, left + length, top + length))
    picture = np.rot90(picture, int(random.integers(4)))
    if random.random() < 0.5:
        picture = picture[:, ::-1]
    level, strength = random.uniform(0.4, 0.62), random.uniform(0.05, 0.11)
    # An enlarged photograph is too smooth.
    grain = np.float32(0.012) * fractal(random, side, 128, 256, 1.0)
    return np.float32(level) + np.float32(strength) * picture + grain


@cache
def texture_part(name: str, split: Split) -> Grey:
    """Return what a split may use of a photograph, with mean 0 and standard deviation 1.

    Raises
    ------
    DataError
        If the photograph is missing, unreadable or of another size.
    """
    path = texture_path(name)
    pixels = _read(path)
    if pixels.shape != (TEXTURE_SIDE, TEXTURE_SIDE):
        raise DataError(
            f"{path}: is {pixels.shape[1]} x {pixels.shape[0]} px, not {TEXTURE_SIDE} x "
            f"{TEXTURE_SIDE} as in scikit-image 0.25 and 0.26; install one of these"
        )
    top, left, height, width = TEXTURE_PARTS[split]
    part = pixels[top : top + height, left : left + width]
    if name in _QUILTED:
        part = quilt(part, _QUILT_BLOCKS, np.random.default_rng(0))
    mean, deviation = part.mean(dtype=np.float64), part.std(dtype=np.float64)
    normalised: Grey = ((part - mean) / deviation).astype(np.float32)
    return normalised


def _cell(split: Split, random: np.random.Generator, side: int) -> Grey:
    """Take a cell without defects, turned by half or mirrored, at some brightness."""
    names = cell_names(split)
    picture = _read(cells_folder() / names[int(random.integers(len(names)))])
    mean = max(float(picture.mean(dtype=np.float64)), 0.05)
    picture = resampled(picture, side)[:: random.choice((-1, 1)), :: random.choice((-1, 1))]
    return picture * np.float32(np.clip(random.uniform(0.45, 0.62) / mean, 0.6, 3.0))


def _read(path: Path) -> NDArray[np.float32]:
    try:
        return as_uint8(read_image(path), "grey").astype(np.float32) / np.float32(255)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); install its package anew") from None
