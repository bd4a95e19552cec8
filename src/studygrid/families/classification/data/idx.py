"""The IDX format of MNIST-like datasets, gzipped or not. Cheap to import.

Two zero bytes, the type of the elements, the number of dimensions, each size as a big-endian
32-bit number, then the elements in C order (yann.lecun.com/exdb/mnist, "the IDX file format").
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

from studygrid.errors import DataError

_UNSIGNED_BYTE = 0x08


def find_idx(folder: Path, name: str) -> Path | None:
    """Return the IDX file of that name, or its gzipped form, or None."""
    candidates = (folder / name, folder / f"{name}.gz")
    return next((path for path in candidates if path.is_file()), None)


def read_idx(path: Path, dimensions: int) -> tuple[tuple[int, ...], bytes]:
    """Return the shape and the elements of an IDX file of unsigned bytes.

    Raises
    ------
    DataError
        If the file cannot be read, is of another type or has not the size that it states.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); get the file again") from None
    header = 4 + 4 * dimensions
    if content[:4] != bytes((0, 0, _UNSIGNED_BYTE, dimensions)) or len(content) < header:
        raise DataError(
            f"{path}: is not an IDX file of unsigned bytes with {dimensions} dimension"
            f"{'s' if dimensions > 1 else ''}; it starts with {content[:4].hex(' ') or 'nothing'}"
        )
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise DataError(
            f"{path}: states {math.prod(shape)} elements {shape} and holds "
            f"{len(content) - header}; get the file again"
        )
    return shape, content[header:]
