"""Area under the ROC curve."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from studygrid.families.base import Undefined
from studygrid.families.classification.metrics.validity import require_valid
from studygrid.families.classification.predictions import Predictions

_NAMED = 5


def auroc(predictions: Predictions) -> float:
    """Return the area under the ROC curve; ties count one half.

    With two classes the score is the probability of class 1; with more it is the plain mean
    over the classes of one against the rest, each with the probability of its own class.

    Raises
    ------
    Undefined
        If the split lacks a class, is empty, or a probability is not finite.
    """
    require_valid(predictions)
    labels, probabilities = predictions.labels, predictions.probabilities
    counts = np.bincount(labels, minlength=predictions.classes)
    absent = np.flatnonzero(counts == 0).tolist()
    if absent:
        raise Undefined(f"the split has no sample of {_listed(absent)}")
    if predictions.classes == 1:
        raise Undefined("there is one class alone, and nothing to tell it from")
    if predictions.classes == 2:
        return float(roc_auc_score(labels, probabilities[:, 1]))
    areas = [
        roc_auc_score(labels == number, probabilities[:, number])
        for number in range(predictions.classes)
    ]
    return float(np.mean(areas))


def _listed(absent: list[int]) -> str:
    numbers = ", ".join(map(str, absent[:_NAMED]))
    more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
    return f"{'class' if len(absent) == 1 else 'classes'} {numbers}{more}"
