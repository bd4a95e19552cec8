"""Cross-entropy, from log-probabilities."""

from __future__ import annotations

import numpy as np

from studygrid.families.base import Undefined
from studygrid.families.classification.metrics.validity import require_valid
from studygrid.families.classification.predictions import Predictions


def cross_entropy(predictions: Predictions) -> float:
    """Return the mean of -log p(true class), in nats, without smoothing or weights.

    It is scikit-learn's ``log_loss`` without its clipping: a probability that rounds to zero
    still has a finite logarithm here.

    Raises
    ------
    Undefined
        If the split is empty or the model's output is not finite.
    """
    require_valid(predictions)
    labels = predictions.labels
    of_truth = predictions.log_probabilities[np.arange(len(labels)), labels]
    if not np.isfinite(of_truth).all():
        raise Undefined("a true class has a log-probability that is not finite")
    return float(0.0 - of_truth.mean())  # a plain minus would give -0.0 where all is right
