"""What a model of tags is: what goes into it, and what the task asks of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class TagShape:
    """What the data asks of a model.

    Attributes
    ----------
    tags
        Size of the vocabulary.
    rows
        Training rows that inference has to look through, where a model keeps them: its cost
        depends on how many. 0 where they are known only once the model is fitted or loaded.
    """

    tags: int
    rows: int = 0


class Reconstruction(NamedTuple):
    """What a model makes of rows of tags.

    Attributes
    ----------
    logits
        Of the probability of each tag, shape (batch, tags), float32.
    kl
        Divergence of each row's posterior from the prior in nats, shape (batch, units), float32;
        its sum over the units is what a row costs.
    codes
        Posterior means, shape (batch, latent), float32; None without a latent space.
    """

    logits: Tensor
    kl: Tensor
    codes: Tensor | None


class TagModel(nn.Module, ABC):
    """A model of rows of tags: it reconstructs them, and draws new ones.

    Attributes
    ----------
    latent
        Units of its latent space; 0 where it has none.
    """

    latent: int = 0

    @abstractmethod
    def forward(self, tags: Tensor, noise: Tensor | None = None) -> Reconstruction:
        """Reconstruct rows.

        Parameters
        ----------
        tags
            Rows of 0 and 1, shape (batch, tags), float32.
        noise
            Standard normal numbers, shape (batch, latent), that place the latent vector within
            the posterior. Without them it is drawn in training, and the posterior mean in
            evaluation. A model without a latent space takes no notice of them.
        """

    @abstractmethod
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw rows from the prior, uint8, shape (count, tags), on the model's device.

        Parameters
        ----------
        generator
            On the CPU: the same numbers are drawn whatever the device.
        """


class FittedModel(TagModel):
    """A model that is made from its training rows at once."""

    @abstractmethod
    def fit(self, rows: Tensor) -> None:
        """Take from the training rows what the model is made of.

        Parameters
        ----------
        rows
            Shape (rows, tags), uint8, on the model's device.
        """
