"""Architectures of segmentation_models_pytorch, ``decoder/encoder``."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from studygrid.errors import ConfigError, StudygridError
from studygrid.families.networks import torchvision_operators
from studygrid.families.networks.shape import InputShape, check_forward
from studygrid.families.networks.weights import load_weights
from studygrid.families.segmentation.models.options import EncoderDecoderOptions

# Our option and the library's.
_ARGUMENTS = {
    "encoder_depth": "encoder_depth",
    "decoder_channels": "decoder_channels",
    "decoder_attention": "decoder_attention_type",
}


def build(shape: InputShape, options: EncoderDecoderOptions, architecture: str) -> nn.Module:
    """Return a freshly initialised model; nothing is downloaded.

    Parameters
    ----------
    shape
        The head gives `shape.classes` maps, the stem takes `shape.channels`.
    options
        What differs from the library's defaults, and where to start from.
    architecture
        ``decoder/encoder`` in the library's names.

    Raises
    ------
    ConfigError
        If the model has no such option, cannot take images of this size, or the weights are of
        another architecture.
    StudygridError
        If segmentation_models_pytorch is not installed.
    """
    model = _create(shape, options, architecture)
    if options.weights:
        load_weights(model, options.weights)
    side = shape.resolution
    check_forward(model, shape, architecture, (shape.classes, side, side), "segmenter")
    return model


def _create(shape: InputShape, options: EncoderDecoderOptions, architecture: str) -> nn.Module:
    torchvision_operators.ensure()
    try:
        import segmentation_models_pytorch as library
    except ModuleNotFoundError as error:
        raise StudygridError(
            f"architecture {architecture}: needs the package segmentation-models-pytorch "
            f"({error}); pip install 'studygrid[segmentation]'"
        ) from None
    decoder, _, encoder = architecture.partition("/")
    arguments = _arguments(library.MODEL_ARCHITECTURES_MAPPING[decoder], options, architecture)
    if decoder == "dpt":
        # A transformer of timm is built for one side.
        arguments["img_size"] = shape.resolution
    try:
        model: nn.Module = library.create_model(
            decoder,
            encoder_name=encoder,
            encoder_weights=None,
            in_channels=shape.channels,
            classes=shape.classes,
            **arguments,
        )
    except (AssertionError, KeyError, RuntimeError, TypeError, ValueError) as error:
        named = ", ".join(f"{option} {value}" for option, value in _given(options).items())
        if named:
            raise ConfigError(
                f"architecture {architecture}: cannot be built with {named} ({error})"
            ) from error
        raise ConfigError(
            f"architecture {architecture}: cannot be built ({error}); choose another encoder"
        ) from error
    return model


def _given(options: EncoderDecoderOptions) -> dict[str, Any]:
    values = {option: getattr(options, option) for option in _ARGUMENTS}
    return {option: value for option, value in values.items() if value is not None}


def _arguments(
    model: type[nn.Module], options: EncoderDecoderOptions, architecture: str
) -> dict[str, Any]:
    """Return the options in the library's names; it would ignore one that the model has not."""
    known = inspect.signature(model).parameters
    given = _given(options)
    unknown = [option for option in given if _ARGUMENTS[option] not in known]
    if unknown:
        raise ConfigError(
            f"architecture {architecture}: has no option {', '.join(unknown)}; remove it"
        )
    return {_ARGUMENTS[option]: value for option, value in given.items()}
