"""An .npz file of tags, read with every value checked."""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from studygrid.errors import DataError
from studygrid.families.tagvae.data.rows import TagRows, rows_of_matrix
from studygrid.families.tagvae.data.table.cells import NOT_BINARY, split_number
from studygrid.families.tagvae.data.table.violations import Violations, shown

_ARRAYS = ("tags", "names", "split")
_SHOULD = "it should hold `tags` (rows, tags) of 0 and 1, `names` (tags,) and `split` (rows,)"


def read_npz(path: Path) -> TagRows:
    """Read an .npz file; rows and columns count from 0. Python objects are never loaded.

    Raises
    ------
    DataError
        If the file cannot be read or its arrays cannot be used, or with all values that cannot.
    """
    arrays = _load(path)
    tags = _tags(path, arrays)
    names = _names(path, arrays.get("names"), tags.shape[1])
    violations = Violations(path)
    wrong = ~((tags == 0) | (tags == 1))
    for row, column in np.argwhere(wrong).tolist():
        what = f"{shown(tags[row, column])} {NOT_BINARY}"
        violations.add(f"`tags`, row {row}, column {names[column]!r}", what)
    splits = _splits(path, arrays.get("split"), len(tags), violations)
    violations.raise_any("repair the file")
    return rows_of_matrix(csr_array(tags == 1), names, splits)


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        file = np.load(path, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise ValueError("it is an .npy file")
        with file:
            return {name: file[name] for name in _ARRAYS if name in file.files} or {
                name: np.empty(0) for name in file.files
            }
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        remedy = "write it with numpy.savez, and names as numpy.array(names, dtype=str)"
        raise DataError(f"{path}: cannot be read as .npz ({error}); {remedy}") from None


def _tags(path: Path, arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    tags = arrays.get("tags")
    if tags is None:
        held = ", ".join(arrays) or "nothing"
        raise DataError(f"{path}: holds {held}, and no `tags`; {_SHOULD}")
    if tags.dtype.kind not in "biuf" or tags.ndim != 2:
        raise DataError(f"{path}: `tags` is {tags.dtype} {tags.shape}; {_SHOULD}")
    if 0 in tags.shape:
        raise DataError(f"{path}: `tags` is empty, of shape {tags.shape}; {_SHOULD}")
    return tags


def _names(path: Path, names: NDArray[Any] | None, count: int) -> list[str]:
    if names is None:
        width = len(str(count - 1))
        return [f"tag_{number:0{width}d}" for number in range(count)]
    if names.dtype.kind != "U" or names.shape != (count,):
        raise DataError(
            f"{path}: `names` is {names.dtype} {names.shape}; it should be text, one for each of "
            f"the {count} columns of `tags`"
        )
    listed = [str(name).strip() for name in names]
    wrong = ["an empty name"] if "" in listed else []
    wrong += [f"{name!r} {times} times" for name, times in Counter(listed).items() if times > 1]
    if wrong:
        what = " and ".join(wrong[:3])
        raise DataError(f"{path}: `names` holds {what}; each tag has one name of its own")
    return listed


def _splits(
    path: Path, split: NDArray[Any] | None, count: int, violations: Violations
) -> NDArray[np.int8] | None:
    if split is None:
        return None
    if split.dtype.kind != "U" or split.shape != (count,):
        raise DataError(
            f"{path}: `split` is {split.dtype} {split.shape}; it should be text, one for each of "
            f"the {count} rows of `tags`"
        )
    numbers = [
        split_number(word, f"`split`, row {row}", violations)
        for row, word in enumerate(split.tolist())
    ]
    return np.array(numbers, np.int8)
