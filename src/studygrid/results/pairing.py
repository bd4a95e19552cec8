"""Which runs may be compared pair by pair."""

from __future__ import annotations

import pandas as pd

NUMBERED = "numbered"


def pairing_seeds(frame: pd.DataFrame) -> list[int]:
    """Return what runs are paired by: their seeds.

    In the frame of a collected study the column `numbered` is true of runs whose files name no
    seed: they are paired with none, each gets a number of its own.
    """
    seeds: list[int] = frame["seed"].tolist()
    if NUMBERED not in frame:
        return seeds
    return [
        -1 - place if numbered else seed
        for place, (seed, numbered) in enumerate(zip(seeds, frame[NUMBERED], strict=True))
    ]
