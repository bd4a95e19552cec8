"""Architectures of torchvision, with the classes and image channels of the data."""

from __future__ import annotations

from typing import Any

from torch import nn

from studygrid.families.networks import torchvision_operators
from studygrid.families.networks.options import NetworkOptions
from studygrid.families.networks.shape import InputShape, check_forward
from studygrid.families.networks.weights import load_weights

# Our name, torchvision's name, and what differs from torchvision's defaults.
_NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "vgg11": ("vgg11", {}),
    "vgg13": ("vgg13", {}),
    "resnet18": ("resnet18", {}),
    "resnet34": ("resnet34", {}),
    "mobilenet_v2_small": ("mobilenet_v2", {"width_mult": 0.5}),
    "mobilenet_v3_small": ("mobilenet_v3_small", {}),
    "efficientnet_b0": ("efficientnet_b0", {}),
}
NAMES = tuple(_NETWORKS)


def build(shape: InputShape, options: NetworkOptions, architecture: str) -> nn.Module:
    """Return a freshly initialised torchvision model; nothing is downloaded.

    Parameters
    ----------
    shape
        The head gets `shape.classes` outputs and the stem `shape.channels` inputs.
    options
        Where to start from.
    architecture
        One of `NAMES`.

    Raises
    ------
    ConfigError
        If the images are too small for the architecture, or the weights are of another one.
    StudygridError
        If torchvision is not installed.
    """
    torchvision_operators.ensure()
    from torchvision.models import get_model

    name, arguments = _NETWORKS[architecture]
    model: nn.Module = get_model(name, weights=None, num_classes=shape.classes, **arguments)
    if shape.channels != 3:
        _replace_stem(model, shape.channels)
    if options.weights:
        load_weights(model, options.weights)
    check_forward(model, shape, architecture, (shape.classes,), "image classifier")
    return model


def _replace_stem(model: nn.Module, channels: int) -> None:
    """Exchange the first convolution for one that differs in its input channels alone."""
    name, old = next(
        (name, module) for name, module in model.named_modules() if isinstance(module, nn.Conv2d)
    )
    new = nn.Conv2d(
        channels,
        old.out_channels,
        kernel_size=old.kernel_size,  # type: ignore[arg-type]
        stride=old.stride,  # type: ignore[arg-type]
        padding=old.padding,  # type: ignore[arg-type]
        dilation=old.dilation,  # type: ignore[arg-type]
        bias=old.bias is not None,
        padding_mode=old.padding_mode,
    )
    # As torchvision initialises every convolution of these networks: fan-out does not depend on
    # the input channels, so the stem starts from the same distribution.
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    if new.bias is not None:
        nn.init.zeros_(new.bias)
    model.set_submodule(name, new)
