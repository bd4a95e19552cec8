"""Any image classifier that timm registers, by timm's name."""

from __future__ import annotations

from typing import Any

from torch import nn

from studygrid.errors import ConfigError
from studygrid.families.classification.options import TimmOptions
from studygrid.families.networks import torchvision_operators
from studygrid.families.networks.shape import (
    InputShape,
    check_forward,
    wrong_resolution,
)
from studygrid.families.networks.weights import load_weights


def build(shape: InputShape, options: TimmOptions, architecture: str) -> nn.Module:
    """Return a freshly initialised timm model; nothing is downloaded.

    Parameters
    ----------
    shape
        The head gets `shape.classes` outputs, the stem `shape.channels` inputs, and a model
        that is built for one image side (a vision transformer) gets `shape.resolution`.
    options
        timm's rates of dropout and stochastic depth, and where to start from.
    architecture
        A name of ``timm.list_models()``.

    Raises
    ------
    ConfigError
        If timm does not know the name, the model has no such option, cannot take images of
        this size or would ignore their border, or the weights are of another architecture.
    StudygridError
        If torchvision, which timm imports, is not installed.
    """
    torchvision_operators.ensure()
    model = _create(shape, options, architecture)
    _check_patches(model, shape, architecture)
    if options.weights:
        load_weights(model, options.weights)
    check_forward(model, shape, architecture, (shape.classes,), "image classifier")
    return model


def _create(shape: InputShape, options: TimmOptions, architecture: str) -> nn.Module:
    import timm

    if not timm.is_model(architecture):
        raise ConfigError(f"architecture {architecture}: timm {timm.__version__} has no such model")
    arguments: dict[str, Any] = {
        "img_size": shape.resolution,
        "drop_rate": options.drop_rate,
        "drop_path_rate": options.drop_path_rate,
    }
    dispensable = {"img_size"} if options.drop_rate else {"img_size", "drop_rate"}
    while True:
        try:
            return timm.create_model(
                architecture,
                pretrained=False,
                num_classes=shape.classes,
                in_chans=shape.channels,
                **arguments,
            )
        except TypeError as error:
            # Which arguments a model takes, only the class behind timm's entry point knows.
            refused = next((name for name in arguments if f"'{name}'" in str(error)), None)
            if refused is None:
                raise
            if refused not in dispensable:
                raise ConfigError(
                    f"architecture {architecture}: has no option {refused}; remove it"
                ) from error
            del arguments[refused]
        except (AssertionError, RuntimeError, ValueError) as error:
            raise wrong_resolution(architecture, shape, str(error)) from error


def _check_patches(model: nn.Module, shape: InputShape, architecture: str) -> None:
    """Refuse patches that do not fill the image: timm would cut off the rest in silence."""
    from timm.layers.patch_embed import PatchEmbed

    patches = getattr(model, "patch_embed", None)
    if not isinstance(patches, PatchEmbed) or patches.dynamic_img_pad:
        return
    side = max(patches.patch_size)
    if shape.resolution % side:
        raise wrong_resolution(
            architecture, shape, f"its patches of {side} px do not fill the image"
        )
