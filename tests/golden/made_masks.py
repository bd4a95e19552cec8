"""Masks, outputs of a model and predictions of segmentation, made for tests."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from studygrid.families.segmentation import counting
from studygrid.families.segmentation.boundary import boundary_counts
from studygrid.families.segmentation.losses import SegmentationLoss
from studygrid.families.segmentation.options import LossOptions
from studygrid.families.segmentation.predictions import Predictions
from studygrid.families.segmentation.thresholds import confusion_at


def drawn(classes: int, n: int = 6, side: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits and masks that agree in part; the second image's mask is empty."""
    generator = torch.Generator().manual_seed(classes)
    masks = torch.randint(0, classes, (n, side, side), generator=generator).to(torch.uint8)
    masks[1] = 0
    channels = 1 if classes == 2 else classes
    logits = torch.randn(n, channels, side, side, generator=generator)
    if classes == 2:
        logits += 1.5 * masks.unsqueeze(1) - 0.75
    else:
        for number in range(classes):
            logits[:, number] += 1.5 * (masks == number)
    return logits, masks


def of_logits(
    logits: torch.Tensor, masks: torch.Tensor, threshold: float | None = None
) -> Predictions:
    """Return the counts of a model's output, all in one batch."""
    classes = max(2, logits.shape[1])
    predicted = counting.predicted_classes(logits)
    tuned = None
    if threshold is not None:
        histograms = counting.histograms(counting.foreground_probability(logits), masks)
        tuned = confusion_at(histograms.numpy(), threshold)
    return Predictions(
        confusion=counting.confusion(predicted, masks, classes).numpy(),
        tuned=tuned,
        threshold=threshold,
        boundary=boundary_counts(predicted, masks, classes).numpy(),
        losses=SegmentationLoss(LossOptions(), classes)(logits, masks).double().numpy(),
    )


def of_masks(truth: ArrayLike, predicted: ArrayLike, classes: int = 2) -> Predictions:
    """Return predictions of these classes, both (n, height, width), tuned at 0.5."""
    masks = torch.from_numpy(np.asarray(truth, dtype=np.uint8))
    chosen = torch.from_numpy(np.asarray(predicted, dtype=np.int64))
    if classes == 2:
        return of_logits((8.0 * chosen - 4.0).unsqueeze(1), masks, threshold=0.5)
    one_hot = torch.nn.functional.one_hot(chosen, classes).permute(0, 3, 1, 2)
    return of_logits(8.0 * one_hot, masks)


def line(side: int, row: int, thickness: int = 1) -> NDArray[np.uint8]:
    """Return the mask of a line from edge to edge, shape (side, side)."""
    mask = np.zeros((side, side), np.uint8)
    mask[row : row + thickness] = 1
    return mask
