"""Pairs read by several threads and written, resized, as they come."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from studygrid.families.images.arrays import require_space
from studygrid.families.images.decode import Kind, Span, span_of
from studygrid.families.images.resize import Fit, resize_square
from studygrid.families.prepared import array_sha256
from studygrid.families.segmentation.data.folder.masks import Coding, read_mask
from studygrid.families.segmentation.data.folder.pairs import Broken, File, Pair
from studygrid.families.segmentation.data.folder.reading import (
    Deep,
    Header,
    orientation,
    read_deep,
    read_image_header,
    read_pixels,
    reason_of,
)
from studygrid.families.segmentation.data.folder.resizing import resize_mask, square_mask

# Pairs that are read before they are written: they are kept in memory.
_WAITING = 64
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Written:
    """What is known of a pair beside its resized pixels.

    Attributes
    ----------
    height, width
        Of the native image, upright, px.
    digest, mask_digest
        Hash of the native image and of the native class numbers.
    coding, values
        What the mask's file holds.
    foreground, foreground_in_square, foreground_left
        Whether the mask has any: in its file, in the part that is kept, and after resizing.
    turned
        Whether the image's EXIF orientation turns it, and its mask's does not.
    """

    height: int
    width: int
    digest: str
    mask_digest: str
    coding: Coding
    values: tuple[int, ...]
    foreground: bool
    foreground_in_square: bool
    foreground_left: bool
    turned: bool


@dataclass(frozen=True)
class Contents:
    """What pairs hold.

    Attributes
    ----------
    pairs
        What is known of each pair; None where a file of it cannot be used.
    broken
        These files by position of the pair.
    deep
        What images of more than 8 bits hold, by position of the pair.
    spans
        What became 0 and 255 in them.
    """

    pairs: list[Written | None]
    broken: dict[int, list[Broken]]
    deep: dict[int, Deep]
    spans: dict[Kind, Span]

    def spans_of(self, positions: Collection[int]) -> dict[Kind, Span]:
        """Return the spans of some images by position, or of all where these have no such kind."""
        return self.spans | _spans(self.deep[at] for at in positions if at in self.deep)


@dataclass(frozen=True)
class _Ready:
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    facts: Written


class _Notes:
    """Files that cannot be used, by position of their pair."""

    def __init__(self) -> None:
        self.broken: dict[int, list[Broken]] = {}

    @contextlib.contextmanager
    def about(self, position: int, file: File) -> Iterator[None]:
        """Take note of what is raised over a file."""
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:  # decoders raise anything on a damaged file
            self.add(position, Broken(file.name, reason_of(file.path, error)))

    def add(self, position: int, broken: Broken) -> None:
        """Take note of a file, for one reason."""
        known = self.broken.setdefault(position, [])
        if broken.name not in {one.name for one in known}:
            known.append(broken)


def write_pairs(
    folder: Path,
    pairs: Sequence[Pair],
    side: int,
    fit: Fit,
    color: Literal["auto", "grey", "rgb"],
    workers: int,
) -> Contents:
    """Write ``images.npy`` and ``masks.npy``, a row a pair; rows of unusable pairs stay zero.

    Raises
    ------
    DataError
        If the disk has no room for them.
    """
    notes = _Notes()
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        headers = _read_headers(pool, pairs, notes)
        grey = all(header.grey for header in headers if header is not None)
        rgb = not grey if color == "auto" else color == "rgb"
        deep = _read_deep(pool, pairs, headers, notes)
        spans = _spans(deep.values())
        shade: Literal["grey", "rgb"] = "rgb" if rgb else "grey"
        reader = _Reader(pairs, side, fit, shade, headers, deep, spans, notes)
        known = _write(folder, pool, reader, len(pairs), 3 if rgb else 1, side)
    return Contents(known, notes.broken, deep, spans)


def rescale(
    folder: Path,
    pairs: Sequence[Pair],
    contents: Contents,
    spans: dict[Kind, Span],
    fit: Fit,
    workers: int,
) -> Contents:
    """Write those images anew that other spans change; values beyond them are clipped.

    Parameters
    ----------
    folder, pairs, contents
        What `write_pairs` wrote, without a broken file.
    spans
        What becomes 0 and 255, of each kind.
    """
    changed = [
        at for at, one in contents.deep.items() if spans[one.kind] != contents.spans[one.kind]
    ]
    if changed:
        images = open_memmap(folder / "images.npy", mode="r+")
        shade: Literal["grey", "rgb"] = "rgb" if images.shape[1] == 3 else "grey"

        def image(position: int) -> NDArray[np.uint8]:
            path = pairs[position].image.path
            pixels = read_pixels(path, shade, read_image_header(path), spans)
            return resize_square(pixels, images.shape[2], fit)

        with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
            for position, pixels in zip(changed, _in_turn(pool, image, changed), strict=True):
                images[position] = pixels
        images.flush()
    return replace(contents, spans=spans)


def _read_headers(
    pool: ThreadPoolExecutor, pairs: Sequence[Pair], notes: _Notes
) -> list[Header | None]:
    def header(position: int) -> Header | None:
        image = pairs[position].image
        with notes.about(position, image):
            return read_image_header(image.path)
        return None

    return list(pool.map(header, range(len(pairs))))


def _read_deep(
    pool: ThreadPoolExecutor,
    pairs: Sequence[Pair],
    headers: Sequence[Header | None],
    notes: _Notes,
) -> dict[int, Deep]:
    there = [
        (position, header.kind)
        for position, header in enumerate(headers)
        if header is not None and header.kind is not None
    ]

    def read(item: tuple[int, Kind]) -> Deep | None:
        image = pairs[item[0]].image
        with notes.about(item[0], image):
            return read_deep(image.path, item[1])
        return None

    found = zip(there, pool.map(read, there), strict=True)
    return {position: one for (position, _), one in found if one is not None}


def _spans(deep: Iterable[Deep]) -> dict[Kind, Span]:
    ends: dict[Kind, Span] = {}
    for one in deep:
        low, high = one.extremes
        lowest, highest = ends.get(one.kind, one.extremes)
        ends[one.kind] = min(low, lowest), max(high, highest)
    return {kind: span_of(low, high, kind) for kind, (low, high) in ends.items()}


@dataclass(frozen=True)
class _Reader:
    """Reads and resizes a pair by its position."""

    pairs: Sequence[Pair]
    side: int
    fit: Fit
    color: Literal["grey", "rgb"]
    headers: Sequence[Header | None]
    deep: dict[int, Deep]
    spans: dict[Kind, Span]
    notes: _Notes

    def __call__(self, position: int) -> _Ready | None:
        pair, header, deep = self.pairs[position], self.headers[position], self.deep.get(position)
        image = mask = None
        with self.notes.about(position, pair.image):
            if header is not None and position not in self.notes.broken:
                image = read_pixels(pair.image.path, self.color, header, self.spans)
        with self.notes.about(position, pair.mask):
            mask = read_mask(pair.mask.path)
        if image is None or mask is None:
            return None
        turned = orientation(pair.image.path) > 1 and orientation(pair.mask.path) == 1
        if image.shape[:2] != mask.numbers.shape:
            reason = f"is {_size(mask.numbers)} and its image {_size(image)}"
            upright = " (height and width; the image is turned as its EXIF orientation says)"
            self.notes.add(position, Broken(pair.mask.name, reason + (upright if turned else "")))
            return None
        resized = resize_mask(mask.numbers, self.side, self.fit)
        return _Ready(
            resize_square(image, self.side, self.fit),
            resized,
            Written(
                height=image.shape[0],
                width=image.shape[1],
                digest=array_sha256(image) if deep is None else deep.digest,
                mask_digest=array_sha256(mask.numbers),
                coding=mask.coding,
                values=mask.values,
                foreground=bool(mask.numbers.any()),
                foreground_in_square=bool(square_mask(mask.numbers, self.fit).any()),
                foreground_left=bool(resized.any()),
                turned=turned,
            ),
        )


def _size(pixels: NDArray[np.uint8]) -> str:
    return f"{pixels.shape[0]} x {pixels.shape[1]} px"


def _write(
    folder: Path,
    pool: ThreadPoolExecutor,
    reader: Callable[[int], _Ready | None],
    count: int,
    channels: int,
    side: int,
) -> list[Written | None]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("images", "masks"):
        (folder / f"{name}.npy").unlink(missing_ok=True)
    require_space(folder, count * (channels + 1) * side * side)
    images = open_memmap(
        folder / "images.npy", mode="w+", dtype=np.uint8, shape=(count, channels, side, side)
    )
    masks = open_memmap(folder / "masks.npy", mode="w+", dtype=np.uint8, shape=(count, side, side))
    known: list[Written | None] = []
    for position, ready in enumerate(_in_turn(pool, reader, range(count))):
        known.append(None if ready is None else ready.facts)
        if ready is not None:
            images[position], masks[position] = ready.image, ready.mask
    images.flush()
    masks.flush()
    return known


def _in_turn(
    pool: ThreadPoolExecutor, work: Callable[[_Item], _Result], items: Sequence[_Item]
) -> Iterator[_Result]:
    """Yield the results in order, with a few of them waiting at most."""
    for start in range(0, len(items), _WAITING):
        yield from pool.map(work, items[start : start + _WAITING])
