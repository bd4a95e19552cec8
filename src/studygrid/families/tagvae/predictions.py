"""What the metrics of tag VAEs are functions of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Predictions:
    """What a model makes of a whole split of n rows of R tags.

    Attributes
    ----------
    tags
        The rows of the split, shape (n, R), uint8: 1 where a row has a tag.
    probabilities
        Of each tag, decoded from the posterior mean, shape (n, R), float32.
    bce
        Binary cross-entropy of each row in nats, a sum over its tags, at one draw of the latent
        vector, shape (n,), float64.
    kl
        Divergence of each row's posterior from the prior in nats, a sum over the latent units,
        shape (n,), float64.
    beta
        Weight of the KL in the loss.
    codes
        Posterior means, shape (n, latent units), float32; None of a model without a latent space.
    samples
        Rows drawn from the prior, as many as the split has, shape (n, R), uint8; None where none
        were drawn.
    """

    tags: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    bce: NDArray[np.float64]
    kl: NDArray[np.float64]
    beta: float
    codes: NDArray[np.float32] | None
    samples: NDArray[np.uint8] | None

    @property
    def reconstructed(self) -> NDArray[np.uint8]:
        """The reconstructions, shape (n, R), uint8: 1 where the probability is 0.5 or more."""
        return (self.probabilities >= 0.5).astype(np.uint8)
