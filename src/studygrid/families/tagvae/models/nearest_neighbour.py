"""nearest_neighbour: a copy of the most similar training row; what is gained by remembering."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from studygrid.families.tagvae.models.options import BaselineOptions
from studygrid.families.tagvae.models.tag_model import FittedModel, Reconstruction, TagShape

# Distances that are held at once, as so many rows against so many training rows.
ROWS_AT_ONCE, NEIGHBOURS_AT_ONCE = 1024, 4096
# Half and more would turn a copy round.
_MOST_NOISE = 0.49


def build(shape: TagShape, options: BaselineOptions, architecture: str) -> FittedModel:
    """Return a nearest_neighbour of `shape.rows` empty training rows.

    The cost of inference grows with the training rows. A profile is of one model at one
    resolution, so it is taken with as many rows as the training split has: the most that a run
    of the study can have.
    """
    return NearestNeighbour(shape)


class NearestNeighbour(FittedModel):
    """The uniform mixture over the training rows, each tag of which is flipped at a fixed rate.

    A row is coded by the training row at the least Hamming distance, of several the first. That
    code names one of N rows, so its KL is ln N, and BCE + KL bounds the mixture's negative
    log-likelihood from above, as that of a VAE does its own: it is the posterior with all its
    weight on one component. The rate is the share of the tags in which training rows differ from
    their nearest *other* training row, with one wrong tag of two added; it stays below a half.

    Its weights, and so the file of a run's weights, hold the training rows themselves.
    """

    def __init__(self, shape: TagShape) -> None:
        super().__init__()
        self.rate = _fixed(torch.tensor(_MOST_NOISE))
        # What it is made of, and so what it has of parameters.
        self.rows = _fixed(torch.zeros(shape.rows, shape.tags, dtype=torch.uint8))
        self.register_load_state_dict_pre_hook(_make_room)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def fit(self, rows: Tensor) -> None:
        """Keep the training rows, and find how far apart neighbours are."""
        self.rows = _fixed(rows.to(torch.uint8))
        different = pairs = 0
        if len(rows) > 1:
            _, distances = nearest_rows(rows, rows, leave_one_out=True)
            different, pairs = int(distances.sum()), rows.numel()
        self.rate.fill_(min(_MOST_NOISE, (different + 1) / (pairs + 2)))

    def forward(self, tags: Tensor, noise: Tensor | None = None) -> Reconstruction:
        """Copy the nearest training row, also where the row itself is one."""
        nearest, _ = nearest_rows(tags, self.rows)
        copied = 2.0 * self.rows[nearest].float() - 1
        kl = self.rate.new_full((len(tags), 1), math.log(len(self.rows)))
        return Reconstruction(copied * -torch.logit(self.rate), kl, None)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw training rows, with replacement, and flip their tags at the rate."""
        chosen = torch.randint(len(self.rows), (count,), generator=generator)
        uniform = torch.rand(count, self.rows.shape[1], generator=generator)
        device = self.rows.device
        return self.rows[chosen.to(device)] ^ (uniform.to(device) < self.rate).to(torch.uint8)


def nearest_rows(
    rows: Tensor, neighbours: Tensor, *, leave_one_out: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the nearest neighbour of each row by Hamming distance, of several the first.

    Parameters
    ----------
    rows, neighbours
        Of 0 and 1, shape (n, tags) and (m, tags), of any types; m is not 0.
    leave_one_out
        Whether row i may not choose neighbour i: they are the same rows.

    Returns
    -------
    Position and distance, each of shape (n,), int64.
    """
    found = [
        _nearest(rows[start : start + ROWS_AT_ONCE], neighbours, start if leave_one_out else None)
        for start in range(0, len(rows), ROWS_AT_ONCE)
    ]
    places, distances = zip(*found, strict=True)
    return torch.cat(places), torch.cat(distances)


def _nearest(rows: Tensor, neighbours: Tensor, own: int | None) -> tuple[Tensor, Tensor]:
    """Return them for a few rows, of which the first is neighbour `own`."""
    count = len(rows)
    best = torch.full((count,), torch.inf, device=rows.device)
    place = torch.zeros(count, dtype=torch.int64, device=rows.device)
    # Products of 0 and 1 and their sums are whole numbers, exact in float32 and not in bfloat16.
    with torch.autocast(rows.device.type, enabled=False):
        rows = rows.float()
        for start in range(0, len(neighbours), NEIGHBOURS_AT_ONCE):
            part = neighbours[start : start + NEIGHBOURS_AT_ONCE].float()
            # |a - b| of 0 and 1 is a + b - 2 a b.
            distances = rows.sum(1, keepdim=True) + part.sum(1) - 2 * (rows @ part.T)
            if own is not None:
                distances.diagonal(own - start).fill_(torch.inf)
            nearest, position = distances.min(dim=1)
            nearer = nearest < best
            best = torch.where(nearer, nearest, best)
            place = torch.where(nearer, position + start, place)
    return place, best.long()


def _make_room(
    module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any, **__: Any
) -> None:
    """Take as many rows as the weights have: a model is built before they are read."""
    assert isinstance(module, NearestNeighbour)
    given = state_dict.get(f"{prefix}rows")
    if given is not None:
        module.rows = _fixed(module.rows.new_zeros(len(given), module.rows.shape[1]))


def _fixed(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)
