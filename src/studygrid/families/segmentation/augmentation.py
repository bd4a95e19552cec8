"""Random changes of a batch of images together with their masks, on its device."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from studygrid.families.segmentation.options import AugmentationOptions


class Augmentation:
    """Changes of light, then flips, turns and crops, drawn for each image by itself.

    Numbers are drawn on the CPU: they are the same whatever the device. An option that is off
    draws none.
    """

    def __init__(self, options: AugmentationOptions) -> None:
        self._options = options

    def __call__(
        self, images: torch.Tensor, masks: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return changed images and the masks that belong to them.

        Parameters
        ----------
        images
            Normalised by mean and standard deviation of the training images, float32, shape
            (batch, channels, side, side).
        masks
            Class numbers, shape (batch, side, side); a pixel keeps its class wherever it goes.
        """
        images = self._relit(images, generator)
        images, masks = self._flipped(images, masks, generator)
        return self._cropped(images, masks, generator)

    def describe(self) -> dict[str, Any]:
        """Return what is done to each image."""
        return self._options.model_dump(mode="json")

    def _relit(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Change contrast about each image's own mean, then brightness, then add noise.

        The values are not clipped: what lies beyond the range of a camera is still of use to a
        model, and the clipped would all look alike.
        """
        options = self._options
        if options.contrast > 0:
            factors = 1 + options.contrast * self._between(images, generator)
            means = images.mean(dim=(2, 3), keepdim=True)
            images = means + factors * (images - means)
        if options.brightness > 0:
            images = images + options.brightness * self._between(images, generator)
        if options.noise > 0:
            normal = torch.randn(images.shape, generator=generator)
            images = images + options.noise * normal.to(images.device)
        return images

    def _between(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return a number in [-1, 1) for each image, shape (batch, 1, 1, 1)."""
        drawn = 2 * torch.rand(len(images), generator=generator) - 1
        return drawn.to(images.device).view(-1, 1, 1, 1)

    def _flipped(
        self, images: torch.Tensor, masks: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        options, count = self._options, len(images)
        for probability, axis in ((options.horizontal_flip, -1), (options.vertical_flip, -2)):
            if probability > 0:
                chosen = torch.rand(count, generator=generator) < probability
                images, masks = _where(chosen, partial(torch.flip, dims=[axis]), images, masks)
        if options.quarter_turns:
            turns = torch.randint(0, 4, (count,), generator=generator)
            for k in (1, 2, 3):
                turned = partial(torch.rot90, k=k, dims=[-2, -1])
                images, masks = _where(turns == k, turned, images, masks)
        return images, masks

    def _cropped(
        self, images: torch.Tensor, masks: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        padding = self._options.crop_padding
        if padding == 0:
            return images, masks
        count, _, height, width = images.shape
        offsets = torch.randint(0, 2 * padding + 1, (2, count, 1), generator=generator)
        top, left = offsets.to(images.device)
        rows = (top + torch.arange(height, device=images.device)).unsqueeze(2)
        columns = (left + torch.arange(width, device=images.device)).unsqueeze(1)
        sample = torch.arange(count, device=images.device).view(-1, 1, 1)
        # Zero is the mean of normalised images, and the background.
        images, masks = (functional.pad(part, [padding] * 4) for part in (images, masks))
        # The channels come last where index tensors stand on both sides of a slice.
        cropped = images[sample, :, rows, columns].permute(0, 3, 1, 2).contiguous()
        return cropped, masks[sample, rows, columns]


def _where(
    chosen: torch.Tensor,
    change: Callable[[torch.Tensor], torch.Tensor],
    images: torch.Tensor,
    masks: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Change the chosen images and their masks; `change` works on the last two dimensions."""
    chosen = chosen.to(images.device)
    return (
        torch.where(chosen.view(-1, 1, 1, 1), change(images), images),
        torch.where(chosen.view(-1, 1, 1), change(masks), masks),
    )
