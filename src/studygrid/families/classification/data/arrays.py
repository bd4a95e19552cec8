"""An .npz file of the user's own images and labels."""

from __future__ import annotations

from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.classification.data.npz import (
    content_problems,
    read_contents,
    stream_images,
)
from studygrid.families.classification.data.parts import describe_parts
from studygrid.families.classification.data.splits import split_by_class
from studygrid.families.classification.options import ArraysOptions
from studygrid.families.images.arrays import write_images
from studygrid.families.paths import existing_path
from studygrid.families.prepared import PreparedParts


def prepare(
    options: ArraysOptions, resolution: int, folder: Path, workers: int = 1
) -> PreparedParts:
    """Write an .npz file's images, resized to `resolution` px, into a folder.

    Raises
    ------
    DataError
        If the file is not as `ArraysOptions` says, or a class is too small to be split.
    """
    path = existing_path(options.file, "file")
    contents = read_contents(path)
    problems = content_problems(contents, options)
    if problems:
        raise DataError(f"{path}: {'; '.join(problems)}")
    native = write_images(
        folder,
        stream_images(path),
        most=contents.shape[0],
        channels=contents.channels,
        side=resolution,
        fit=options.fit,
    )
    splits = contents.splits or split_by_class(
        contents.labels,
        native.digests,
        {"test": options.test_fraction, "validation": options.validation_fraction},
        options.split_seed,
    )
    made = (
        f"{options.test_fraction:g} of each class is for test and "
        f"{options.validation_fraction:g} for validation (seed {options.split_seed})"
    )
    return describe_parts(
        folder,
        native,
        resolution,
        options.fit,
        [str(number) for number in range(contents.shape[0])],
        contents.labels,
        contents.classes,
        splits,
        {"split": made if contents.splits is None else "the file's own", "fit": options.fit},
    )
