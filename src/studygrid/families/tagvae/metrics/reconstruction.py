"""How well the reconstructions agree with the rows, over all tags of all rows."""

from __future__ import annotations

import numpy as np

from studygrid.families.tagvae.metrics.validity import reconstructed_of
from studygrid.families.tagvae.predictions import Predictions


def hamming_loss(predictions: Predictions) -> float:
    """Return the share of tags, present and absent, that are wrong.

    Raises
    ------
    Undefined
        If the split is empty or an output is not finite.
    """
    return float((predictions.tags != reconstructed_of(predictions)).mean())


def jaccard_index(predictions: Predictions) -> float:
    """Return the intersection over the union; 1 where both are empty.

    Raises
    ------
    Undefined
        If the split is empty or an output is not finite.
    """
    both, either = _overlap(predictions)
    return both / either if either else 1.0


def micro_f1(predictions: Predictions) -> float:
    """Return F1 of the pooled tags; 1 where no tag is present on either side.

    Raises
    ------
    Undefined
        If the split is empty or an output is not finite.
    """
    both, either = _overlap(predictions)
    return 2 * both / (both + either) if either else 1.0


def _overlap(predictions: Predictions) -> tuple[int, int]:
    """Return how many tags are present on both sides, and on either."""
    true, ours = predictions.tags, reconstructed_of(predictions)
    return int(np.count_nonzero(true & ours)), int(np.count_nonzero(true | ours))
