"""What a model of events is: what goes into it, and what the task asks of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

# Features of a token: log pT, and eta and phi from the leading jet's axis.
FEATURES = 3


@dataclass(frozen=True)
class EventShape:
    """What the data asks of a model.

    Attributes
    ----------
    tokens
        R, tokens of an event.
    classes
        Particle classes, padding not among them.
    globals
        G, the globals that a model is given.
    angle_scale
        Standard deviations of eta and phi that the tokens are divided by.
    """

    tokens: int
    classes: int
    globals: int
    angle_scale: tuple[float, float] = (1.0, 1.0)


class Reconstruction(NamedTuple):
    """What an autoencoder makes of a batch of events.

    Attributes
    ----------
    features
        Standardised features of the tokens, shape (batch, R, 3), float32.
    class_logits
        Of the particle classes but padding, shape (batch, R, classes), float32.
    globals
        Standardised globals, shape (batch, G), float32.
    commitment
        Mean squared distance of an event's latent tokens from their codes, shape (batch,),
        float32; 0 without a codebook.
    codes
        Of each latent token, shape (batch, latent tokens), int64; None without a codebook.
    """

    features: Tensor
    class_logits: Tensor
    globals: Tensor
    commitment: Tensor
    codes: Tensor | None


class ScoringModel(nn.Module, ABC):
    """A model that is fitted at once, and gives an event's score from its globals alone."""

    @abstractmethod
    def fit(self, background: Tensor, signal: Tensor | None, seed: int) -> None:
        """Take from the training events what the model is made of.

        Parameters
        ----------
        background
            Standardised globals of the training events, shape (n, G), float32.
        signal
            Those of the reference signals, shape (m, G); None for a model that may not see them.
        seed
            Of what it draws.
        """

    @abstractmethod
    def forward(self, values: Tensor) -> Tensor:
        """Return the anomaly score of events, shape (batch,), float64; higher is stranger.

        Parameters
        ----------
        values
            Standardised globals, shape (batch, G), float32.
        """

    @abstractmethod
    def losses(self, scores: Tensor) -> Tensor:
        """Return what is reported as the loss of background events, from their scores."""
