"""What can be told of each dataset without reading an image.

The Snakefile imports this each time it is parsed, in every job: it imports no NumPy and no
Pillow by itself. Only an .npz file needs NumPy, and loads it then.
"""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.classification.data import fashion_files
from studygrid.families.classification.data.layout import read_layout
from studygrid.families.classification.data.shares import training_size
from studygrid.families.classification.options import (
    ArraysOptions,
    ElpvOptions,
    FashionMnistOptions,
    ImageFolderOptions,
)
from studygrid.families.content import content_sha256
from studygrid.families.paths import existing_path

# 39 of the 64 blocks of 41 cells; see elpv.split_blocks.
ELPV_TRAIN_SIZE = 1599


def elpv_train_size(options: ElpvOptions) -> int:
    """Return the size of ELPV's training split."""
    return ELPV_TRAIN_SIZE


def elpv_source(options: ElpvOptions, cache: Path) -> str:
    """Return the version of the installed package, which holds the images.

    Raises
    ------
    DataError
        If it is not installed.
    """
    try:
        return f"elpv-dataset {version('elpv-dataset')}"
    except PackageNotFoundError:
        raise DataError("the package elpv-dataset is not installed; pip install it") from None


def fashion_mnist_train_size(options: FashionMnistOptions) -> int | None:
    """Return the size of the training split, or None if the files cannot be read."""
    return fashion_files.train_size(options)


def fashion_mnist_source(options: FashionMnistOptions, cache: Path) -> str:
    """Return the hash of the four files.

    Raises
    ------
    DataError
        If one is missing.
    """
    paths = [fashion_files.idx_path(options, name) for name in fashion_files.FILES]
    return content_sha256({path.name: path for path in paths}, cache)


def check_fashion_mnist(options: FashionMnistOptions) -> list[tuple[str, str]]:
    """Return what is wrong with the options: key and message."""
    return [("folder", problem) for problem in fashion_files.file_problems(options)]


def image_folder_train_size(options: ImageFolderOptions) -> int | None:
    """Return the size of the training split, or None if the folder cannot be used.

    Where files turn out to be unreadable, it is less.
    """
    try:
        layout = read_layout(options)
    except DataError:
        return None
    if layout.problems:
        return None
    if layout.is_split:
        return sum(layout.counts("train").values())
    fractions = (options.validation_fraction, options.test_fraction)
    return training_size(layout.counts(None).values(), fractions)


def image_folder_source(options: ImageFolderOptions, cache: Path) -> str:
    """Return the hash of all images and their names within the root.

    Raises
    ------
    DataError
        If the root is missing or a file cannot be read.
    """
    prefix = f"{Path(options.root).expanduser()}{os.sep}"
    files = read_layout(options).files
    names = {str(file.path).removeprefix(prefix): file.path for file in files}
    return content_sha256(names, cache)


def check_image_folder(options: ImageFolderOptions) -> list[tuple[str, str]]:
    """Return what is wrong with the options: key and message."""
    try:
        problems = read_layout(options).problems
    except DataError as error:
        problems = [str(error)]
    return [("root", problem) for problem in problems]


def arrays_train_size(options: ArraysOptions) -> int | None:
    """Return the size of the training split, or None if the file cannot be used."""
    from studygrid.families.classification.data import npz

    try:
        contents = npz.read_contents(existing_path(options.file, "file"))
    except DataError:
        return None
    if npz.content_problems(contents, options):
        return None
    if contents.splits is not None:
        return len(contents.splits["train"])
    counts = [int((contents.labels == number).sum()) for number in range(len(contents.classes))]
    return training_size(counts, (options.validation_fraction, options.test_fraction))


def arrays_source(options: ArraysOptions, cache: Path) -> str:
    """Return the hash of the file.

    Raises
    ------
    DataError
        If it is missing or cannot be read.
    """
    return content_sha256({"file": existing_path(options.file, "file")}, cache)


def check_arrays(options: ArraysOptions) -> list[tuple[str, str]]:
    """Return what is wrong with the options: key and message."""
    from studygrid.families.classification.data import npz

    try:
        problems = npz.content_problems(
            npz.read_contents(existing_path(options.file, "file")), options
        )
    except DataError as error:
        problems = [str(error)]
    return [("file", problem) for problem in problems]
