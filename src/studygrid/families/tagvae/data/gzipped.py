"""Lines of a gzipped text."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from studygrid.errors import DataError


def read_lines(path: Path) -> list[str]:
    """Return the lines of a gzipped UTF-8 text.

    Raises
    ------
    DataError
        If the file cannot be read, is not gzipped, is cut off, or holds another encoding.
    """
    try:
        return gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read as gzipped text ({error}); get the file again"
        ) from None
