"""A user's family whose data is made in shards: images with a spot above or below."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
FILES = ("spots_family.py", "spots_shard.py", "spots_prepare.py")
SHARDS = 4  # of the config below


def copy_family(folder: Path) -> str:
    """Copy the family's files into a folder; return what a config there calls the family."""
    for name in FILES:
        shutil.copy2(FOLDER / name, folder / name)
    return "spots_family.py:FAMILY"


def spots_config(family: str = f"{FOLDER / 'spots_family.py'}:FAMILY") -> dict[str, Any]:
    """Return a small config: 80 images in four shards."""
    return {
        "name": "Spots",
        "family": family,
        "dataset": {"name": "spots", "images": 80, "shard_images": 20},
        "models": {"tiny_cnn": None},
        "grid": {"resolution": [8], "n_train": [16], "seed": 1},
        "training": {"steps": 4, "validations": 2, "batch_size": 8},
        "profiling": {"enabled": False},
        "report": {"figures": ["status_matrix"]},
    }
