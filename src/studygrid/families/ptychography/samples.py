"""Groups of patterns with their places, taken in batches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studygrid.families.prepared import PreparedData
from studygrid.families.resident import Samples


class Groups(NamedTuple):
    """A batch of B groups of C patterns of N px, on the device.

    Attributes
    ----------
    patterns
        Amplitudes, float32 (B, C, N, N).
    positions
        Row and column of each patch's first px in its object, float32 (B, C, 2).
    scan
        Which scan each group is of, int64 (B,).
    """

    patterns: Tensor
    positions: Tensor
    scan: Tensor


class GroupSamples:
    """Chosen groups of the prepared data; each pattern is held once, however many groups it is in.

    Parameters
    ----------
    data
        Prepared `patterns`, `positions`, `scan` and `groups`.
    indices
        Of the first pattern of each group, sorted.
    device
        Where batches are wanted.

    Attributes
    ----------
    side
        N, px.
    indices, pattern_indices
        Of the first pattern of each group, and of each of `patterns`.
    patterns
        The patterns of all groups, each once.
    positions
        Of these patterns, float32 (patterns, 2), on the device.
    group_positions
        Of the patterns of each group, float32 (groups, C, 2), on the device.
    """

    def __init__(
        self, data: PreparedData, indices: NDArray[np.int64], device: torch.device
    ) -> None:
        groups = np.asarray(data.array("groups")[indices])
        distinct, members = np.unique(groups, return_inverse=True)
        self.side = data.array("patterns").shape[-1]
        self.indices: NDArray[np.int64] = np.asarray(indices, dtype=np.int64)
        self.pattern_indices: NDArray[np.int64] = np.asarray(distinct, dtype=np.int64)
        self._device = device
        self._members = torch.from_numpy(members.reshape(groups.shape))
        self._scan = torch.from_numpy(np.array(data.array("scan")[indices])).to(device)
        self.patterns = Samples(data.array("patterns"), distinct, device)
        self.positions = torch.from_numpy(np.array(data.array("positions")[distinct])).to(device)
        self.group_positions = self.positions[self._members.to(device)]

    def __len__(self) -> int:
        return len(self._members)

    def take(self, places: Tensor) -> Groups:
        """Return the groups at `places` (int64, on the CPU)."""
        members = self._members[places]
        patterns = self.patterns.take(members.reshape(-1))
        there = places.to(self._device)
        return Groups(
            patterns.view(*members.shape, *patterns.shape[-2:]),
            self.group_positions[there],
            self._scan[there],
        )
