"""An .npz file of images and labels, read without holding the images in memory."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.base import SPLITS, Split
from studygrid.families.classification.data.layout import SPLIT_FOLDERS
from studygrid.families.classification.data.shares import share_problems, split_problems
from studygrid.families.classification.options import ArraysOptions


@dataclass(frozen=True)
class NpzContents:
    """What a file holds, beside its images.

    Attributes
    ----------
    shape
        Of the images: (n, height, width) or (n, height, width, channels).
    labels
        Class numbers from 0 on, shape (n,).
    classes
        The label of each class, as text.
    splits
        Indices of each split, or None where the file has no `split`.
    """

    shape: tuple[int, ...]
    labels: NDArray[np.int64]
    classes: list[str]
    splits: dict[Split, NDArray[np.int64]] | None

    @property
    def channels(self) -> int:
        """Number of channels of an image."""
        return self.shape[3] if len(self.shape) == 4 else 1


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


def read_contents(path: Path) -> NpzContents:
    """Read all but the images.

    Raises
    ------
    DataError
        If the file is not an .npz, or lacks an array, or one is not of the right type and
        shape; the message says what it holds.
    """
    with _explained(path), zipfile.ZipFile(path) as archive:
        members = [name[:-4] for name in archive.namelist() if name.endswith(".npy")]
        headers = {name: _read_header(archive, name) for name in members}
        _require(path, headers)
        labels = _load(path, "labels")
        split = _load(path, "split") if "split" in headers else None
    values, numbers = np.unique(labels, return_inverse=True)
    return NpzContents(
        shape=headers["images"].shape,
        labels=numbers.astype(np.int64),
        classes=[str(value) for value in values.tolist()],
        splits=None if split is None else _read_splits(path, split),
    )


def content_problems(contents: NpzContents, options: ArraysOptions) -> list[str]:
    """Return what keeps a file's labels and split from being used."""
    counts = np.bincount(contents.labels, minlength=len(contents.classes)).tolist()
    if contents.splits is None:
        fractions = (options.validation_fraction, options.test_fraction)
        return share_problems(dict(zip(contents.classes, counts, strict=True)), fractions)
    by_split = {
        split: dict(
            zip(
                contents.classes,
                np.bincount(contents.labels[found], minlength=len(contents.classes)).tolist(),
                strict=True,
            )
        )
        for split, found in contents.splits.items()
    }
    return split_problems(by_split)


def stream_images(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the images one by one, shape (height, width) or (height, width, channels).

    Raises
    ------
    DataError
        If the file is damaged.
    """
    with _explained(path), zipfile.ZipFile(path) as archive:
        header = _read_header(archive, "images")
        if header.fortran_order:
            yield from _load(path, "images")
            return
        size = math.prod(header.shape[1:])
        with archive.open("images.npy") as member:
            _parse_header(member)
            for number in range(header.shape[0]):
                content = member.read(size)
                if len(content) != size:
                    raise DataError(f"{path}: `images` ends within image {number}")
                yield np.frombuffer(content, np.uint8).reshape(header.shape[1:])


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path}: cannot be read as .npz ({error}); write it with numpy.savez"
        ) from None


def _read_header(archive: zipfile.ZipFile, name: str) -> _Header:
    with archive.open(f"{name}.npy") as member:
        return _parse_header(member)


def _parse_header(member: IO[bytes]) -> _Header:
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(member)
    if version not in readers:
        raise ValueError(f".npy format {version}")
    return _Header(*readers[version](member))


def _load(path: Path, name: str) -> NDArray[Any]:
    with np.load(path, allow_pickle=False) as file:
        array: NDArray[Any] = file[name]
    return array


def _require(path: Path, headers: dict[str, _Header]) -> None:
    held = ", ".join(f"{name} {header}" for name, header in headers.items()) or "nothing"
    images, labels, split = (headers.get(name) for name in ("images", "labels", "split"))
    problem = None
    if images is None or labels is None:
        problem = "should hold `images` and `labels`"
    elif images.dtype != np.uint8 or len(images.shape) not in (3, 4) or 0 in images.shape:
        problem = "`images` should be uint8 (n, height, width) or (n, height, width, channels)"
    elif len(images.shape) == 4 and images.shape[1] <= 4 < images.shape[3]:
        problem = "`images` seem to have their channels first; they should be last"
    elif labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        problem = f"`labels` should be whole numbers of shape ({images.shape[0]},)"
    elif split is not None and (split.dtype.kind not in "US" or split.shape != labels.shape):
        problem = f"`split` should be text of shape ({images.shape[0]},)"
    if problem:
        raise DataError(f"{path}: {problem}; it holds {held}")


def _read_splits(path: Path, split: NDArray[Any]) -> dict[Split, NDArray[np.int64]]:
    words, numbers = np.unique(split.astype(str), return_inverse=True)
    strange = [word for word in words.tolist() if word not in SPLIT_FOLDERS]
    if strange:
        raise DataError(
            f"{path}: `split` holds {', '.join(map(repr, strange[:5]))}; it should be train, val "
            "or test for every image"
        )
    split_of = [SPLIT_FOLDERS[word] for word in words.tolist()]
    return {
        name: np.flatnonzero(np.isin(numbers, [i for i, s in enumerate(split_of) if s == name]))
        for name in SPLITS
    }
