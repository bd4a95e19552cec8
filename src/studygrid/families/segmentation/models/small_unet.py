"""small_unet: a U-Net for studies that must run on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from studygrid.families.networks.shape import InputShape, check_forward, wrong_resolution
from studygrid.families.networks.weights import load_weights
from studygrid.families.segmentation.models.limits import small_unet_fault
from studygrid.families.segmentation.models.options import SmallUnetOptions


def build(shape: InputShape, options: SmallUnetOptions, architecture: str) -> nn.Module:
    """Return a freshly initialised small_unet.

    Raises
    ------
    ConfigError
        If the image's side cannot be halved as often as the options say, or the weights are of
        another architecture.
    """
    fault = small_unet_fault(options, shape.resolution)
    if fault:
        raise wrong_resolution(architecture, shape, fault)
    model = SmallUnet(shape.channels, shape.classes, options.width, options.depth)
    if options.weights:
        load_weights(model, options.weights)
    side = shape.resolution
    check_forward(model, shape, architecture, (shape.classes, side, side), "segmenter")
    return model


class SmallUnet(nn.Module):
    """A U-Net: an encoder that halves, a decoder that doubles, and what it skips between.

    Ronneberger, Fischer, Brox, U-Net: convolutional networks for biomedical image segmentation,
    MICCAI 2015; here with padding, batch normalisation and bilinear upsampling.

    Parameters
    ----------
    channels, outputs
        Of the image and of the scores.
    width
        Channels at full resolution; each level below has twice as many.
    depth
        Levels below the full resolution.
    """

    def __init__(self, channels: int, outputs: int, width: int, depth: int) -> None:
        super().__init__()
        widths = [width << level for level in range(depth + 1)]
        inputs = [channels, *widths[:-1]]
        self.encoder = nn.ModuleList(map(_block, inputs, widths))
        self.decoder = nn.ModuleList(
            _block(below + skipped, skipped)
            for below, skipped in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(width, outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return scores, shape (batch, outputs, height, width), of images of that size."""
        skipped: list[Tensor] = []
        values = images
        for level, block in enumerate(self.encoder):
            if level:
                values = functional.max_pool2d(values, 2)
            values = block(values)
            skipped.append(values)
        skipped.pop()
        for block in self.decoder:
            values = functional.interpolate(values, scale_factor=2.0, mode="bilinear")
            values = block(torch.cat([values, skipped.pop()], dim=1))
        scores: Tensor = self.head(values)
        return scores


def _block(channels: int, width: int) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs in (channels, width):
        layers += [
            nn.Conv2d(inputs, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
