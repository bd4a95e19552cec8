"""iterative: an engine that reconstructs each scan from its own patterns, and learns nothing."""

from __future__ import annotations

from torch import Tensor

from studygrid.families.ptychography.models.engine import reconstruct
from studygrid.families.ptychography.models.options import EngineOptions
from studygrid.families.ptychography.models.patches import Engine, GroupShape


def build(shape: GroupShape, options: EngineOptions, architecture: str) -> Engine:
    """Return an engine; it has no parameters."""
    return Iterative(options)


class Iterative(Engine):
    """The engine in a model's place: what can be had from the patterns of a scan by themselves."""

    def __init__(self, options: EngineOptions) -> None:
        super().__init__()
        self._options = options

    def forward(self, patterns: Tensor, positions: Tensor, probe: Tensor) -> Tensor:
        """Reconstruct the object of a scan of these groups, as a profile measures it.

        Parameters
        ----------
        patterns
            Amplitudes, shape (B, C, N, N), float32.
        positions
            Row and column of each patch's first px, shape (B, C, 2), float32.
        probe
            complex64, shape (N, N).
        """
        where = positions.reshape(-1, 2)
        height, width = (int(last) + 1 + len(probe) for last in where.amax(dim=0).ceil())
        return self.reconstruct(patterns.flatten(0, 1), probe, where, (height, width))

    def reconstruct(
        self, patterns: Tensor, probe: Tensor, positions: Tensor, shape: tuple[int, int]
    ) -> Tensor:
        """Return the object of a scan, complex64 (H, W): see `engine.reconstruct`."""
        return reconstruct(patterns, probe, positions, shape, self._options)
