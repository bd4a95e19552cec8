"""Config options of the user's own images and masks."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeInt, model_validator

from studygrid.section import Section

Fraction = Annotated[float, Field(gt=0, lt=0.5)]


def _folder_name(value: str) -> str:
    path = PurePosixPath(value)
    if not value.strip() or path.is_absolute() or ".." in path.parts or value.startswith("~"):
        raise ValueError("should be the name of a folder within `root`, or . for `root` itself")
    return str(path)


def _file_part(value: str) -> str:
    if "/" in value:
        raise ValueError("should be the end of a file's name, such as _mask, without a /")
    return value


def _one_group(value: str) -> str:
    try:
        groups = re.compile(value).groups
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    if groups != 1:
        raise ValueError(
            f"should have one group in brackets, such as '^(site[0-9]+)_'; it has {groups}"
        )
    return value


def _different(value: list[str]) -> list[str]:
    if len(set(value)) < len(value) or not all(name.strip() for name in value):
        raise ValueError("should name each class once, and none with an empty name")
    return value


FolderName = Annotated[str, AfterValidator(_folder_name)]
FilePart = Annotated[str, AfterValidator(_file_part)]
Classes = Annotated[list[str], Field(min_length=2, max_length=256), AfterValidator(_different)]


class ImageMaskFolderOptions(Section):
    """Images and masks in two folders, in pairs by name: PNG, JPEG, TIFF or .npy."""

    root: str = Field(
        ...,
        description="`root/images/` and `root/masks/`, to be split here, or "
        "`root/{train,val,test}/{images,masks}/`.",
    )
    images: FolderName = Field("images", description="Name of the folders of images.")
    masks: FolderName = Field(
        "masks", description="Name of the folders of masks; it may be that of the images."
    )
    image_suffix: FilePart = Field(
        "", description="What an image's name has at its end beside the pair's, such as _img."
    )
    mask_suffix: FilePart = Field(
        "", description="What a mask's name has at its end beside the pair's, such as _mask."
    )
    classes: Classes | None = Field(
        None,
        description="Names of the classes by their number in the masks, the background's first. "
        "Left out: those that the masks hold. Two classes may be written 0 and 1 or 0 and 255.",
    )
    color: Literal["auto", "grey", "rgb"] = Field(
        "auto", description="`auto`: grey where every image is grey."
    )
    fit: Literal["crop", "pad", "stretch"] = Field(
        "crop",
        description="How a pair that is not square becomes so: central crop, zero padding "
        "(background in the mask), or stretching.",
    )
    validation_fraction: Fraction = Field(0.2, description="Without split folders: share of it.")
    test_fraction: Fraction = Field(0.2, description="Without split folders: share of it.")
    split_seed: NonNegativeInt = Field(0, description="Without split folders: seed of the split.")
    group: Annotated[str, AfterValidator(_one_group)] | None = Field(
        None,
        description="Regular expression with one group, found in each pair's name: the site, "
        "patient or video that it is of. All pairs of a group are in one split.",
    )
    allow_unreadable: bool = Field(
        False, description="Leave out pairs that cannot be used, in place of refusing to go on."
    )

    @model_validator(mode="after")
    def _told_apart(self) -> ImageMaskFolderOptions:
        if self.images == self.masks and not self.mask_suffix:
            raise ValueError(
                "`images` and `masks` are one folder; give `mask_suffix` to tell masks from images"
            )
        if self.images == self.masks and self.mask_suffix == self.image_suffix:
            raise ValueError("`image_suffix` and `mask_suffix` are equal, and so are the folders")
        return self
