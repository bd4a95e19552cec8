"""Architectures by name; their code is loaded only in the job that builds one."""

from __future__ import annotations

from functools import partial

from studygrid.families.base import Architecture
from studygrid.families.networks.sources import encoder_names, timm_names
from studygrid.families.segmentation.models.limits import (
    encoder_decoder_fault,
    small_unet_fault,
    why_impossible,
)
from studygrid.families.segmentation.models.options import EncoderDecoderOptions, SmallUnetOptions

_HERE = "studygrid.families.segmentation.models"
_SMALL_UNET = Architecture(
    "small_unet", f"{_HERE}.small_unet:build", SmallUnetOptions, check=small_unet_fault
)
# The architectures of segmentation_models_pytorch.
DECODERS = (
    "unet",
    "unetplusplus",
    "manet",
    "linknet",
    "fpn",
    "pspnet",
    "pan",
    "deeplabv3",
    "deeplabv3plus",
    "upernet",
    "segformer",
    "dpt",
)
_COMMON = ("unet/resnet18", "unetplusplus/resnet18", "deeplabv3plus/resnet18", "segformer/mit_b0")
# timm's models stand behind this prefix, as the library has it.
_TIMM = "tu-"


def architecture_names() -> list[str]:
    """Return the names that suggestions are made from, the usual ones first."""
    encoders = sorted(encoder_names())
    every = [
        f"{decoder}/{encoder}"
        for decoder in DECODERS
        for encoder in encoders
        if why_impossible(decoder, encoder) is None
    ]
    return [_SMALL_UNET.name, *_COMMON, *(name for name in every if name not in _COMMON)]


def find_architecture(name: str) -> Architecture | None:
    """Return the architecture of that name: small_unet, or ``decoder/encoder``."""
    if name == _SMALL_UNET.name:
        return _SMALL_UNET
    decoder, _, encoder = name.partition("/")
    if decoder not in DECODERS or not _is_encoder(encoder):
        return None
    return Architecture(
        name,
        f"{_HERE}.encoder_decoder:build",
        EncoderDecoderOptions,
        check=partial(encoder_decoder_fault, decoder),
        impossible=why_impossible(decoder, encoder),
    )


def _is_encoder(name: str) -> bool:
    if name.startswith(_TIMM):
        # A tag after the dot names pretrained weights, and with them what timm builds.
        return name.removeprefix(_TIMM).partition(".")[0] in timm_names()
    return name in encoder_names()
