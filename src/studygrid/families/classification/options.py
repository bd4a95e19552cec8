"""Config options that only classification has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt

from studygrid.families.networks.options import NetworkOptions
from studygrid.study import Probability, Section


class LossOptions(Section):
    """Cross-entropy."""

    # The metric `loss` is without both.
    training_alone = ("label_smoothing", "class_weights")

    label_smoothing: Probability = Field(
        0.0, description="Part of the target spread evenly over all classes, in training alone."
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="`balanced`: weights inverse to the class counts of the subset."
    )


class AugmentationOptions(Section):
    """Random changes of training images, drawn anew each time an image is used."""

    horizontal_flip: Probability = Field(0.0, description="Probability of a left-right flip.")
    vertical_flip: Probability = Field(0.0, description="Probability of an up-down flip.")
    crop_padding: NonNegativeInt = Field(
        0, description="Pixels of zero padding on each side before a random crop to size; 0: none."
    )


class ElpvOptions(Section):
    """ELPV takes no options."""


class FashionMnistOptions(Section):
    """Fashion-MNIST from a folder of its four IDX files."""

    folder: str = Field(
        "/usr/share/datasets/fashion-mnist",
        description="Folder of the IDX files, gzipped or not; the default is where Debian's "
        "package dataset-fashion-mnist puts them.",
    )


Fraction = Annotated[float, Field(gt=0, lt=0.5)]


class ImageFolderOptions(Section):
    """A folder of PNG, JPEG and TIFF images, one folder a class."""

    root: str = Field(
        ...,
        description="`root/{train,val,test}/<class>/`, or `root/<class>/` to be split here.",
    )
    color: Literal["auto", "grey", "rgb"] = Field(
        "auto", description="`auto`: grey where every image is grey."
    )
    fit: Literal["crop", "pad", "stretch"] = Field(
        "crop",
        description="How an image that is not square becomes so: central crop, zero padding, or "
        "stretching.",
    )
    validation_fraction: Fraction = Field(0.2, description="With `root/<class>/`: share of it.")
    test_fraction: Fraction = Field(0.2, description="With `root/<class>/`: share of it.")
    split_seed: NonNegativeInt = Field(0, description="With `root/<class>/`: seed of the split.")
    allow_unreadable: bool = Field(
        False, description="Leave out files that cannot be read, in place of refusing to go on."
    )


class ArraysOptions(Section):
    """An .npz file with `images` and `labels`."""

    file: str = Field(
        ...,
        description="`images` (n, height, width) or (n, height, width, channels) of uint8, "
        "`labels` (n,) of whole numbers; `split` (n,) of train, val and test where it is given.",
    )
    fit: Literal["crop", "pad", "stretch"] = Field("crop", description="As in image_folder.")
    validation_fraction: Fraction = Field(0.2, description="Without `split`: share of the data.")
    test_fraction: Fraction = Field(0.2, description="Without `split`: share of the data.")
    split_seed: NonNegativeInt = Field(0, description="Without `split`: seed of the split.")


class PlainCnnOptions(NetworkOptions):
    """Options of tiny_cnn and simple_cnn."""

    width: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        None, description="Channels of the first convolution; the architecture's own if left out."
    )
    dropout: Annotated[Probability, Field(lt=1)] = Field(
        0.0, description="Dropout before the classifier."
    )


class TimmOptions(NetworkOptions):
    """Options of a timm architecture."""

    drop_rate: Annotated[Probability, Field(lt=1)] = Field(0.0, description="timm's drop_rate.")
    drop_path_rate: Annotated[Probability, Field(lt=1)] | None = Field(
        None, description="timm's drop_path_rate; null is the architecture's own."
    )
