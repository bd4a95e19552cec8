"""Where patches lie on an object: bilinear interpolation there, and its transpose."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True)
class Places:
    """Windows of one px more than a patch, from which parts of a px make the patch.

    Sums over windows are by `index_add`, which is deterministic where
    `torch.use_deterministic_algorithms` asks for it, as is the gradient of `index_select`.

    Attributes
    ----------
    windows
        Flat indices into the object, or into the objects one after another; int64, shape (n,
        N + 1, N + 1). A patch that ends with its object has nothing after its last px: what
        stands there instead counts nothing.
    down, right
        Parts of a px, from 0 to below 1, of the objects' precision, shape (n, 1, 1).
    """

    windows: torch.Tensor
    down: torch.Tensor
    right: torch.Tensor

    @classmethod
    def of(
        cls,
        positions: torch.Tensor,
        side: int,
        shape: tuple[int, int],
        index: torch.Tensor | None = None,
    ) -> Places:
        """Return the places of patches that lie within their objects; it is not checked.

        Parameters
        ----------
        positions
            float32, shape (n, 2): row and column of a patch's first px.
        side
            N, px.
        shape
            (H, W) of the objects, px.
        index
            int64, shape (n,): which object each patch is of, if there are several.
        """
        whole = positions.floor()
        first, parts = whole.long(), positions - whole
        steps = torch.arange(side + 1, device=positions.device)
        rows = (first[:, :1] + steps).clamp(max=shape[0] - 1)
        columns = (first[:, 1:] + steps).clamp(max=shape[1] - 1)
        if index is not None:
            rows = rows + (index * shape[0]).unsqueeze(1)
        windows = rows.unsqueeze(2) * shape[1] + columns.unsqueeze(1)
        return cls(windows, parts[:, 0].view(-1, 1, 1), parts[:, 1].view(-1, 1, 1))

    def extract(self, objects: torch.Tensor) -> torch.Tensor:
        """Return the patches, shape (n, N, N), of complex or real objects."""
        pixels = objects.reshape(-1).index_select(0, self.windows.reshape(-1))
        windows = pixels.view(self.windows.shape)
        down, right = self.down.to(pixels.dtype), self.right.to(pixels.dtype)
        rows = torch.lerp(windows[:, :-1], windows[:, 1:], down)
        return torch.lerp(rows[:, :, :-1], rows[:, :, 1:], right)

    def add(self, objects: torch.Tensor, patches: torch.Tensor) -> torch.Tensor:
        """Return objects with patches, shape (n, N, N), added: the transpose of `extract`."""
        down, right = self.down.to(patches.dtype), self.right.to(patches.dtype)
        rows = torch.lerp(_padded(patches, 0, 0, 0, 1), _padded(patches, 0, 0, 1, 0), right)
        windows = torch.lerp(_padded(rows, 0, 1, 0, 0), _padded(rows, 1, 0, 0, 0), down)
        flat = objects.reshape(-1).index_add(0, self.windows.reshape(-1), windows.reshape(-1))
        return flat.view(objects.shape)


def _padded(values: torch.Tensor, above: int, below: int, left: int, right: int) -> torch.Tensor:
    return functional.pad(values, (left, right, above, below))
