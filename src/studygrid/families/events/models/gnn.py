"""gnn: particles get messages from their nearest neighbours in eta and phi."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from studygrid.families.events.models.autoencoder import Autoencoder
from studygrid.families.events.models.blocks import FeedForward
from studygrid.families.events.models.event_model import EventShape
from studygrid.families.events.models.options import GnnOptions


def build(shape: EventShape, options: GnnOptions, architecture: str) -> nn.Module:
    """Return a freshly initialised autoencoder whose encoder is a ParticleGraph."""
    return Autoencoder(shape, options, ParticleGraph(options))


class Neighbours(NamedTuple):
    """The nearest other particles of each particle, nearest first.

    Attributes
    ----------
    place
        Their places, int64 (batch, R, k).
    mask
        Which of them are there, bool (batch, R, k).
    offset
        Eta and phi from the particle to each, float32 (batch, R, k, 2).
    """

    place: Tensor
    mask: Tensor
    offset: Tensor


def nearest_neighbours(angles: Tensor, mask: Tensor, count: int) -> Neighbours:
    """Return the nearest other particles by Delta R, phi going round.

    Parameters
    ----------
    angles
        Eta and phi in rad, float32 (batch, R, 2).
    mask
        Which particles are there, bool (batch, R).
    count
        How many are wanted; fewer where an event has no more tokens at all.
    """
    count = min(count, angles.shape[1] - 1)
    offset = angles[:, None, :, :] - angles[:, :, None, :]
    phi = torch.remainder(offset[..., 1] + torch.pi, 2 * torch.pi) - torch.pi
    offset = torch.stack([offset[..., 0], phi], dim=-1)
    absent = ~mask[:, None, :] | torch.eye(angles.shape[1], dtype=torch.bool, device=mask.device)
    distance = offset.square().sum(dim=-1).masked_fill(absent, torch.inf)
    nearest, place = distance.topk(count, dim=-1, largest=False)
    chosen = place[..., None].expand(-1, -1, -1, 2)
    return Neighbours(place, nearest.isfinite(), offset.gather(2, chosen))


class ParticleGraph(nn.Module):
    """Message passing over the nearest neighbours, which stay the same in all blocks.

    After the edge convolutions of Wang et al., Dynamic graph CNN, ACM TOG 38 (2019), and Qu and
    Gouskos, ParticleNet, Phys. Rev. D 101 (2020).
    """

    def __init__(self, options: GnnOptions) -> None:
        super().__init__()
        self._neighbours = options.neighbours
        self.blocks = nn.ModuleList(_Block(options.width) for _ in range(options.depth))

    def forward(self, tokens: Tensor, angles: Tensor, mask: Tensor) -> Tensor:
        """Return particles of the same shape, (batch, R, width)."""
        # In float32 under autocast, too: in bfloat16 other particles would be the nearest.
        with torch.autocast(angles.device.type, enabled=False):
            neighbours = nearest_neighbours(angles, mask, self._neighbours)
        for block in self.blocks:
            tokens = block(tokens, neighbours)
        return tokens


class _Block(nn.Module):
    """The mean over the neighbours of ``gelu(A x_i + B x_j + C (angles_j - angles_i))``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.own = nn.Linear(width, width)
        self.other = nn.Linear(width, width, bias=False)
        self.offset = nn.Linear(2, width, bias=False)
        self.out = nn.Linear(width, width)
        self.feed_forward = FeedForward(width)

    def forward(self, tokens: Tensor, neighbours: Neighbours) -> Tensor:
        normalised = self.norm(tokens)
        events = torch.arange(len(tokens), device=tokens.device)[:, None, None]
        sent = self.other(normalised)[events, neighbours.place]
        edges = self.own(normalised)[:, :, None] + sent + self.offset(neighbours.offset)
        there = neighbours.mask[..., None]
        total = functional.gelu(edges).masked_fill(~there, 0).sum(dim=2)
        tokens = tokens + self.out(total / there.sum(dim=2).clamp(min=1))
        result: Tensor = self.feed_forward(tokens)
        return result
