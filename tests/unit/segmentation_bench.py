"""A bench for segmentation: bright squares on noise, as prepared data of 16 px."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from studygrid.families.prepared import combined_sha256
from studygrid.families.segmentation.data.parts import describe_parts
from studygrid.records import DataRecord, write_record
from studygrid.spec import DataSpec

SIDE = 16
COUNTS = {"train": 24, "validation": 12, "test": 16}
BASE: dict[str, Any] = {
    "family": "segmentation",
    "model": "tiny",
    "architecture": "small_unet",
    "options": {"width": 2, "depth": 1},
    "resolution": SIDE,
    "n_train": 16,
    "seed": 0,
    "training": {
        "steps": 6,
        "validations": 3,
        "batch_size": 8,
        "learning_rate": 0.05,
        "monitor": "iou",
    },
    "loss": {},
    "augmentation": {},
}


def write_squares(folder: Path, classes: int = 2, empty: bool = False) -> Path:
    """Write prepared data of squares, one image in eight without any; return its record.

    With three classes bright squares are of class 1 and dark ones of class 2. With `empty` no
    image of the validation split has a square.
    """
    generator = np.random.default_rng(0)
    total = sum(COUNTS.values())
    images = generator.normal(120, 12, (total, SIDE, SIDE))
    masks = np.zeros((total, SIDE, SIDE), np.uint8)
    first_test = COUNTS["train"] + COUNTS["validation"]
    for index in range(total):
        if index % 8 == 7 or (empty and COUNTS["train"] <= index < first_test):
            continue
        top, left = generator.integers(0, SIDE - 6, 2)
        number = 1 + index % (classes - 1)
        masks[index, top : top + 6, left : left + 6] = number
        images[index][masks[index] > 0] += 70 if number == 1 else -70
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", images.clip(0, 255).astype(np.uint8)[:, None])
    np.save(folder / "masks.npy", masks)
    names: Sequence[str] = ("background", "bright", "dark")[:classes]
    ends = np.cumsum(list(COUNTS.values()))
    splits = {
        split: np.arange(end - count, end)
        for (split, count), end in zip(COUNTS.items(), ends, strict=True)
    }
    parts = describe_parts(folder, splits, names, {})  # type: ignore[arg-type]
    spec = DataSpec(
        family="segmentation", dataset="cracks", options={}, resolution=SIDE, source="made here"
    )
    record = DataRecord(
        spec=spec,
        sha256=combined_sha256(parts.arrays, parts.splits),
        arrays=parts.arrays,
        splits=parts.splits,
        facts=parts.facts,
        duplicates_across_splits=parts.duplicates,
        licence="",
        citation="",
    )
    write_record(folder / "data.json", record)
    return folder / "data.json"
