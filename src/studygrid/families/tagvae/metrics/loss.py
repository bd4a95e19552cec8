"""The loss of a split, its two parts, and the bound that they make."""

from __future__ import annotations

from studygrid.families.tagvae.metrics.validity import require_valid
from studygrid.families.tagvae.predictions import Predictions


def loss(predictions: Predictions) -> float:
    """Return the mean over the rows of BCE + beta KL, in nats.

    Source: Higgins et al., beta-VAE, ICLR 2017, equation 4, with the sign of a loss.

    Raises
    ------
    Undefined
        If the split is empty or an output is not finite.
    """
    return bce(predictions) + predictions.beta * kl(predictions)


def bce(predictions: Predictions) -> float:
    """Return the mean over the rows of their binary cross-entropy, in nats.

    Raises
    ------
    Undefined
        If the split is empty or an output is not finite.
    """
    require_valid(predictions)
    return float(predictions.bce.mean())


def kl(predictions: Predictions) -> float:
    """Return the mean over the rows of their KL from the prior, in nats.

    Raises
    ------
    Undefined
        If the split is empty or an output is not finite.
    """
    require_valid(predictions)
    return float(predictions.kl.mean())


def elbo(predictions: Predictions) -> float:
    """Return the evidence lower bound, a mean over the rows in nats, whatever beta is.

    Source: Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, equation 3.

    Raises
    ------
    Undefined
        If the split is empty or an output is not finite.
    """
    return -(bce(predictions) + kl(predictions))
