"""What can be told of a folder of images and masks without opening one. Cheap to import."""

from __future__ import annotations

import os
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.content import content_sha256
from studygrid.families.segmentation.data.folder.layout import (
    Layout,
    fractions_of,
    read_layout,
)
from studygrid.families.segmentation.data.folder.options import ImageMaskFolderOptions
from studygrid.families.segmentation.data.folder.splits import draw_groups, split_sizes


def image_mask_folder_train_size(options: ImageMaskFolderOptions) -> int | None:
    """Return the size of the training split, or None if the folder cannot be used.

    Where pairs turn out to be unusable and are left out, it is another.
    """
    try:
        layout = read_layout(options)
    except DataError:
        return None
    if _problems(options, layout):
        return None
    if layout.is_split:
        return sum(pair.split == "train" for pair in layout.pairs)
    fractions = fractions_of(options)
    groups = [pair.group for pair in layout.pairs if pair.group is not None]
    if groups:
        return len(draw_groups(groups, fractions, options.split_seed)["train"])
    return split_sizes(len(layout.pairs), fractions)["train"]


def image_mask_folder_source(options: ImageMaskFolderOptions, cache: Path) -> str:
    """Return the hash of all images and masks and their names within the root.

    Raises
    ------
    DataError
        If the root is missing or a file cannot be read.
    """
    prefix = f"{Path(options.root).expanduser()}{os.sep}"
    files = read_layout(options).files
    return content_sha256({str(file.path).removeprefix(prefix): file.path for file in files}, cache)


def check_image_mask_folder(options: ImageMaskFolderOptions) -> list[tuple[str, str]]:
    """Return what is wrong with the options: key and message."""
    try:
        problems = _problems(options, read_layout(options))
    except DataError as error:
        problems = [str(error)]
    return [("root", problem) for problem in problems]


def _problems(options: ImageMaskFolderOptions, layout: Layout) -> list[str]:
    if options.allow_unreadable:
        return layout.problems
    return layout.problems + [f"{broken.name} {broken.reason}" for broken in layout.broken]
