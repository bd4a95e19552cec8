"""Which decoders, encoders and image sides go together. Cheap: it imports no library.

As the sources of segmentation_models_pytorch have it; the tests ask the library itself. What only
timm knows (the patches and windows of a ``tu-`` encoder) is told by the job that builds the model.
"""

from __future__ import annotations

from studygrid.families.segmentation.models.options import EncoderDecoderOptions, SmallUnetOptions

# The encoder's last maps are the side divided by this, where not by 2^encoder_depth.
_LARGEST_STRIDE = {"deeplabv3": 8, "deeplabv3plus": 16, "pan": 16}
_DILATING = tuple(_LARGEST_STRIDE)
_DEPTHS = {"pspnet": 3}
# Their scores are of the image's size with this depth alone.
_FIXED_DEPTHS = {"fpn": 5, "pspnet": 3}
# These halve by pooling, which has no dilation.
_UNDILATED = ("densenet", "inception", "vgg", "xception")
# pan halves the last maps three times more.
_PAN_SIDE = 8


def why_impossible(decoder: str, encoder: str) -> str | None:
    """Return why the library cannot build a decoder with an encoder, at any size."""
    if decoder == "dpt" and not encoder.startswith("tu-"):
        return "dpt takes vision transformers of timm alone, such as tu-vit_tiny_patch16_224"
    if decoder in ("unetplusplus", "linknet") and encoder.startswith("mit_b"):
        return f"{decoder} takes no encoder mit_b0 to mit_b5; segformer, unet and fpn do"
    if decoder in _DILATING and encoder.startswith(_UNDILATED):
        return (
            f"{decoder} dilates its encoder, which no densenet, inception, vgg or xception can; "
            "unet, fpn and others take these"
        )
    return None


def small_unet_fault(options: SmallUnetOptions, resolution: int) -> str | None:
    """Return what is wrong with an image side for small_unet."""
    step = 2**options.depth
    return f"the image side must be a multiple of {step} (2^depth)" if resolution % step else None


def encoder_decoder_fault(
    decoder: str, options: EncoderDecoderOptions, resolution: int
) -> str | None:
    """Return what is wrong with an image side, or with the depth, for a decoder."""
    depth = options.encoder_depth or _DEPTHS.get(decoder, 5)
    if decoder in _FIXED_DEPTHS and depth != _FIXED_DEPTHS[decoder]:
        return f"{decoder} needs an encoder_depth of {_FIXED_DEPTHS[decoder]}"
    if decoder in ("unet", "dpt"):
        return None
    step = min(2**depth, _LARGEST_STRIDE.get(decoder, 2**depth))
    least = _PAN_SIDE * step if decoder == "pan" else step
    if resolution % step == 0 and resolution >= least:
        return None
    return f"the image side must be a multiple of {step}" + (
        f", and {least} or more" if least > step else ""
    )
