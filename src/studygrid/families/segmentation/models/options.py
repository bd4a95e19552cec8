"""Config options of the architectures of segmentation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from studygrid.families.networks.options import NetworkOptions


class SmallUnetOptions(NetworkOptions):
    """Options of small_unet."""

    width: Annotated[int, Field(ge=1, le=512)] = Field(
        12, description="Channels at full resolution; each level below has twice as many."
    )
    depth: Annotated[int, Field(ge=1, le=6)] = Field(
        3, description="How often the image is halved; its side must be a multiple of 2^depth."
    )


class EncoderDecoderOptions(NetworkOptions):
    """Options of an architecture of segmentation_models_pytorch; null is the library's own."""

    encoder_depth: Literal[3, 4, 5] | None = Field(
        None, description="Stages of the encoder, each halves the image."
    )
    decoder_channels: PositiveInt | list[PositiveInt] | None = Field(
        None, description="Channels of the decoder; in a U-Net a list, one number a stage."
    )
    decoder_attention: Literal["scse"] | None = Field(
        None, description="Squeeze-and-excitation in the decoder of a U-Net."
    )
