"""A bench for tag VAEs: rows of twelve tags in three kinds, as prepared data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.families.prepared import combined_sha256, describe_array, write_split
from studygrid.records import DataRecord, write_record
from studygrid.spec import DataSpec

TAGS = 12
COUNTS = {"train": 96, "validation": 40, "test": 45}
BASE: dict[str, Any] = {
    "family": "tagvae",
    "model": "tiny",
    "architecture": "mlp_vae",
    "options": {"latent": 3, "hidden": [16], "dropout": 0.1},
    "resolution": TAGS,
    "n_train": 64,
    "seed": 0,
    "training": {
        "steps": 6,
        "validations": 3,
        "batch_size": 16,
        "learning_rate": 0.02,
        "schedule": "constant",
    },
    "loss": {},
    "augmentation": {},
}
BASELINES = ("independent_bernoulli", "nearest_neighbour")


def mixture(count: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return rows of three kinds, each with four tags of its own, shape (count, 12)."""
    generator = np.random.default_rng(seed)
    own = np.arange(TAGS) // 4 == generator.integers(0, 3, count)[:, None]
    return (generator.random((count, TAGS)) < np.where(own, 0.8, 0.05)).astype(np.uint8)


def write_tags(folder: Path, rows: NDArray[np.uint8] | None = None) -> Path:
    """Write prepared data of these rows, or of `mixture`; return its record.

    The first rows are of the training split, the next of validation, the last of test.
    """
    if rows is None:
        rows = mixture(sum(COUNTS.values()))
    folder.mkdir(parents=True)
    np.save(folder / "tags.npy", rows)
    arrays = {"tags": describe_array(folder, "tags")}
    ends = np.cumsum(list(COUNTS.values()))
    splits = {
        split: write_split(folder, split, np.arange(end - count, end), None)
        for (split, count), end in zip(COUNTS.items(), ends, strict=True)
    }
    train = rows[: COUNTS["train"]]
    record = DataRecord(
        spec=DataSpec(
            family="tagvae",
            dataset="tag_mixture",
            options={},
            resolution=rows.shape[1],
            source="made here",
        ),
        sha256=combined_sha256(arrays, splits),
        arrays=arrays,
        splits=splits,
        facts={
            "tags": [f"tag {number}" for number in range(rows.shape[1])],
            "train_frequency": train.sum(axis=0, dtype=int).tolist(),
            "rows_read": len(rows),
            "tags_read": rows.shape[1],
            "rows_without_enough_tags": 0,
            "rows_duplicate": 0,
            "tags_too_rare": 0,
        },
        duplicates_across_splits=[],
        licence="",
        citation="",
    )
    write_record(folder / "data.json", record)
    return folder / "data.json"
