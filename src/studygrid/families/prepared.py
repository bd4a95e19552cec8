"""Prepared data: arrays resized once, mapped into memory by every later job."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from studygrid.errors import DataError
from studygrid.records import ArrayFile, DataRecord, DuplicateSample, SplitFacts, read_record

if TYPE_CHECKING:
    from studygrid.families.base import Split

# Of a larger array the shape is checked alone: to hash it is to read it whole.
_HASHED_BYTES = 1 << 28


@dataclass(frozen=True)
class PreparedParts:
    """What a dataset's preparation wrote, as its record tells it.

    Attributes
    ----------
    sequential
        Whether a training subset is the first samples of the split, and not drawn from it.
    """

    arrays: dict[str, ArrayFile]
    splits: dict[str, SplitFacts]
    facts: dict[str, Any]
    duplicates: list[DuplicateSample]
    sequential: bool = False


def array_sha256(array: np.ndarray[Any, Any]) -> str:
    """Return the hash of an array's dtype, shape and values, read in pieces."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    rows = max(1, (1 << 24) // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        digest.update(np.ascontiguousarray(array[start : start + rows]).tobytes())
    return digest.hexdigest()


def describe_array(folder: Path, name: str) -> ArrayFile:
    """Return the facts of the array that was written to ``folder/name.npy``."""
    array = np.load(folder / f"{name}.npy", mmap_mode="r")
    return ArrayFile(
        file=f"{name}.npy",
        shape=list(array.shape),
        dtype=str(array.dtype),
        sha256=array_sha256(array),
    )


def write_split(
    folder: Path, split: str, indices: np.ndarray[Any, Any], labels: np.ndarray[Any, Any] | None
) -> SplitFacts:
    """Write the indices of a split; `labels` are the class numbers of all samples."""
    indices = np.sort(np.asarray(indices, dtype=np.int64))
    np.save(folder / f"{split}.npy", indices)
    counts = None
    if labels is not None:
        counts = np.bincount(labels[indices], minlength=int(labels.max()) + 1).tolist()
    return SplitFacts(
        file=f"{split}.npy", sha256=array_sha256(indices), count=len(indices), class_counts=counts
    )


def combined_sha256(arrays: Mapping[str, ArrayFile], splits: Mapping[str, SplitFacts]) -> str:
    """Return one hash of all arrays and splits."""
    hashes = {name: facts.sha256 for name, facts in arrays.items()}
    hashes |= {name: facts.sha256 for name, facts in splits.items()}
    lines = sorted(f"{name} {sha256}" for name, sha256 in hashes.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class PreparedData:
    """A prepared dataset at one resolution, opened for reading.

    Raises
    ------
    DataError
        If an array is missing or is not the one that the record names.
    """

    def __init__(self, record_path: Path) -> None:
        self.record = read_record(record_path, DataRecord)
        self.folder = record_path.parent
        self._hashed: set[str] = set()

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """Map an array into memory, read-only."""
        facts = self.record.arrays[name]
        path = self.folder / facts.file
        hint = f"delete {self.folder / 'data.json'} to prepare it again"
        try:
            array: np.ndarray[Any, Any] = np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: cannot be read ({error}); {hint}") from None
        if list(array.shape) != facts.shape or str(array.dtype) != facts.dtype:
            raise DataError(
                f"{path}: holds {array.dtype} {array.shape}, its record says "
                f"{facts.dtype} {tuple(facts.shape)}; {hint}"
            )
        if name not in self._hashed and array.nbytes <= _HASHED_BYTES:
            if array_sha256(array) != facts.sha256:
                raise DataError(f"{path}: is not what its record names; {hint}")
            self._hashed.add(name)
        return array

    def indices(self, split: Split) -> np.ndarray[Any, Any]:
        """Return the sorted indices of a split, int64."""
        facts = self.record.splits[split]
        path = self.folder / facts.file
        hint = f"delete {self.folder / 'data.json'} to prepare it again"
        try:
            indices: np.ndarray[Any, Any] = np.load(path)
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: cannot be read ({error}); {hint}") from None
        if array_sha256(indices) != facts.sha256:
            raise DataError(f"{path}: is not what its record names; {hint}")
        return indices
