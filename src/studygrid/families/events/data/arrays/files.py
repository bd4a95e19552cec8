"""A file of arrays, NPZ or HDF5, read in blocks of events; nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.npz_archive import Header, NpzArchive, open_archive
from studygrid.families.paths import path_problem

Rows = dict[str, NDArray[Any]]

_HDF5, _ZIP = b"\x89HDF\r\n\x1a\n", b"PK"


class ArraysFile(Protocol):
    """A file of named arrays."""

    @property
    def path(self) -> Path:
        """Where it is."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """Names of the arrays that it holds."""
        ...

    def header(self, name: str) -> Header | None:
        """Return type and shape of an array; None where there is no such array.

        Raises
        ------
        DataError
            If the array is kept in another file.
        """
        ...

    def blocks(self, names: Sequence[str], rows: int) -> Iterator[Rows]:
        """Read arrays of the same length, up to so many rows of each at a time.

        Raises
        ------
        DataError
            If one is damaged.
        """
        ...


def open_arrays(path: Path) -> ArraysFile:
    """Open a file; its kind is told by how it begins, not by its name.

    Raises
    ------
    DataError
        If there is no such file, or it is neither NPZ nor HDF5, or is damaged.
    """
    missing = path_problem(path, "file")
    if missing:
        raise DataError(missing)
    try:
        with path.open("rb") as file:
            start = file.read(len(_HDF5))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if start == _HDF5:
        from studygrid.families.events.data.arrays.hdf5_file import Hdf5File

        return Hdf5File(path)
    if start.startswith(_ZIP):
        return _NpzFile(open_archive(path))
    what = "empty" if not start else "an .npy file of one array" if b"NUMPY" in start else "neither"
    raise DataError(
        f"{path}: expected an .npz or HDF5 file; found {what}; write it with "
        "numpy.savez_compressed(file, tokens=..., mask=..., globals=..., labels=...)"
    )


def read_whole(file: ArraysFile, name: str) -> NDArray[Any]:
    """Read one array, of one number an event, as a whole."""
    return np.concatenate([rows[name] for rows in file.blocks([name], 1 << 20)])


class _NpzFile:
    """An .npz file, whose arrays are streams: each is read once, from its first row on."""

    def __init__(self, archive: NpzArchive) -> None:
        self._archive = archive

    @property
    def path(self) -> Path:
        return self._archive.path

    @property
    def names(self) -> Sequence[str]:
        return list(self._archive.headers)

    def header(self, name: str) -> Header | None:
        return self._archive.headers.get(name)

    def blocks(self, names: Sequence[str], rows: int) -> Iterator[Rows]:
        streams = {name: _rows(self._archive.pieces(name), rows) for name in names}
        for blocks in zip(*streams.values(), strict=True):
            yield dict(zip(streams, blocks, strict=True))


def _rows(pieces: Iterator[NDArray[Any]], rows: int) -> Iterator[NDArray[Any]]:
    """Yield the rows of pieces of any length, so many at a time; fewer at the end alone."""
    held: list[NDArray[Any]] = []
    for piece in pieces:
        held.append(piece)
        while sum(map(len, held)) >= rows:
            joined = np.concatenate(held)
            yield joined[:rows]
            held = [joined[rows:]]
    if sum(map(len, held)):
        yield np.concatenate(held)
