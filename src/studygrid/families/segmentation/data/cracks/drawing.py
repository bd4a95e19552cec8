"""One image and its mask, from its seed: the same scene at every resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import SPLITS, Split
from studygrid.families.segmentation.data.cracks.appearance import (
    add_cracks,
    add_light,
    add_marks,
    add_shadow,
)
from studygrid.families.segmentation.data.cracks.backgrounds import draw_background
from studygrid.families.segmentation.data.cracks.options import Background, CracksOptions
from studygrid.families.segmentation.data.cracks.paths import (
    Floats,
    draw_cracks,
    length_within,
)
from studygrid.families.segmentation.data.cracks.raster import Grey, block_mean, coverage

# In this order, whatever the order in the config.
_BACKGROUNDS: tuple[Background, ...] = ("concrete", "brick", "gravel", "grass", "cells")
# A picture is drawn at this many px a side or more, and its cracks finer still.
_LEAST_CANVAS, _LEAST_FINE, _FINE = 256, 512, 2


@dataclass(frozen=True)
class Scene:
    """What is known of an image.

    Attributes
    ----------
    crack_length, crack_area
        Of the cracks within the image, in units of its side and of its area.
    is_emptied
        Whether it has a crack of which the mask has no pixel.
    """

    background: Background
    crack_length: float
    crack_area: float
    is_emptied: bool


@dataclass(frozen=True)
class Drawn:
    """An image and its mask, uint8 of shape (side, side); in the mask 1 is crack."""

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    scene: Scene


def draw(options: CracksOptions, split: Split, number: int, side: int) -> Drawn:
    """Draw an image of a split at a resolution.

    Cracks, background, marks and light have random streams of their own: each stays the same
    where an option changes the others.

    Parameters
    ----------
    number
        Of the image in its split, from 0.
    side
        Of the image, px.
    """
    _, ground, marks, light = _streams(options.seed, split, number)
    capsules = cracks_of(options, split, number)
    covered = _fine_coverage(capsules, side)
    canvas = _canvas(side)
    names = [name for name in _BACKGROUNDS if name in options.backgrounds]
    background = names[int(ground.integers(len(names)))]
    picture = draw_background(background, split, ground, canvas)
    picture = add_marks(picture, options.distractors, marks)
    picture = add_cracks(picture, block_mean(covered, canvas), options.contrast, light)
    picture = add_shadow(picture, options.distractors, marks)
    picture = block_mean(add_light(picture, light), side)
    image = np.rint(picture * np.float32(255)).clip(0, 255).astype(np.uint8)
    mask = _mask(covered, side)
    scene = Scene(
        background=background,
        crack_length=length_within(capsules),
        crack_area=float(covered.mean(dtype=np.float64)),
        is_emptied=len(capsules) > 0 and not mask.any(),
    )
    return Drawn(image, mask, scene)


def cracks_of(options: CracksOptions, split: Split, number: int) -> Floats:
    """Return the cracks of an image as capsules, shape (n, 6); none where it is empty."""
    random = _streams(options.seed, split, number)[0]
    is_empty = random.random() < options.empty_fraction
    capsules = draw_cracks(random, options.width)
    return capsules[:0] if is_empty else capsules


def mask_of(capsules: Floats, side: int) -> NDArray[np.uint8]:
    """Return the mask of cracks: 1 where they cover at least half of a pixel."""
    return _mask(_fine_coverage(capsules, side), side)


def _mask(covered: Grey, side: int) -> NDArray[np.uint8]:
    return (block_mean(covered, side) >= 0.5).astype(np.uint8)


def _canvas(side: int) -> int:
    """Return the side at which an image is drawn, a multiple of its own."""
    return side * -(-_LEAST_CANVAS // side)


def _fine_coverage(capsules: Floats, side: int) -> Grey:
    """Return the coverage on a grid that is finer than the canvas."""
    canvas = _canvas(side)
    return coverage(capsules, canvas * max(_FINE, -(-_LEAST_FINE // canvas)))


def _streams(seed: int, split: Split, number: int) -> list[np.random.Generator]:
    """Return the random streams of an image, from its seed alone."""
    image = np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), number))
    return [np.random.default_rng(child) for child in image.spawn(4)]
