"""Counts at every threshold of a grid, and the threshold that is best on validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS = 100
THRESHOLDS = tuple(step / STEPS for step in range(STEPS + 1))


@dataclass(frozen=True)
class ChosenThreshold:
    """A threshold and its pooled IoU on the validation split.

    Attributes
    ----------
    iou
        None where the validation split has no foreground.
    reason
        Why nothing could be chosen, and the threshold is 0.5; else None.
    """

    threshold: float
    iou: float | None
    reason: str | None = None

    def facts(self) -> dict[str, Any]:
        """Return what a record tells of it."""
        facts = {"threshold": self.threshold, "threshold_iou_validation": self.iou}
        return facts if self.reason is None else {**facts, "threshold_reason": self.reason}


def choose_threshold(histograms: NDArray[np.int64]) -> ChosenThreshold:
    """Return the threshold of 0.01, 0.02 ... 0.99 with the largest IoU pooled over all images.

    Among equals it is the one nearest to 0.5, and of two as near the lower one. F1 would choose
    the same: ``F1 = 2 IoU / (1 + IoU)`` grows with IoU.

    Parameters
    ----------
    histograms
        Of the validation split, shape (n, 2, 101), from `counting.histograms`.
    """
    rows = np.array([row[1:] for row in precision_recall_rows(histograms)], dtype=np.int64)
    found, false, missed = rows.reshape(-1, 3).T
    if found[0] + missed[0] == 0:
        reason = "the validation split has no foreground to choose a threshold by; it is 0.5"
        return ChosenThreshold(0.5, None, reason)
    ious = found / (found + false + missed)
    inner = range(1, STEPS)
    best = max(inner, key=lambda step: (ious[step], -abs(2 * step - STEPS), -step))
    return ChosenThreshold(THRESHOLDS[best], float(ious[best]))


def confusion_at(histograms: NDArray[np.int64], threshold: float) -> NDArray[np.int64]:
    """Return the pixels by true and predicted class at a threshold of the grid.

    Parameters
    ----------
    histograms
        Shape (..., 2, 101), from `counting.histograms`.

    Returns
    -------
    Shape (..., 2, 2): rows true, columns predicted.

    Raises
    ------
    ValueError
        If the threshold is not of the grid: the counts would not be exact.
    """
    if threshold not in THRESHOLDS:
        raise ValueError(f"{threshold} is not one of the thresholds 0, 0.01 ... 1")
    step = THRESHOLDS.index(threshold)
    below = histograms[..., :step].sum(axis=-1)
    above = histograms[..., step:].sum(axis=-1)
    return np.stack([below, above], axis=-1)


def precision_recall_rows(histograms: NDArray[np.int64]) -> list[list[int | float]]:
    """Return pooled counts along the precision-recall curve.

    Parameters
    ----------
    histograms
        Shape (n, 2, 101), from `counting.histograms`.

    Returns
    -------
    A row for each threshold 0, 0.01 ... 1: the threshold, and the pixels that are foreground in
        prediction and truth, in prediction alone, and in truth alone. At 0 all is foreground.
    """
    pooled = histograms.sum(axis=0)
    # Pixels of each class in a bin and in all above it.
    false, found = np.cumsum(pooled[:, ::-1], axis=1)[:, ::-1].tolist()
    return [
        [threshold, hits, wrong, found[0] - hits]
        for threshold, hits, wrong in zip(THRESHOLDS, found, false, strict=True)
    ]
