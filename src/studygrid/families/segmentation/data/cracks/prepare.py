"""The dataset `cracks`: drawn, written and described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import SPLITS, Split
from studygrid.families.prepared import PreparedParts
from studygrid.families.segmentation.data.cracks.drawing import Scene
from studygrid.families.segmentation.data.cracks.options import CracksOptions
from studygrid.families.segmentation.data.cracks.writing import counts_of, write_pictures
from studygrid.families.segmentation.data.parts import describe_parts, require_foreground

CLASSES = ("background", "crack")

_ORIGINS = {
    "concrete": "made up",
    "brick": "photograph in scikit-image, from CC0Textures, CC0",
    "gravel": "photograph in scikit-image, from CC0Textures, CC0",
    "grass": "photograph in scikit-image, by linolafett, CC0",
    "cells": "elpv-dataset, CC BY-NC-SA 4.0 (non-commercial)",
}
_SPLIT = (
    "each image has a seed of its own; training uses the left half of a photograph, validation "
    "the upper and test the lower quarter of the right half; of each five blocks of 41 cells in "
    "file order training uses three, validation and test one each"
)


def prepare(
    options: CracksOptions, resolution: int, folder: Path, workers: int = 1
) -> PreparedParts:
    """Draw the images and masks of `resolution` px into a folder.

    Raises
    ------
    DataError
        If the disk has no room for them, a picture to draw upon is missing, or a split comes
        out without a crack.
    """
    scenes = write_pictures(options, resolution, folder, workers)
    splits = _splits(options)
    require_foreground(folder, splits)
    facts = {
        "seed": options.seed,
        "split": _SPLIT,
        "mask": "1 where cracks cover at least half of a pixel",
        "background_origins": {name: _ORIGINS[name] for name in options.backgrounds},
        **_scene_facts(options, scenes, splits),
    }
    return describe_parts(folder, splits, CLASSES, facts)


def _splits(options: CracksOptions) -> dict[Split, NDArray[np.int64]]:
    counts = counts_of(options)
    ends = np.cumsum([counts[split] for split in SPLITS])
    return {
        split: np.arange(end - counts[split], end) for split, end in zip(SPLITS, ends, strict=True)
    }


def _scene_facts(
    options: CracksOptions, scenes: Sequence[Scene], splits: dict[Split, NDArray[np.int64]]
) -> dict[str, Any]:
    of_split = {split: [scenes[index] for index in splits[split]] for split in SPLITS}
    counted = {split: Counter(scene.background for scene in of_split[split]) for split in SPLITS}
    return {
        "backgrounds": {
            split: {name: counted[split][name] for name in options.backgrounds} for split in SPLITS
        },
        "crack_width_share": {split: _mean_width(of_split[split]) for split in SPLITS},
        "emptied_by_resizing": sum(scene.is_emptied for scene in scenes),
    }


def _mean_width(scenes: Sequence[Scene]) -> float | None:
    """Return area over length of all cracks, in units of the side; None where there are none."""
    length = sum(scene.crack_length for scene in scenes)
    return sum(scene.crack_area for scene in scenes) / length if length else None
