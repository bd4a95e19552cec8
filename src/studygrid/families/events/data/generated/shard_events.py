"""Events as a shard keeps them: of any numbers of particles, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ShardEvents:
    """Events of any numbers of particles, one after the other.

    Attributes
    ----------
    tokens
        log(pT / GeV), pseudorapidity and azimuth less the leading jet's; float32, shape (m, 3).
    classes
        uint8, shape (m,).
    offsets
        Event i has the particles from ``offsets[i]`` to ``offsets[i + 1]``; int64, shape (n + 1,).
    globals
        float32, shape (n, G), see `GLOBALS`.
    """

    tokens: NDArray[np.float32]
    classes: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    globals: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.globals)

    def first(self, count: int) -> ShardEvents:
        """Return the first `count` events."""
        end = int(self.offsets[count])
        return ShardEvents(
            self.tokens[:end],
            self.classes[:end],
            self.offsets[: count + 1],
            self.globals[:count],
        )


def joined(parts: Sequence[ShardEvents]) -> ShardEvents:
    """Return the events of several parts, in order."""
    starts = np.cumsum([0, *(len(part.tokens) for part in parts)])
    ends = [part.offsets[1:] + start for part, start in zip(parts, starts, strict=False)]
    return ShardEvents(
        tokens=np.concatenate([part.tokens for part in parts]),
        classes=np.concatenate([part.classes for part in parts]),
        offsets=np.concatenate([np.zeros(1, np.int64), *ends]),
        globals=np.concatenate([part.globals for part in parts]),
    )
