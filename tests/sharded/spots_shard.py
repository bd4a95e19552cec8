"""What makes a shard. A file `hold` in the working folder stops it half-way, as long as it lies."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 12
HOLD = Path("hold")


def make_shard(options: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Write images with a bright spot in the upper (class 0) or lower half (class 1)."""
    generator = np.random.default_rng(options["seed"])
    labels = np.arange(options["count"]) % 2
    images = generator.normal(100, options["noise"], (options["count"], SIDE, SIDE))
    images[np.arange(len(labels)), 3 + 6 * labels, 6] += 150
    # What the file says names the shards that are stopped: `2` stops the third.
    if HOLD.is_file() and str(options["seed"]) in HOLD.read_text().split():
        file.write_bytes(b"half of a shard")
        while HOLD.is_file():
            time.sleep(0.02)
    np.savez(file, images=np.clip(images, 0, 255).astype(np.uint8), labels=labels)
    return {"versions": {"spots": "1"}}
