"""What a model of ptychography takes and gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class GroupShape:
    """What the data asks of a model: patterns in a group, and their side N in px."""

    patterns: int
    side: int


class Patches(NamedTuple):
    """Patches of the object, one for each pattern of each group.

    Attributes
    ----------
    amplitude, phase
        Shape (B, C, N, N); the phase in rad.
    """

    amplitude: Tensor
    phase: Tensor

    @property
    def transmission(self) -> Tensor:
        """The patches as complex numbers, complex64; in float32 under autocast, too."""
        return torch.polar(self.amplitude.float(), self.phase.float())


class Engine(nn.Module, ABC):
    """A model that makes the object of a scan from the scan's own patterns alone."""

    @abstractmethod
    def reconstruct(
        self, patterns: Tensor, probe: Tensor, positions: Tensor, shape: tuple[int, int]
    ) -> Tensor:
        """Return the object of a scan, complex64 (H, W).

        Parameters
        ----------
        patterns
            Amplitudes, shape (n, N, N), float32.
        probe
            complex64, shape (N, N).
        positions
            Row and column of each patch's first px, shape (n, 2), float32.
        shape
            (H, W), px.
        """
