"""From a model's output to counts of pixels, on the device, image by image.

Counts are whole numbers of each image by itself: they add up to the same however a split is cut
into batches.
"""

from __future__ import annotations

import torch

from studygrid.families.segmentation.overlap import SCORES
from studygrid.families.segmentation.thresholds import STEPS

_CHUNK_PX = 1 << 22


def classes_of(logits: torch.Tensor) -> int:
    """Return the number of classes with the background; one output channel is of two classes."""
    return max(2, int(logits.shape[1]))


def foreground_probability(logits: torch.Tensor) -> torch.Tensor:
    """Return the probability of the foreground, float32, shape (batch, height, width).

    Parameters
    ----------
    logits
        Shape (batch, 1, height, width), of two classes.
    """
    return torch.sigmoid(logits[:, 0].float())


def predicted_classes(logits: torch.Tensor) -> torch.Tensor:
    """Return the predicted class of each pixel, uint8, shape (batch, height, width).

    With two classes it is foreground where its probability is 0.5 or more, else the most probable
    class, the first where two are equal.
    """
    if logits.shape[1] == 1:
        return (foreground_probability(logits) >= 0.5).to(torch.uint8)
    return logits.argmax(dim=1).to(torch.uint8)


def confusion(predicted: torch.Tensor, masks: torch.Tensor, classes: int) -> torch.Tensor:
    """Return the pixels of each image by true and predicted class, int64.

    Parameters
    ----------
    predicted, masks
        Class numbers, shape (batch, height, width), of any whole-number type.

    Returns
    -------
    Shape (batch, classes, classes): rows true, columns predicted.
    """
    pairs = (classes * masks.int() + predicted.int()).flatten(1)
    # bincount would make the CPU wait for another device at every training step.
    count = _occurrences if pairs.device.type == "cpu" else _matches
    return count(pairs, classes**2).view(-1, classes, classes)


def _occurrences(numbers: torch.Tensor, size: int) -> torch.Tensor:
    """Count the numbers below `size` in each row; one pass over them."""
    rows = torch.arange(len(numbers), device=numbers.device).unsqueeze(1)
    found = torch.bincount((size * rows + numbers).flatten(), minlength=size * len(numbers))
    return found.view(len(numbers), size)


def _matches(numbers: torch.Tensor, size: int) -> torch.Tensor:
    """Count as `_occurrences` does, by comparisons, as many at once as memory is spared for."""
    at_once = max(1, 8 * _CHUNK_PX // max(1, numbers.numel()))
    wanted = torch.arange(size, dtype=numbers.dtype, device=numbers.device).view(1, -1, 1)
    parts = torch.split(wanted, at_once, dim=1)
    return torch.cat([(numbers.unsqueeze(1) == part).sum(dim=2) for part in parts], dim=1)


def histograms(probability: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Return how many pixels of each image have which foreground probability, int64.

    The bins are those between the thresholds k / 100: a pixel in bin k is foreground at each
    threshold of the grid up to k / 100 and at none above, as ``probability >= threshold`` says in
    float32. So counts at any threshold of the grid follow exactly; see `thresholds`.

    Parameters
    ----------
    probability
        Float32, shape (batch, height, width).
    masks
        Shape (batch, height, width); the foreground is all but 0.

    Returns
    -------
    Shape (batch, 2, 101): background pixels, then foreground pixels.
    """
    edges = torch.arange(1, STEPS + 1, dtype=torch.float64, device=probability.device) / STEPS
    size = 2 * (STEPS + 1)
    rows = max(1, _CHUNK_PX // max(1, probability[0].numel())) if len(probability) else 1
    counts = []
    for part, truth in zip(torch.split(probability, rows), torch.split(masks, rows), strict=True):
        # What is not a number is foreground at no threshold.
        bins = torch.bucketize(part.nan_to_num(0.0), edges.float(), right=True)
        bins += (STEPS + 1) * (truth > 0)
        bins += size * torch.arange(len(part), device=part.device).view(-1, 1, 1)
        found = torch.bincount(bins.flatten(), minlength=size * len(part))
        counts.append(found.view(len(part), 2, STEPS + 1))
    return torch.cat(counts)


def training_sums(logits: torch.Tensor, masks: torch.Tensor, classes: int) -> torch.Tensor:
    """Return the pixels of a batch by true and predicted class, shape (classes * classes,).

    The vectors of batches add up; `training_scores` makes scores of their sum.
    """
    predicted = predicted_classes(logits.detach())
    return confusion(predicted, masks, classes).sum(dim=0).flatten()


def training_scores(sums: torch.Tensor, classes: int) -> dict[str, float | None]:
    """Return IoU, Dice, F1, precision, recall and accuracy, pooled over what was summed.

    Parameters
    ----------
    sums
        Sum of vectors of `training_sums`. A score is None where no pixel is foreground, in truth
        or in prediction.
    classes
        Number of classes with the background.
    """
    pooled = sums.cpu().numpy().reshape(classes, classes)
    values = {name: float(score(pooled)) for name, score in SCORES.items()}
    return {name: None if value != value else value for name, value in values.items()}
