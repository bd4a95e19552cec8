"""A folder of the user's own images, one folder a class."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.base import SPLITS, Split
from studygrid.families.classification.data.layout import ImageFile, Layout, read_layout
from studygrid.families.classification.data.parts import describe_parts
from studygrid.families.classification.data.shares import share_problems, split_problems
from studygrid.families.classification.data.splits import split_by_class
from studygrid.families.classification.options import ImageFolderOptions
from studygrid.families.images.arrays import NativeImages, write_images
from studygrid.families.images.decode import (
    Kind,
    Span,
    as_uint8,
    deep_kind,
    deep_values,
    is_grey,
    read_header,
    read_image,
    span_of,
)
from studygrid.families.prepared import PreparedParts


def prepare(
    options: ImageFolderOptions, resolution: int, folder: Path, workers: int = 1
) -> PreparedParts:
    """Write a folder's images, resized to `resolution` px, into another.

    Raises
    ------
    DataError
        If the folder cannot be used (see `layout.read_layout`), a class is too small to be
        split, or files cannot be read and the options do not allow that; all are named.
    """
    layout = read_layout(options)
    _refuse(options, layout.problems)
    reader = _Reader(layout.files, options)
    native = write_images(
        folder,
        reader.images(),
        most=len(layout.files),
        channels=reader.channels,
        side=resolution,
        fit=options.fit,
    )
    _refuse_unreadable(options, reader.unreadable)
    classes = sorted({file.label for file in reader.read} | set(layout.classes))
    number = {name: index for index, name in enumerate(classes)}
    labels = np.array([number[file.label] for file in reader.read], np.int64)
    splits = _splits(options, layout, reader.read, labels, native)
    return describe_parts(
        folder,
        native,
        resolution,
        options.fit,
        [file.name for file in reader.read],
        labels,
        classes,
        splits,
        _facts(options, layout, reader),
    )


class _Reader:
    """Decodes files one by one and remembers which could not be."""

    def __init__(self, files: list[ImageFile], options: ImageFolderOptions) -> None:
        self._files = files
        self._reasons: dict[ImageFile, str] = {}
        self._modes: dict[ImageFile, str] = {}
        self.read: list[ImageFile] = []
        self.multi_page = 0
        for file in files:
            with self._noted(file):
                self._modes[file], pages = read_header(file.path)
                self.multi_page += pages > 1
        grey = all(map(is_grey, self._modes.values()))
        automatic = options.color == "auto"
        self.channels = 1 if (grey if automatic else options.color == "grey") else 3
        self.spans = self._find_spans()

    @property
    def unreadable(self) -> list[tuple[str, str]]:
        """Name of each file that cannot be read, and why, sorted."""
        return sorted((file.name, reason) for file, reason in self._reasons.items())

    def images(self) -> Iterator[NDArray[np.uint8]]:
        """Decode all files that can be, in order, at their native size."""
        color: Literal["grey", "rgb"] = "grey" if self.channels == 1 else "rgb"
        for file in self._files:
            image = None
            if file not in self._reasons:
                with self._noted(file):
                    image = as_uint8(read_image(file.path), color, self.spans)
            if image is not None:
                self.read.append(file)
                yield image

    def _find_spans(self) -> dict[Kind, Span]:
        extremes: dict[Kind, Span] = {}
        for file, mode in self._modes.items():
            kind = deep_kind(mode)
            if kind is None:
                continue
            with self._noted(file):
                values = deep_values(read_image(file.path))
                low, high = extremes.get(kind, (np.inf, -np.inf))
                extremes[kind] = min(low, float(values.min())), max(high, float(values.max()))
        return {kind: span_of(low, high, kind) for kind, (low, high) in extremes.items()}

    @contextlib.contextmanager
    def _noted(self, file: ImageFile) -> Iterator[None]:
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:  # decoders raise anything on a damaged file
            self._reasons[file] = _reason(file, error)


def _reason(file: ImageFile, error: Exception) -> str:
    with contextlib.suppress(OSError):
        if file.path.stat().st_size == 0:
            return "empty file"
    text = str(error).replace(str(file.path), file.path.name)
    return text.splitlines()[0] if text else type(error).__name__


def _refuse(options: ImageFolderOptions, problems: list[str]) -> None:
    if problems:
        raise DataError("; ".join([f"image folder {options.root}", *problems]))


def _refuse_unreadable(options: ImageFolderOptions, unreadable: list[tuple[str, str]]) -> None:
    if unreadable and not options.allow_unreadable:
        lines = [f"  {name}: {reason}" for name, reason in unreadable]
        raise DataError(
            f"image folder {options.root}: {len(lines)} files cannot be read; repair or remove "
            "them, or set `allow_unreadable: true` to leave them out:\n" + "\n".join(lines)
        )


def _splits(
    options: ImageFolderOptions,
    layout: Layout,
    files: list[ImageFile],
    labels: NDArray[np.int64],
    native: NativeImages,
) -> dict[Split, NDArray[np.int64]]:
    # Counted again: files that cannot be read may have emptied a class.
    if layout.is_split:
        counts = {
            split: Counter(file.label for file in files if file.split == split) for split in SPLITS
        }
        _refuse(options, split_problems(counts))
        return {
            split: np.array(
                [index for index, file in enumerate(files) if file.split == split], np.int64
            )
            for split in SPLITS
        }
    fractions: dict[Split, float] = {
        "test": options.test_fraction,
        "validation": options.validation_fraction,
    }
    remaining = Counter(file.label for file in files)
    _refuse(
        options,
        share_problems({name: remaining[name] for name in layout.classes}, [*fractions.values()]),
    )
    return split_by_class(labels, native.digests, fractions, options.split_seed)


def _facts(options: ImageFolderOptions, layout: Layout, reader: _Reader) -> dict[str, Any]:
    made = (
        f"{options.test_fraction:g} of each class is for test and "
        f"{options.validation_fraction:g} for validation (seed {options.split_seed})"
    )
    return {
        "split": "folders train, val and test" if layout.is_split else made,
        "fit": options.fit,
        "unreadable": [name for name, _ in reader.unreadable],
        "multi_page_files_read_in_part": reader.multi_page,
        "ignored_files": layout.ignored_files,
        "ignored_folders": layout.ignored_folders,
        "scaled_to_8_bits": {kind: list(span) for kind, span in sorted(reader.spans.items())},
    }
