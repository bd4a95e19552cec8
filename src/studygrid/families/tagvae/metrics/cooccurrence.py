"""How near the co-occurrence of tags in a model's rows is to that of the split."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from studygrid.families.tagvae import cooccurrence
from studygrid.families.tagvae.metrics.validity import reconstructed_of, samples_of
from studygrid.families.tagvae.predictions import Predictions


def reconstruction_cooccurrence_cosine(predictions: Predictions) -> float:
    """Return the cosine of the split's pairs of tags with those of the reconstructions.

    Raises
    ------
    Undefined
        If the split is empty, an output is not finite, or `cooccurrence.cosine` has no value.
    """
    return _compared(cooccurrence.cosine, predictions.tags, reconstructed_of(predictions))


def reconstruction_cooccurrence_kl(predictions: Predictions) -> float:
    """Return KL(split || model) in nats of pairs of tags of the reconstructions.

    Raises
    ------
    Undefined
        If the split is empty, an output is not finite, or `cooccurrence.kl_nats` has no value.
    """
    return _compared(cooccurrence.kl_nats, predictions.tags, reconstructed_of(predictions))


def reconstruction_cooccurrence_js(predictions: Predictions) -> float:
    """Return the Jensen-Shannon divergence in bits of pairs of tags of the reconstructions.

    Raises
    ------
    Undefined
        If the split is empty, an output is not finite, or `cooccurrence.jensen_shannon_bits` has
        no value.
    """
    return _compared(
        cooccurrence.jensen_shannon_bits, predictions.tags, reconstructed_of(predictions)
    )


def reconstruction_cooccurrence_pearson(predictions: Predictions) -> float:
    """Return the correlation of the split's pairs of tags with those of the reconstructions.

    Raises
    ------
    Undefined
        If the split is empty, an output is not finite, or `cooccurrence.pearson` has no value.
    """
    return _compared(cooccurrence.pearson, predictions.tags, reconstructed_of(predictions))


def prior_cooccurrence_cosine(predictions: Predictions) -> float:
    """Return the cosine of the split's pairs of tags with those of rows drawn from the prior.

    Raises
    ------
    Undefined
        If the split is empty, an output is not finite, no row was drawn, or `cooccurrence.cosine`
        has no value.
    """
    return _compared(cooccurrence.cosine, predictions.tags, samples_of(predictions))


def prior_cooccurrence_kl(predictions: Predictions) -> float:
    """Return KL(split || model) in nats of pairs of tags of rows drawn from the prior.

    Raises
    ------
    Undefined
        If the split is empty, an output is not finite, no row was drawn, or `cooccurrence.kl_nats`
        has no value.
    """
    return _compared(cooccurrence.kl_nats, predictions.tags, samples_of(predictions))


def prior_cooccurrence_js(predictions: Predictions) -> float:
    """Return the Jensen-Shannon divergence in bits of pairs of tags of rows drawn from the prior.

    Raises
    ------
    Undefined
        If the split is empty, an output is not finite, no row was drawn, or
        `cooccurrence.jensen_shannon_bits` has no value.
    """
    return _compared(cooccurrence.jensen_shannon_bits, predictions.tags, samples_of(predictions))


def prior_cooccurrence_pearson(predictions: Predictions) -> float:
    """Return the correlation of the split's pairs of tags with those of rows from the prior.

    Raises
    ------
    Undefined
        If the split is empty, an output is not finite, no row was drawn, or `cooccurrence.pearson`
        has no value.
    """
    return _compared(cooccurrence.pearson, predictions.tags, samples_of(predictions))


def _compared(
    compare: Callable[[NDArray[np.int64], NDArray[np.int64]], float],
    data: NDArray[np.uint8],
    model: NDArray[np.uint8],
) -> float:
    """Compare the pairs of tags of the split's rows and of a model's, both of shape (n, R)."""
    return compare(cooccurrence.counts(data), cooccurrence.counts(model))
