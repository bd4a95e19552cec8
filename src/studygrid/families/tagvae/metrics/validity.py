"""What every metric of tag VAEs asks of its predictions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import Undefined
from studygrid.families.tagvae.predictions import Predictions


def require_valid(predictions: Predictions) -> None:
    """Refuse predictions of which no metric has a value.

    A probability that is no number would pass for an absent tag, so one such row refuses all.

    Raises
    ------
    Undefined
        If the split is empty, or an output of a row is NaN or infinite.
    """
    rows = len(predictions.tags)
    if rows == 0:
        raise Undefined("the split has no rows")
    finite = np.isfinite(predictions.bce) & np.isfinite(predictions.kl)
    finite &= np.isfinite(predictions.probabilities).all(axis=1)
    broken = int((~finite).sum())
    if broken:
        raise Undefined(f"{broken} of {rows} rows have an output that is not finite")


def codes_of(predictions: Predictions) -> NDArray[np.float32]:
    """Return the posterior means of valid predictions.

    Raises
    ------
    Undefined
        As `require_valid`, and if the model has no latent space.
    """
    require_valid(predictions)
    if predictions.codes is None:
        raise Undefined("the model has no latent space")
    return predictions.codes


def reconstructed_of(predictions: Predictions) -> NDArray[np.uint8]:
    """Return the reconstructions of valid predictions.

    Raises
    ------
    Undefined
        As `require_valid`.
    """
    require_valid(predictions)
    return predictions.reconstructed


def samples_of(predictions: Predictions) -> NDArray[np.uint8]:
    """Return the rows drawn from the prior beside valid predictions.

    Raises
    ------
    Undefined
        As `require_valid`, and if none were drawn.
    """
    require_valid(predictions)
    if predictions.samples is None or len(predictions.samples) == 0:
        raise Undefined("no row was drawn from the prior")
    return predictions.samples
