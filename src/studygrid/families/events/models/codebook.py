"""A codebook that follows what is coded by moving averages."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Coded(NamedTuple):
    """Vectors and the codes nearest to them.

    Attributes
    ----------
    vectors
        The codes themselves, of the shape of the vectors; their gradient is that of the vectors.
    codes
        Their numbers, int64, of the shape of the vectors without its last axis.
    commitment
        Mean squared distance of each vector from its code, of the same shape, float32.
    """

    vectors: Tensor
    codes: Tensor
    commitment: Tensor


class Codebook(nn.Module):
    """Vector quantisation: van den Oord et al., Neural discrete representation learning, 2017.

    The codes are the moving averages of the vectors that they are nearest to (appendix A.1 of the
    paper). A code that is hardly used starts again at a vector of the batch, drawn by PyTorch's
    default generator, as if it had always been used as often as any (Dhariwal et al., Jukebox,
    2020, section 3.1). Before the first batch no code is used, so all start there, whatever
    `restart_below` is.

    Codes and averages are buffers: weights that are saved have them.

    Parameters
    ----------
    codes, width
        K vectors of so many numbers.
    decay
        What the averages keep at each pass in training.
    restart_below
        Share of an equal use below which a code starts again; 0 is never after the first batch.
    """

    codes: Tensor
    use: Tensor

    def __init__(self, codes: int, width: int, decay: float, restart_below: float) -> None:
        super().__init__()
        self._decay, self._restart_below = decay, restart_below
        self.register_buffer("codes", torch.randn(codes, width))
        # Vectors a pass that were nearest to each code, averaged.
        self.register_buffer("use", torch.zeros(codes))

    def forward(self, vectors: Tensor) -> Coded:
        """Return the codes of vectors; in training the codebook then follows them.

        Parameters
        ----------
        vectors
            Shape (..., width), of any float type; they are compared in float32.
        """
        with torch.autocast(vectors.device.type, enabled=False):
            vectors = vectors.float()
            flat = vectors.detach().flatten(0, -2)
            if self.training:
                self._restart(flat)
            codes = self._nearest(flat)
            found = self.codes[codes].view_as(vectors)
            if self.training:
                self._follow(flat, codes)
            commitment = (vectors - found).square().mean(dim=-1)
            if self.training:
                # The gradient goes straight through: section 3.2 of the paper.
                found = vectors + (found - vectors).detach()
            return Coded(found, codes.view(vectors.shape[:-1]), commitment)

    def _nearest(self, vectors: Tensor) -> Tensor:
        # |v - c|^2 without |v|^2, which is the same for every code.
        distances = self.codes.square().sum(dim=1) - 2 * (vectors @ self.codes.T)
        return distances.argmin(dim=1)

    @torch.no_grad()
    def _follow(self, vectors: Tensor, codes: Tensor) -> None:
        """Move the averages, and each code to the mean of the vectors that it stands for.

        With N and m the averages of a code's vectors' number n and sum s, and g the decay, the
        paper has the code m / N. Here its change is computed, (1 - g) (s - n code) / N, so that a
        code without vectors stays as it is to the last bit.
        """
        # Products with 0 and 1: the sums of index_add_ on CUDA are not the same bits twice.
        chosen = (codes[:, None] == torch.arange(len(self.codes), device=codes.device)).float()
        number = chosen.sum(dim=0)
        self.use.mul_(self._decay).add_(number, alpha=1 - self._decay)
        pull = chosen.T @ vectors - number[:, None] * self.codes
        tiny = torch.finfo(self.use.dtype).tiny
        self.codes.add_((1 - self._decay) * pull / self.use.clamp(min=tiny)[:, None])

    @torch.no_grad()
    def _restart(self, vectors: Tensor) -> None:
        """Set codes that are hardly used to vectors of the batch, each to another one if it can."""
        equal = len(vectors) / len(self.codes)
        # No use at all: this is the first batch, which sets every code. A tensor, so no waiting.
        dead = (self.use < self._restart_below * equal) | ~self.use.any()
        order = torch.randperm(len(vectors), device="cpu").to(vectors.device)
        # The n-th dead code takes the n-th vector of a random order, round and round.
        place = (dead.cumsum(dim=0) - 1).clamp(min=0) % len(vectors)
        self.codes.copy_(torch.where(dead[:, None], vectors[order[place]], self.codes))
        self.use.copy_(torch.where(dead, equal, self.use))
