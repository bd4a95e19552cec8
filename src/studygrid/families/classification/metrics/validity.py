"""What every metric of classification asks of its predictions."""

from __future__ import annotations

import numpy as np

from studygrid.families.base import Undefined
from studygrid.families.classification.predictions import Predictions


def require_valid(predictions: Predictions) -> None:
    """Refuse predictions of which no metric has a value.

    Raises
    ------
    Undefined
        If the split is empty, or a probability is NaN or infinite.
    ValueError
        If a label is no class number: scikit-learn would leave such a sample out in silence.
    """
    labels, probabilities = predictions.labels, predictions.probabilities
    if len(labels) == 0:
        raise Undefined("the split has no samples")
    broken = int((~np.isfinite(probabilities).all(axis=1)).sum())
    if broken:
        raise Undefined(f"{broken} of {len(labels)} samples have a probability that is not finite")
    if labels.min() < 0 or labels.max() >= predictions.classes:
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}, "
            f"the model has the classes 0 to {predictions.classes - 1}"
        )
