"""How diverse the reconstructions and the rows drawn from the prior are."""

from __future__ import annotations

import math

from studygrid.families.tagvae import diversity
from studygrid.families.tagvae.metrics.validity import reconstructed_of, samples_of
from studygrid.families.tagvae.predictions import Predictions


def reconstruction_unique_percent(predictions: Predictions) -> float:
    """Return the distinct combinations of tags per 100 of the reconstructions.

    Raises
    ------
    Undefined
        If the split is empty or an output is not finite.
    """
    return diversity.unique_percent(reconstructed_of(predictions))


def reconstruction_entropy_nats(predictions: Predictions) -> float:
    """Return the entropy in nats of the combinations of the reconstructions.

    Raises
    ------
    Undefined
        If the split is empty or an output is not finite.
    """
    return diversity.entropy_nats(reconstructed_of(predictions))


def reconstruction_entropy_bits(predictions: Predictions) -> float:
    """Return the entropy in bits of the combinations of the reconstructions.

    Raises
    ------
    Undefined
        If the split is empty or an output is not finite.
    """
    return reconstruction_entropy_nats(predictions) / math.log(2)


def reconstruction_gini(predictions: Predictions) -> float:
    """Return the Gini coefficient of how often each tag is in the reconstructions.

    Raises
    ------
    Undefined
        If the split is empty, an output is not finite, or no row has a tag.
    """
    return diversity.gini(diversity.tag_counts(reconstructed_of(predictions)))


def reconstruction_tags_per_row_error(predictions: Predictions) -> float:
    """Return how far the mean tags a row are from the split's, of the reconstructions.

    Raises
    ------
    Undefined
        If the split is empty or an output is not finite.
    """
    return abs(
        diversity.tags_per_row(reconstructed_of(predictions))
        - diversity.tags_per_row(predictions.tags)
    )


def prior_unique_percent(predictions: Predictions) -> float:
    """Return the distinct combinations of tags per 100 of rows drawn from the prior.

    Raises
    ------
    Undefined
        If the split is empty, an output is not finite, or no row was drawn.
    """
    return diversity.unique_percent(samples_of(predictions))


def prior_entropy_nats(predictions: Predictions) -> float:
    """Return the entropy in nats of the combinations of rows drawn from the prior.

    Raises
    ------
    Undefined
        If the split is empty, an output is not finite, or no row was drawn.
    """
    return diversity.entropy_nats(samples_of(predictions))


def prior_entropy_bits(predictions: Predictions) -> float:
    """Return the entropy in bits of the combinations of rows drawn from the prior.

    Raises
    ------
    Undefined
        If the split is empty, an output is not finite, or no row was drawn.
    """
    return prior_entropy_nats(predictions) / math.log(2)


def prior_gini(predictions: Predictions) -> float:
    """Return the Gini coefficient of how often each tag is in rows drawn from the prior.

    Raises
    ------
    Undefined
        If the split is empty, an output is not finite, no row was drawn, or no row has a tag.
    """
    return diversity.gini(diversity.tag_counts(samples_of(predictions)))


def prior_tags_per_row_error(predictions: Predictions) -> float:
    """Return how far the mean tags a row are from the split's, of rows drawn from the prior.

    Raises
    ------
    Undefined
        If the split is empty, an output is not finite, or no row was drawn.
    """
    return abs(
        diversity.tags_per_row(samples_of(predictions)) - diversity.tags_per_row(predictions.tags)
    )
