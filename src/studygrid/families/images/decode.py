"""From an image file of any mode to 8 bits, grey or colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

Kind = Literal["integer", "float"]
Span = tuple[float, float]

_DEEP: dict[str, Kind] = {
    "I": "integer",
    "I;16": "integer",
    "I;16L": "integer",
    "I;16B": "integer",
    "I;16N": "integer",
    "F": "float",
}
_GREY = frozenset({"1", "L", "LA", "La", *_DEEP})
_BIT_DEPTHS = (8, 10, 12, 14, 16)


def is_grey(mode: str) -> bool:
    """Tell whether a Pillow mode has no colour; a palette counts as colour."""
    return mode in _GREY


def deep_kind(mode: str) -> Kind | None:
    """Return what a mode of more than 8 bits holds, or None for 8 bits."""
    return _DEEP.get(mode)


def read_header(path: Path) -> tuple[str, int]:
    """Return the mode of an image file and its number of pages (more than one in TIFF alone)."""
    with _opened(path) as image:
        pages = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
        return image.mode, pages


def read_image(path: Path) -> Image.Image:
    """Decode an image file; of several pages the first."""
    with _opened(path) as image:
        # A library that renders pages sets it for its whole process, and Pillow then fills what a
        # cut file lacks with grey.
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        image.load()
        return image


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    # Given a path, Pillow (seen in 13.0) maps an uncompressed TIFF with its sides swapped where
    # the orientation is 5 to 8, and returns scrambled pixels; given a file, it reads it.
    with path.open("rb") as file:
        try:
            image = Image.open(file)
        except UnidentifiedImageError:
            raise ValueError("not an image of a kind that Pillow reads") from None
        with image:
            yield image


def deep_values(image: Image.Image) -> NDArray[Any]:
    """Return the values of an image of more than 8 bits, shape (height, width).

    Raises
    ------
    ValueError
        If a value is not finite.
    """
    values = np.asarray(image)
    if not np.isfinite(values).all():
        raise ValueError("holds values that are not finite")
    return values


def span_of(lowest: float, highest: float, kind: Kind) -> Span:
    """Return the values that become 0 and 255, from the extremes of all images of a kind.

    One span for all images keeps their brightness comparable. Whole numbers span the least
    usual bit depth that holds them, since cameras store 12 bits in 16; fractions within 0 to 1
    or 0 to 255 keep that span; anything else spans its extremes.
    """
    if lowest >= 0:
        ends = [2.0**bits - 1 for bits in _BIT_DEPTHS] if kind == "integer" else [1.0, 255.0]
        held = [end for end in ends if highest <= end]
        if held:
            return 0.0, held[0]
    return float(lowest), float(highest)


def as_uint8(
    image: Image.Image,
    color: Literal["grey", "rgb"] | None = None,
    spans: Mapping[Kind, Span] | None = None,
) -> NDArray[np.uint8]:
    """Return an image as 8 bits, upright as its EXIF orientation says.

    Parameters
    ----------
    image
        Of any mode. What is transparent is laid over black, as padding is.
    color
        What to convert to; None keeps grey images grey and makes all others RGB.
    spans
        See `span_of`; the image's own extremes where its kind is not named.

    Returns
    -------
    numpy.ndarray
        Shape (height, width), or (height, width, 3) for RGB.
    """
    kind = deep_kind(image.mode)
    grey = is_grey(image.mode) if color is None else color == "grey"
    image = ImageOps.exif_transpose(image)
    if kind is not None:
        values = deep_values(image)
        span = (spans or {}).get(kind) or span_of(float(values.min()), float(values.max()), kind)
        image = Image.fromarray(_scaled(values, span))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image).convert("RGB")
    return np.asarray(image.convert("L" if grey else "RGB"))


def _scaled(values: NDArray[Any], span: Span) -> NDArray[np.uint8]:
    low, high = span
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    scaled = (values.astype(np.float64) - low) * (255 / (high - low))
    return np.rint(scaled).clip(0, 255).astype(np.uint8)
