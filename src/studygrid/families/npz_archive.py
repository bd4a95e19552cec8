"""An .npz file, opened array by array: what is not asked for is never loaded, nor unpickled."""

from __future__ import annotations

import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.paths import path_problem

_SUFFIX = ".npy"
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_VALUES_AT_ONCE = 1 << 22
# What zipfile, zlib and numpy raise of a damaged file.
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    tokenize.TokenError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Header:
    """Type and shape of an array, without its values."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def is_pickled(self) -> bool:
        """Whether its values are Python objects."""
        return bool(self.dtype.hasobject)

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


@dataclass(frozen=True)
class NpzArchive:
    """A file that is an .npz by its looks.

    Attributes
    ----------
    headers
        Of each array by its name.
    """

    path: Path
    headers: dict[str, Header]

    def load(self, key: str) -> NDArray[Any]:
        """Read one array.

        Raises
        ------
        DataError
            If it is damaged.
        """
        with explained(self.path, f"`{key}` "), np.load(self.path, allow_pickle=False) as file:
            array: NDArray[Any] = file[key]
        return array

    def pieces(self, key: str) -> Iterator[NDArray[Any]]:
        """Read one array in pieces along its first axis.

        Raises
        ------
        DataError
            If it is damaged.
        """
        with explained(self.path, f"`{key}` "):
            yield from self._pieces(key)

    def _pieces(self, key: str) -> Iterator[NDArray[Any]]:
        with zipfile.ZipFile(self.path) as file, file.open(f"{key}{_SUFFIX}") as member:
            shape, fortran_order, dtype = _parsed(member)
            if fortran_order:
                yield self.load(key)
                return
            size = math.prod(shape[1:])
            most = max(1, _VALUES_AT_ONCE // size)
            for start in range(0, shape[0], most):
                rows = min(most, shape[0] - start)
                content = member.read(rows * size * dtype.itemsize)
                yield np.frombuffer(content, dtype).reshape(rows, *shape[1:])
            member.read(1)  # to the end, where the check sum is compared


def open_archive(path: Path) -> NpzArchive:
    """Read the names, types and shapes of all arrays of a file.

    Raises
    ------
    DataError
        If there is no such file, or it is not an .npz or is damaged.
    """
    missing = path_problem(path, "file")
    if missing:
        raise DataError(missing)
    with explained(path, ""):
        if not path.stat().st_size:
            raise ValueError("it is empty")
        if not zipfile.is_zipfile(path):
            raise ValueError(_what_it_is(path))
        with zipfile.ZipFile(path) as archive:
            _refuse_repeated(archive)
            members = [info for info in archive.infolist() if info.filename.endswith(_SUFFIX)]
            headers = {info.filename[: -len(_SUFFIX)]: _header(archive, info) for info in members}
    return NpzArchive(path, headers)


@contextmanager
def explained(path: Path, what: str) -> Iterator[None]:
    """Turn what a damaged file raises into one error.

    Raises
    ------
    DataError
        If anything of the kind is raised within.
    """
    try:
        # Of a header that Python 2 wrote; it is read all the same.
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            yield
    except _DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise DataError(
            f"{path}: {what}cannot be read as .npz ({reason}); write the file with "
            "numpy.savez_compressed, or copy it again"
        ) from None


def _what_it_is(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"\x93NUMPY"):
        return "it is an .npy file of one array"
    if start.startswith(b"\x89HDF"):
        return "it is an HDF5 file"
    if start.startswith(b"PK"):
        return "it is a zip archive that ends too early, or is damaged"
    return "it is no zip archive"


def _refuse_repeated(archive: zipfile.ZipFile) -> None:
    counts = Counter(archive.namelist())
    twice = [name for name, times in counts.items() if times > 1]
    if twice:
        raise ValueError(f"it holds {twice[0]} {counts[twice[0]]} times")


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Header:
    with archive.open(info) as member:
        shape, _, dtype = _parsed(member)
        # A damaged shape would otherwise ask for any amount of memory.
        if not dtype.hasobject and member.tell() + math.prod(shape) * dtype.itemsize != (
            info.file_size
        ):
            raise ValueError(
                f"{info.filename} has {info.file_size} bytes, which are not {dtype} {shape}"
            )
    return Header(dtype, shape)


def _parsed(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(member)
    if version not in _HEADERS:
        raise ValueError(f"its .npy format {version} is not known")
    shape, fortran_order, dtype = _HEADERS[version](member)
    return shape, fortran_order, dtype
