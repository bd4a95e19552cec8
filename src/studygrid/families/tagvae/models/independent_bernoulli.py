"""independent_bernoulli: each tag by its own frequency; what a model must beat to know any pair."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from studygrid.families.tagvae.models.options import BaselineOptions
from studygrid.families.tagvae.models.tag_model import FittedModel, Reconstruction, TagShape


def build(shape: TagShape, options: BaselineOptions, architecture: str) -> FittedModel:
    """Return an independent_bernoulli in which each tag is as likely as not."""
    return IndependentBernoulli(shape.tags)


class IndependentBernoulli(FittedModel):
    """The same probabilities for every row, whatever it holds: a code of no nats.

    A tag that k of n training rows have has the probability (k + 1) / (n + 2): a tag that none or
    all of them have is not certain (Laplace's rule of succession).
    """

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(tags), requires_grad=False)

    @torch.no_grad()
    def fit(self, rows: Tensor) -> None:
        """Set the probabilities from the training rows."""
        present = rows.sum(dim=0, dtype=torch.int64).double()
        self.logits.copy_(torch.log((present + 1) / (len(rows) - present + 1)))

    def forward(self, tags: Tensor, noise: Tensor | None = None) -> Reconstruction:
        """Return the same logits for each row."""
        logits = self.logits.expand(len(tags), -1)
        return Reconstruction(logits, self.logits.new_zeros(len(tags), 0), None)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw each tag by its own probability."""
        uniform = torch.rand(count, len(self.logits), generator=generator).to(self.logits.device)
        return (uniform < torch.sigmoid(self.logits)).to(torch.uint8)
