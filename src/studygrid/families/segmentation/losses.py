"""Losses of segmentation, each of one image by itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from studygrid.errors import DataError
from studygrid.families.segmentation.options import LossOptions


class SegmentationLoss(nn.Module):
    """A weighted sum of cross-entropy, Dice and focal loss; the weights are used as given.

    It gives one loss an image, so that the mean over a batch is the mean over its parts, and the
    loss of a split does not depend on how it is cut into batches.

    Parameters
    ----------
    options
        Weights and constants.
    classes
        Number of classes with the background; two have one output channel, the logit of the
        foreground, and more have one each.

    Raises
    ------
    DataError
        If there is a `positive_weight` and more than one foreground class.
    """

    def __init__(self, options: LossOptions, classes: int) -> None:
        super().__init__()
        if options.positive_weight is not None and classes > 2:
            raise DataError(
                f"loss.positive_weight is {options.positive_weight}, and goes with one foreground "
                f"class alone; the data has {classes - 1}, so leave it out"
            )
        self._options, self._classes = options, classes

    def forward(self, logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Return the loss of each image, shape (batch,), float32.

        Parameters
        ----------
        logits
            Shape (batch, 1, height, width) with two classes, else (batch, classes, height, width).
        masks
            Class numbers, shape (batch, height, width), of any whole-number type.

        Raises
        ------
        ValueError
            If the logits have another number of channels.
        """
        channels = 1 if self._classes == 2 else self._classes
        if logits.shape[1] != channels:
            raise ValueError(f"the model has {logits.shape[1]} output channels, not {channels}")
        options = self._options
        # Sums over the pixels of an image are not for the lower precision of autocast.
        logits = logits.float()
        total = logits.new_zeros(len(logits))
        if options.bce > 0:
            losses = cross_entropy(logits, masks, options.positive_weight)
            total = total + options.bce * losses
        if options.focal > 0:
            losses = focal(logits, masks, options.focal_gamma, options.focal_alpha)
            total = total + options.focal * losses
        if options.dice > 0:
            total = total + options.dice * dice(logits, masks, options.dice_smooth)
        return total

    def describe(self) -> dict[str, Any]:
        """Return the terms with a weight, and their constants."""
        options = self._options
        entropy = "binary_cross_entropy" if self._classes == 2 else "cross_entropy"
        weights = {entropy: options.bce, "dice": options.dice, "focal": options.focal}
        constants: dict[str, Any] = {}
        if options.bce > 0 and self._classes == 2:
            constants["positive_weight"] = options.positive_weight
        if options.focal > 0:
            constants["focal_gamma"] = options.focal_gamma
            constants["focal_alpha"] = options.focal_alpha
        if options.dice > 0:
            constants["dice_smooth"] = options.dice_smooth
        return {
            "class": type(self).__name__,
            "weights": {name: weight for name, weight in weights.items() if weight > 0},
            **constants,
        }


def cross_entropy(
    logits: torch.Tensor, masks: torch.Tensor, positive_weight: float | None
) -> torch.Tensor:
    """Return the mean over the pixels of -log p(true class), in nats, shape (batch,).

    Parameters
    ----------
    positive_weight
        What a foreground pixel counts; the mean is still over the number of pixels, as with
        PyTorch's `BCEWithLogitsLoss`.
    """
    losses = -_log_probability(logits, masks)
    if positive_weight is not None:
        losses = torch.where(masks > 0, positive_weight * losses, losses)
    return losses.mean(dim=(1, 2))


def focal(
    logits: torch.Tensor, masks: torch.Tensor, gamma: float, alpha: float | None
) -> torch.Tensor:
    """Return the mean over the pixels of ``-a (1 - p)^gamma log p``, shape (batch,).

    p is the probability of the true class; a is `alpha` in the foreground and 1 - `alpha` in the
    background, or 1. Source: Lin, Goyal, Girshick, He and Dollár, Focal loss for dense object
    detection, ICCV 2017, equations 4 and 5; with more than two classes p is the softmax's.
    """
    # From the logarithm: the slope of a power of 1 - p is not finite where that rounds to 0.
    power = torch.exp(gamma * _log_probability_of_others(logits, masks))
    losses = -power * _log_probability(logits, masks)
    if alpha is not None:
        losses = torch.where(masks > 0, alpha * losses, (1 - alpha) * losses)
    return losses.mean(dim=(1, 2))


def dice(logits: torch.Tensor, masks: torch.Tensor, smooth: float) -> torch.Tensor:
    """Return 1 minus the soft Dice coefficient, the mean over the foreground classes, (batch,).

    With the probabilities p and the mask y of a class in an image, the coefficient is
    ``(2 sum(p y) + smooth) / (sum(p) + sum(y) + smooth)``: a class that is neither in the mask
    nor predicted has the loss 0. Source: Milletari, Navab and Ahmadi, V-Net, 3DV 2016, section
    3, with the plain sums of Sudre et al., Generalised Dice overlap, DLMIA 2017, in place of the
    squared ones.
    """
    classes = max(2, logits.shape[1])
    binary = classes == 2
    probabilities = torch.sigmoid(logits) if binary else torch.softmax(logits, dim=1)[:, 1:]
    truth = _one_hot(masks, classes)[:, 1:].to(probabilities.dtype)
    overlap = (probabilities * truth).sum(dim=(2, 3))
    areas = (probabilities + truth).sum(dim=(2, 3))
    return 1 - ((2 * overlap + smooth) / (areas + smooth)).mean(dim=1)


def _log_probability(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Return the log-probability of the true class, shape (batch, height, width)."""
    if logits.shape[1] == 1:
        return functional.logsigmoid(torch.where(masks > 0, logits[:, 0], -logits[:, 0]))
    # Not gather, whose gradient is slow on CUDA where the same bits are asked for twice.
    others = ~_one_hot(masks, logits.shape[1])
    return torch.log_softmax(logits, dim=1).masked_fill(others, 0.0).sum(dim=1)


def _log_probability_of_others(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Return that of all classes but the true one together, shape (batch, height, width)."""
    if logits.shape[1] == 1:
        return functional.logsigmoid(torch.where(masks > 0, -logits[:, 0], logits[:, 0]))
    true = _one_hot(masks, logits.shape[1])
    return torch.log_softmax(logits, dim=1).masked_fill(true, -torch.inf).logsumexp(dim=1)


def _one_hot(masks: torch.Tensor, classes: int) -> torch.Tensor:
    """Return which class each pixel is of, boolean, shape (batch, classes, height, width)."""
    numbers = torch.arange(classes, device=masks.device).view(1, -1, 1, 1)
    return masks.unsqueeze(1) == numbers
