"""The network of pinn and of baseline: one encoder, a decoder for each part of the object."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from studygrid.errors import ConfigError
from studygrid.families.ptychography.models.limits import network_fault
from studygrid.families.ptychography.models.options import NetworkOptions
from studygrid.families.ptychography.models.patches import GroupShape, Patches

# An object of mean amplitude 1, as the data is scaled, lies in the middle of this range.
LARGEST_AMPLITUDE = 2.0


def build(shape: GroupShape, options: NetworkOptions, architecture: str) -> nn.Module:
    """Return a freshly initialised network.

    Raises
    ------
    ConfigError
        If the side of the pattern cannot be halved as often as the options say.
    """
    fault = network_fault(options, shape.side)
    if fault:
        raise ConfigError(f"architecture {architecture}: {fault}")
    return Network(shape.patterns, options.width, options.depth)


class Network(nn.Module):
    """Patterns of a group to its patches.

    After Cherukara et al., AI-enabled high-resolution scanning coherent diffraction imaging,
    Applied Physics Letters 117 (2020): an encoder that halves, and two decoders that double and
    have no skips, since a pattern and its object are not of one space. Here no convolution but
    the last is at full resolution: the pattern's px are put into channels two by two, and the
    decoders' results are interpolated before the last.

    Parameters
    ----------
    patterns
        C, the patterns of a group.
    width
        Channels of the first level, at half the pattern's side; each below has twice as many.
    depth
        Levels; the last has a side of N / 2^depth.
    """

    def __init__(self, patterns: int, width: int, depth: int) -> None:
        super().__init__()
        widths = [width << level for level in range(depth)]
        self.encoder = nn.ModuleList(_block(*pair) for pair in pairwise([4 * patterns, *widths]))
        self.amplitude = _Decoder(widths[::-1], patterns)
        self.phase = _Decoder(widths[::-1], patterns)

    def forward(self, patterns: Tensor) -> Patches:
        """Return the patches of groups.

        Parameters
        ----------
        patterns
            Amplitudes, shape (B, C, N, N), float32.
        """
        # Amplitudes as they are: docs/ptychography-models.md has what roots and logarithms cost.
        values = functional.pixel_unshuffle(patterns, 2)
        for level, block in enumerate(self.encoder):
            if level:
                values = functional.max_pool2d(values, 2)
            values = block(values)
        amplitude = LARGEST_AMPLITUDE * torch.sigmoid(self.amplitude(values))
        return Patches(amplitude, math.pi * torch.tanh(self.phase(values)))


class _Decoder(nn.Module):
    """From the last level of an encoder to an image for each pattern, without bounds."""

    def __init__(self, widths: list[int], outputs: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_block(*pair) for pair in pairwise(widths))
        self.head = nn.Conv2d(widths[-1], outputs, 3, padding=1)

    def forward(self, values: Tensor) -> Tensor:
        for block in self.blocks:
            values = block(_doubled(values))
        # A phase in bfloat16 is in steps of a hundredth of a rad, and more.
        with torch.autocast(values.device.type, enabled=False):
            images: Tensor = self.head(_doubled(values.float()))
        return images


def _doubled(values: Tensor) -> Tensor:
    return functional.interpolate(values, scale_factor=2.0, mode="bilinear")


def _block(channels: int, width: int) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs in (channels, width):
        layers += [
            nn.Conv2d(inputs, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
