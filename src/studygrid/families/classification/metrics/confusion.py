"""The confusion matrix."""

from __future__ import annotations

import numpy as np

from studygrid.families.classification.metrics.validity import require_valid
from studygrid.families.classification.predictions import Predictions


def confusion_matrix(predictions: Predictions) -> list[list[int]]:
    """Return the counts of samples, (classes, classes): rows true, columns predicted.

    Raises
    ------
    Undefined
        If the split is empty or a probability is not finite.
    """
    require_valid(predictions)
    classes = predictions.classes
    # scikit-learn's function warns where there is one class alone.
    pairs = predictions.labels * classes + predictions.predicted
    table: list[list[int]] = (
        np.bincount(pairs, minlength=classes**2).reshape(classes, classes).tolist()
    )
    return table
