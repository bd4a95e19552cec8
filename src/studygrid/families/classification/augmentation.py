"""Random flips and crops of a batch, on its device."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional


class Augmentation:
    """Flips and crops, drawn for each image by itself.

    Parameters
    ----------
    horizontal_flip, vertical_flip
        Probabilities.
    crop_padding
        Zeros added on each side, in px, before a crop of the old size at a random place.
    """

    def __init__(self, horizontal_flip: float, vertical_flip: float, crop_padding: int) -> None:
        self._flips = {3: horizontal_flip, 2: vertical_flip}
        self._padding = crop_padding

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return changed images, shape (batch, channels, height, width)."""
        for dimension, probability in self._flips.items():
            if probability > 0:
                # Drawn on the CPU: the same numbers whatever the device.
                chosen = torch.rand(len(images), generator=generator) < probability
                chosen = chosen.to(images.device).view(-1, 1, 1, 1)
                images = torch.where(chosen, images.flip(dimension), images)
        return self._crop(images, generator) if self._padding > 0 else images

    def _crop(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        count, _, height, width = images.shape
        padding = self._padding
        # Zero is the mean of normalised images.
        padded = functional.pad(images, [padding] * 4)
        offsets = torch.randint(0, 2 * padding + 1, (2, count, 1), generator=generator)
        top, left = offsets.to(images.device)
        rows = top + torch.arange(height, device=images.device)
        columns = left + torch.arange(width, device=images.device)
        sample = torch.arange(count, device=images.device).view(-1, 1, 1)
        # The channels come last where index tensors stand on both sides of a slice.
        cropped = padded[sample, :, rows.unsqueeze(2), columns.unsqueeze(1)]
        return cropped.permute(0, 3, 1, 2).contiguous()

    def describe(self) -> dict[str, Any]:
        """Return what is done to each image."""
        return {
            "horizontal_flip": self._flips[3],
            "vertical_flip": self._flips[2],
            "crop_padding": self._padding,
        }
