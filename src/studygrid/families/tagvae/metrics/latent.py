"""Scores of the latent space."""

from __future__ import annotations

from studygrid.families.base import Undefined
from studygrid.families.tagvae import latent
from studygrid.families.tagvae.metrics.validity import codes_of
from studygrid.families.tagvae.predictions import Predictions
from studygrid.families.tagvae.silhouette import silhouette as silhouette_of


def active_units_percent(predictions: Predictions) -> float:
    """Return the share of the latent units that are active, in %.

    Raises
    ------
    Undefined
        If there is no latent space, there are fewer than two rows, or an output is not finite.
    """
    codes = codes_of(predictions)
    if len(codes) < 2:
        raise Undefined("one row shows no variance")
    return float(100 * latent.active_units(codes) / codes.shape[1])


def silhouette(predictions: Predictions) -> float:
    """Return the mean silhouette of the codes, labelled by the first present tag.

    Raises
    ------
    Undefined
        If there is no latent space, an output is not finite, or `tagvae.silhouette` has no value.
    """
    codes = codes_of(predictions)
    return silhouette_of(codes, latent.first_tags(predictions.tags))
