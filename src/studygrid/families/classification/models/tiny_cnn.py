"""tiny_cnn: three strided convolutions, for studies that must run in seconds on a CPU."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from studygrid.families.classification.options import PlainCnnOptions
from studygrid.families.networks.shape import InputShape, check_forward
from studygrid.families.networks.weights import load_weights

WIDTH = 8


def build(shape: InputShape, options: PlainCnnOptions, architecture: str) -> nn.Module:
    """Return a freshly initialised tiny_cnn.

    Three blocks (3x3 convolution of stride 2, batch normalisation, ReLU) of 1, 2 and 4 times
    the width, then global average pooling and a linear classifier: 6 thousand parameters.
    """
    width = options.width or WIDTH
    layers: list[nn.Module] = []
    channels = shape.channels
    for block_width in (width, 2 * width, 4 * width):
        layers += [
            nn.Conv2d(channels, block_width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(block_width),
            nn.ReLU(inplace=True),
        ]
        channels = block_width
    model = nn.Sequential(
        OrderedDict(
            features=nn.Sequential(*layers),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            dropout=nn.Dropout(options.dropout),
            classifier=nn.Linear(channels, shape.classes),
        )
    )
    if options.weights:
        load_weights(model, options.weights)
    check_forward(model, shape, architecture, (shape.classes,), "image classifier")
    return model
