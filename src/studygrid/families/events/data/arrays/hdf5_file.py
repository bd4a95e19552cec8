"""An HDF5 file, read by h5py; what it keeps in other files is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.npz_archive import Header

_LINKS = 16  # that are followed, one after the other
_DEPTH, _MOST_NAMES = 4, 1000
_NO_PACKAGE = "an HDF5 file needs h5py, which is not installed: pip install h5py"
_COPY = "copy the array into this file: changes elsewhere would not be seen"


class Hdf5File:
    """See `studygrid.families.events.data.arrays.files.ArraysFile`.

    Raises
    ------
    DataError
        If h5py is not installed, or the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._opened() as file:
            self.names: Sequence[str] = list(islice(_names(file, "", _DEPTH), _MOST_NAMES))

    def header(self, name: str) -> Header | None:
        """Return type and shape of a dataset; None where there is none of that name."""
        with self._opened() as file:
            found = self._dataset(file, name)
            return None if found is None else _header(found)

    def blocks(self, names: Sequence[str], rows: int) -> Iterator[dict[str, NDArray[Any]]]:
        """Read datasets of the same length, up to so many rows of each at a time."""
        with self._opened() as file:
            found = {name: self._dataset(file, name) for name in names}
            count = min(len(dataset) for dataset in found.values())
            for start in range(0, count, rows):
                yield {
                    name: _values(dataset, start, min(start + rows, count))
                    for name, dataset in found.items()
                }

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            import h5py
        except ImportError:
            raise DataError(f"{self.path}: {_NO_PACKAGE}") from None
        try:
            # Locks fail on some network disks, and reading needs none.
            with h5py.File(self.path, "r", locking=False) as file:
                yield file
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
            raise DataError(
                f"{self.path}: cannot be read as HDF5 ({error}); copy it again, or write it anew "
                "with h5py, without filters but gzip and lzf"
            ) from None

    def _dataset(self, file: Any, name: str) -> Any:
        """Return a dataset that this file itself keeps, or None where there is none."""
        import h5py

        kept = _followed(file, name)
        if isinstance(kept, str):
            raise DataError(
                f"{self.path}: `{name}`: expected an array in this file; found {kept}; {_COPY}"
            )
        if not isinstance(kept, h5py.Dataset) or not kept.shape:
            return None
        if kept.is_virtual or kept.external:
            raise DataError(
                f"{self.path}: `{name}`: expected an array in this file; found one whose values "
                f"are in other files; {_COPY}"
            )
        return kept


def _followed(file: Any, name: str) -> Any:
    """Return what a path leads to; a text tells of the other file that it leads into."""
    import h5py

    parts, at, links = [part for part in name.split("/") if part], file, 0
    while parts:
        link = at.get(parts[0], getlink=True) if isinstance(at, h5py.Group) else None
        if isinstance(link, h5py.ExternalLink):
            return f"an external link to {link.filename}"
        if isinstance(link, h5py.SoftLink):
            links += 1
            if links > _LINKS:
                return None
            at = file if link.path.startswith("/") else at
            parts = [part for part in link.path.split("/") if part] + parts[1:]
            continue
        if link is None:
            return None
        at = at[parts.pop(0)]
    return at


def _header(dataset: Any) -> Header:
    import h5py

    # Texts come as Python objects, and are text all the same.
    is_text = h5py.check_string_dtype(dataset.dtype) is not None
    return Header(np.dtype(np.str_) if is_text else dataset.dtype, dataset.shape)


def _values(dataset: Any, start: int, end: int) -> NDArray[Any]:
    import h5py

    if h5py.check_string_dtype(dataset.dtype) is not None:
        return np.asarray(dataset.asstr()[start:end]).astype(np.str_)
    return np.asarray(dataset[start:end])


def _names(group: Any, prefix: str, depth: int) -> Iterator[str]:
    """Yield the paths of datasets, without following links."""
    import h5py

    for key in group:
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            yield f"{prefix}{key}"
            continue
        found = group[key]
        if isinstance(found, h5py.Dataset):
            yield f"{prefix}{key}"
        elif isinstance(found, h5py.Group) and depth:
            yield from _names(found, f"{prefix}{key}/", depth - 1)
