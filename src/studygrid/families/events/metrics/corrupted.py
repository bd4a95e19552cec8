"""How well the anomaly score tells corrupted background from the background: no signal."""

from __future__ import annotations

from studygrid.families.events.corruption import corrupted
from studygrid.families.events.metrics.validity import background_scores, corrupted_scores
from studygrid.families.events.predictions import Predictions
from studygrid.statistics.auroc import auroc

# What the scores are of is part of these metrics: the task loads it from here.
__all__ = ["auroc_noise", "auroc_token_shuffle", "corrupted", "corrupted_auroc_of"]


def corrupted_auroc_of(predictions: Predictions, corruption: str) -> float:
    """Return the area under the ROC curve, background against itself corrupted.

    Raises
    ------
    Undefined
        If it was not corrupted so, the split has no background event, or a score is not finite.
    """
    found = corrupted_scores(predictions, corruption)
    return auroc(background_scores(predictions), found).area


def auroc_noise(predictions: Predictions) -> float:
    """Return `corrupted_auroc_of` noise."""
    return corrupted_auroc_of(predictions, "noise")


def auroc_token_shuffle(predictions: Predictions) -> float:
    """Return `corrupted_auroc_of` token shuffle."""
    return corrupted_auroc_of(predictions, "token_shuffle")
