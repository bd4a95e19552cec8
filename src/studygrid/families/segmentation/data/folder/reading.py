"""Image files of any kind, .npy too, to 8 bits."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studygrid.families.images.decode import (
    Kind,
    Span,
    as_uint8,
    deep_kind,
    deep_values,
    is_grey,
    read_header,
    read_image,
)
from studygrid.families.prepared import array_sha256

_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Header:
    """What is known of an image before it is decoded.

    Attributes
    ----------
    kind
        What it holds where that is more than 8 bits.
    """

    grey: bool
    kind: Kind | None


@dataclass(frozen=True)
class Deep:
    """What an image of more than 8 bits holds.

    Attributes
    ----------
    extremes
        Its lowest and its highest value.
    digest
        Hash of its values: what 8 bits make of them depends on other images, too.
    """

    kind: Kind
    extremes: Span
    digest: str


def is_array(path: Path) -> bool:
    """Tell whether a file is a NumPy array, from its name."""
    return path.suffix.lower() == ".npy"


def read_array(path: Path) -> NDArray[Any]:
    """Map an .npy file of shape (height, width) or (height, width, channels).

    Raises
    ------
    ValueError
        If its shape is another, or it holds no numbers.
    """
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.dtype.kind not in "buif":
        raise ValueError(f"holds {array.dtype} values, not numbers")
    if array.ndim not in (2, 3):
        raise ValueError(f"has {array.ndim} dimensions, of shape {array.shape}; it should have 2")
    if not array.size:
        raise ValueError(f"is empty, of shape {array.shape}")
    return array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array


def require_one_page(pages: int) -> None:
    """Refuse a file of several images.

    Raises
    ------
    ValueError
        If there is more than one.
    """
    if pages > 1:
        raise ValueError(f"has {pages} pages; write each to a file of its own")


def read_image_header(path: Path) -> Header:
    """Return what is known of an image without decoding it.

    Raises
    ------
    ValueError
        If it is no image, or holds several.
    """
    if is_array(path):
        array = _image_array(path)
        kinds: dict[str, Kind | None] = {"u": "integer", "i": "integer", "f": "float"}
        kind = None if array.dtype == np.uint8 else kinds.get(array.dtype.kind)
        return Header(array.ndim == 2, kind)
    mode, pages = read_header(path)
    require_one_page(pages)
    return Header(is_grey(mode), deep_kind(mode))


def read_deep(path: Path, kind: Kind) -> Deep:
    """Return what an image of more than 8 bits holds.

    Raises
    ------
    ValueError
        If a value is not finite.
    """
    values = _image_array(path) if is_array(path) else deep_values(read_image(path))
    if not np.isfinite(values).all():
        raise ValueError("holds values that are not finite")
    digest = array_sha256(np.asarray(values, np.float64))
    return Deep(kind, (float(values.min()), float(values.max())), digest)


def read_pixels(
    path: Path, color: Literal["grey", "rgb"], header: Header, spans: dict[Kind, Span]
) -> NDArray[np.uint8]:
    """Decode an image upright, shape (height, width), or (height, width, 3) for RGB."""
    if not is_array(path):
        return as_uint8(read_image(path), color, spans)
    array = _image_array(path)
    if array.dtype == np.bool_:
        pixels = array.astype(np.uint8) * np.uint8(255)
    elif header.kind is None:
        pixels = array
    else:
        # One channel at a time: Pillow has no colour of more than 8 bits.
        span = {"float": spans[header.kind]}
        channels = array[:, :, None] if array.ndim == 2 else array
        pixels = np.dstack(
            [
                as_uint8(Image.fromarray(channels[:, :, at].astype(np.float32)), "grey", span)  # type: ignore[arg-type]
                for at in range(channels.shape[2])
            ]
        )
        pixels = pixels[:, :, 0] if array.ndim == 2 else pixels
    return as_uint8(Image.fromarray(np.ascontiguousarray(pixels)), color)


def orientation(path: Path) -> int:
    """Return the EXIF orientation of an image file; 1 is upright."""
    if is_array(path):
        return 1
    with contextlib.suppress(Exception), Image.open(path) as image:
        return int(image.getexif().get(_ORIENTATION, 1))
    return 1


def reason_of(path: Path, error: Exception) -> str:
    """Return why a file cannot be used, from what was raised, without its place."""
    with contextlib.suppress(OSError):
        if path.stat().st_size == 0:
            return "is an empty file"
    text = str(error).replace(str(path), path.name)
    return text.splitlines()[0] if text else type(error).__name__


def _image_array(path: Path) -> NDArray[Any]:
    array = read_array(path)
    if array.ndim == 3 and array.shape[2] != 3:
        order = "; its channels should be last" if array.shape[0] in (1, 3) else ""
        raise ValueError(
            f"is of shape {array.shape}; an image is (height, width) or (height, width, 3){order}"
        )
    return array
