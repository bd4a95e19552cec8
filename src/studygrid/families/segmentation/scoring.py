"""Scores of a whole split: counts batch by batch, then metrics, tables and examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from studygrid.families.segmentation import counting
from studygrid.families.segmentation.boundary import boundary_counts
from studygrid.families.segmentation.losses import SegmentationLoss

_OF_A_KIND = 3


@dataclass(frozen=True)
class SplitCounts:
    """What is counted of each image of a split.

    Attributes
    ----------
    losses
        Shape (n,), float64.
    confusion
        Shape (n, classes, classes), int64; see `counting.confusion`.
    boundary
        Shape (n, classes - 1, 4), int64; see `boundary.boundary_counts`. None if not asked for.
    histograms
        Shape (n, 2, 101), int64; see `counting.histograms`. None if not asked for.
    """

    losses: NDArray[np.float64]
    confusion: NDArray[np.int64]
    boundary: NDArray[np.int64] | None
    histograms: NDArray[np.int64] | None


def count_split(
    model: nn.Module,
    batches: Iterator[tuple[torch.Tensor, torch.Tensor]],
    loss: SegmentationLoss,
    classes: int,
    *,
    boundaries: bool,
    histograms: bool,
) -> SplitCounts:
    """Predict batch by batch, and count on the device.

    Parameters
    ----------
    batches
        Normalised images, shape (batch, channels, side, side), and their masks.
    boundaries, histograms
        What to count beside losses and confusion; histograms are of two classes alone.
    """
    found: dict[str, list[torch.Tensor]] = {}
    for images, masks in batches:
        logits = model(images).float()
        predicted = counting.predicted_classes(logits)
        parts = {
            "losses": loss(logits, masks).double(),
            "confusion": counting.confusion(predicted, masks, classes),
        }
        if boundaries:
            parts["boundary"] = boundary_counts(predicted, masks, classes)
        if histograms:
            probability = counting.foreground_probability(logits)
            parts["histograms"] = counting.histograms(probability, masks)
        for name, part in parts.items():
            found.setdefault(name, []).append(part)
    arrays: dict[str, NDArray[Any]] = {
        name: torch.cat(parts).cpu().numpy() for name, parts in found.items()
    }
    return SplitCounts(
        arrays["losses"],
        arrays["confusion"],
        arrays.get("boundary"),
        arrays.get("histograms"),
    )


def choose_examples(
    ious: NDArray[np.float64], foreground_px: NDArray[np.int64]
) -> list[tuple[str, int]]:
    """Return up to three each of the best, the median and the worst images, and their kind.

    Images without foreground are left out; no image is chosen twice.

    Parameters
    ----------
    ious, foreground_px
        Of each image, shape (n,).

    Returns
    -------
    Kind (``best``, ``median`` or ``worst``) and position, the better ones first.
    """
    there = np.flatnonzero(foreground_px > 0)
    order = there[np.argsort(-ious[there], kind="stable")].tolist()
    each = min(_OF_A_KIND, max(1, len(order) // _OF_A_KIND))
    middle = (len(order) - each) // 2
    parts: Sequence[tuple[str, list[int]]] = (
        ("best", order[:each]),
        ("median", order[middle : middle + each]),
        ("worst", order[-each:]),
    )
    chosen: dict[int, str] = {}
    for kind, positions in parts:
        for position in positions:
            chosen.setdefault(position, kind)
    return [(kind, position) for position, kind in chosen.items()]
