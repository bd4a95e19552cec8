"""Mask files of any kind to class numbers, and what they agree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from studygrid.families.images.decode import deep_values, read_header, read_image
from studygrid.families.segmentation.data.folder.reading import (
    is_array,
    read_array,
    require_one_page,
)

Coding = Literal["black", "truth", "0/1", "0/255", "numbers"]
Found = tuple[Coding, tuple[int, ...]]

_MOST_SHOWN = 8
# More values than this are the grey edges of black-and-white masks, and no classes.
_MOST_INFERRED = 32
# A JPEG of black and white holds other greys around its edges. Between these two a pixel may
# have been either; so many, beside the white ones, are put up with.
_DOUBTFUL = (64, 192)
_MOST_DOUBTFUL = 0.05


@dataclass(frozen=True)
class Mask:
    """A mask as it is in its file.

    Attributes
    ----------
    numbers
        Class numbers, shape (height, width).
    values
        The values that the file holds, sorted.
    coding
        How the values may be meant: ``black`` (all 0), ``truth`` (true and false, whatever the
        other files hold), 0 and 1, 0 and 255, or class numbers.
    """

    numbers: NDArray[np.uint8]
    values: tuple[int, ...]
    coding: Coding


@dataclass(frozen=True)
class Agreement:
    """What the masks of a folder hold, and which of them hold something else.

    Attributes
    ----------
    classes
        Number of classes.
    values
        What the values are, in words.
    problems
        Reason by position of the mask.
    """

    classes: int
    values: str
    problems: dict[int, str]


def read_mask(path: Path) -> Mask:
    """Read a mask upright, as its EXIF orientation says.

    Raises
    ------
    ValueError
        If it is no mask: of several pages or dimensions, coloured, partly transparent, or with
        values that are no whole numbers from 0 to 255.
    """
    raw = _mask_array(path) if is_array(path) else _mask_pixels(path)
    if raw.dtype == np.bool_:
        values = tuple(np.unique(raw).astype(int).tolist())
        return Mask(raw.astype(np.uint8), values, "truth" if any(values) else "black")
    numbers = _whole_numbers(raw)
    values = tuple(np.flatnonzero(np.bincount(numbers.ravel())).tolist())
    if values == (0,):
        return Mask(numbers, values, "black")
    if set(values) <= {0, 255}:
        return Mask((numbers == 255).astype(np.uint8), values, "0/255")
    return Mask(numbers, values, "0/1" if values[-1] == 1 else "numbers")


def agreement(found: Sequence[Found], declared: int | None) -> Agreement:
    """Find what the masks of a folder have in common.

    Two classes may be written 0 and 1 or 0 and 255, by what most masks hold, and in one way in
    all of them. Class numbers that are not declared are those from 0 on that occur without a
    gap.

    Parameters
    ----------
    found
        Coding and values of each mask.
    declared
        Number of the classes that the user names, if any.
    """
    white = sum(values[-1] == 255 for _, values in found)
    numbered = sum(coding in ("0/1", "numbers") and values[-1] < 255 for coding, values in found)
    if declared in (None, 2) and white and white >= numbered:
        return _black_and_white(found)
    return _class_numbers(found, declared, numbered)


def _black_and_white(found: Sequence[Found]) -> Agreement:
    clean = sum(coding == "0/255" for coding, _ in found)
    expected = (
        f"{clean} masks of this folder hold 0 and 255" if clean else "beside 255 only 0 is read"
    )
    problems = {
        at: f"holds {_listed(values)}; {expected}"
        for at, (coding, values) in enumerate(found)
        if coding in ("0/1", "numbers")
    }
    return Agreement(2, "0 and 255", problems)


def _class_numbers(found: Sequence[Found], declared: int | None, numbered: int) -> Agreement:
    used = {0}.union(*(values for coding, values in found if coding != "0/255"))
    classes = declared or next(number for number in range(257) if number not in used)
    last = min(classes, declared or _MOST_INFERRED) - 1
    if declared:
        expected = f"the {declared} declared classes are 0 to {last}"
    elif classes > _MOST_INFERRED:
        expected = f"more than {_MOST_INFERRED} classes are read only where `classes` names them"
    else:
        expected = f"no mask holds {classes}, and only `classes` can name classes that none holds"
    problems = {}
    for at, (coding, values) in enumerate(found):
        reason = expected
        if coding == "0/255" and numbered:
            reason = f"{numbered} masks of this folder hold class numbers"
        elif values[-1] == 255 > last:
            reason = f"{expected}; pixels to ignore are not known here"
        if coding == "0/255" or values[-1] > last:
            problems[at] = f"holds {_listed(values)}; {reason}"
    words = f"class numbers 0 to {last}" if numbered else "black and white"
    return Agreement(classes, words, problems)


def _listed(values: Sequence[int]) -> str:
    shown = ", ".join(map(str, values[:_MOST_SHOWN]))
    more = f", … ({len(values)} values)" if len(values) > _MOST_SHOWN else ""
    return f"the value{'' if len(values) == 1 else 's'} {shown}{more}"


def _mask_array(path: Path) -> NDArray[Any]:
    array = read_array(path)
    if array.ndim != 2:
        raise ValueError(f"is of shape {array.shape}; a mask is (height, width)")
    return array


def _mask_pixels(path: Path) -> NDArray[Any]:
    _, pages = read_header(path)
    require_one_page(pages)
    image = read_image(path)
    kind = image.format
    image = ImageOps.exif_transpose(image)
    if kind == "JPEG":
        return _black_or_white(image)
    if image.mode == "P":
        _require_sane_palette(image)
    if image.mode == "F":
        return deep_values(image)
    values = np.asarray(image)
    return values if values.ndim == 2 else _one_channel(values, image.mode)


def _one_channel(values: NDArray[Any], mode: str) -> NDArray[Any]:
    if mode in ("LA", "PA", "RGBA"):
        if values[:, :, -1].min() < 255:
            raise ValueError("is transparent in parts; write a mask without an alpha channel")
        values = values[:, :, :-1]
    if values.shape[2] == 1 or (mode in ("RGB", "RGBA") and np.ptp(values, axis=2).max() == 0):
        return values[:, :, 0]
    raise ValueError(
        f"is a colour picture ({mode}); a mask holds one number a pixel, as grey or as the index "
        "of a palette"
    )


def _require_sane_palette(image: Image.Image) -> None:
    """Refuse a palette that shows the background in white and the foreground in black."""
    palette = image.getpalette("RGB") or []
    colors = [tuple(palette[at : at + 3]) for at in (0, 3)]
    white, black = (255, 255, 255), (0, 0, 0)
    if colors[0] == white and colors[1] in (black, ()):
        raise ValueError("has a palette that shows 0 in white and 1 in black; write it as grey")


def _black_or_white(image: Image.Image) -> NDArray[np.bool_]:
    grey = np.asarray(image.convert("L"))
    low, high = _DOUBTFUL
    white = int((grey >= high).sum())
    doubtful = int(((grey >= low) & (grey < high)).sum())
    if (grey.max() > 0 and white == 0) or doubtful > _MOST_DOUBTFUL * white:
        raise ValueError(
            f"is a JPEG that is not black and white ({white} pixels are white, {doubtful} are "
            f"neither, from {low} to {high - 1}); JPEG changes values: write masks as PNG"
        )
    return grey >= 128


def _whole_numbers(values: NDArray[Any]) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    if not np.isfinite(values).all():
        raise ValueError("holds values that are not finite")
    parts = values[values != np.rint(values)]
    if parts.size:
        raise ValueError(f"holds values that are not whole numbers, such as {parts[0]:.4g}")
    if values.min() < 0 or values.max() > 255:
        found = [int(value) for value in np.unique(values)]
        raise ValueError(f"holds {_listed(found)}; class numbers are 0 to 255")
    return values.astype(np.uint8)
