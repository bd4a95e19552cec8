"""A scan's file, read and checked as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.families.npz_archive import Header, NpzArchive, open_archive
from studygrid.families.ptychography.data.files.contract import (
    COLUMNS,
    KEYS,
    OBJECT,
    ORDER,
    PATCHES,
    PROBE,
    ROWS,
    conversions,
)
from studygrid.families.ptychography.data.files.conventions import (
    Sample,
    convention_violations,
    patch_violations,
    sampled,
)
from studygrid.families.ptychography.data.files.headers import (
    header_violations,
    pattern_key,
    pattern_side,
    usable,
)
from studygrid.families.ptychography.data.files.patterns import (
    PatternFacts,
    copy_patterns,
    facts_of,
    pattern_violations,
)
from studygrid.families.ptychography.data.files.values import (
    coordinate_violations,
    corners,
    field_violations,
    position_violations,
    scan_order,
)
from studygrid.families.ptychography.data.files.violations import raise_scan_violations
from studygrid.families.violations import Violation


@dataclass(frozen=True)
class ScanFile:
    """What a file holds, in scan order and in its own units.

    Attributes
    ----------
    patterns
        float32, shape (n, N, N), mapped into memory.
    positions
        Row and column of the first px of each patch, float32, shape (n, 2).
    object
        complex64, shape (M, M'); all NaN where the file has none.
    probe
        complex64, shape (N, N).
    facts
        What was read, converted and passed over, as JSON values.
    """

    path: Path
    patterns: NDArray[np.float32]
    positions: NDArray[np.float32]
    object: NDArray[np.complex64]
    probe: NDArray[np.complex64]
    facts: dict[str, Any]


def read_scan(path: Path, side: int, copy: Path, *, needs_object: bool) -> ScanFile:
    """Read a file and check all that it holds.

    Parameters
    ----------
    side
        N, the resolution of the config in px.
    copy
        The .npy file to write, from which the patterns are then mapped into memory.
    needs_object
        Whether the file must hold the object, as a test scan must.

    Raises
    ------
    DataError
        If it is no .npz file or is damaged; or with everything in it that breaks the contract.
    """
    archive = open_archive(path)
    headers = archive.headers
    violations = header_violations(headers, side, needs_object)
    good = usable(headers)
    arrays = _small_arrays(archive, good)
    key = pattern_key(headers)
    patterns = copy_patterns(archive, key, copy) if key in good else None
    facts = None if patterns is None else facts_of(patterns)
    wrong = _value_violations(key, facts, arrays, pattern_side(headers))
    if patterns is not None and not violations and not wrong:
        wrong = _fit_violations(archive, key, patterns, arrays)
    raise_scan_violations(path, [*violations, *wrong])
    assert patterns is not None
    return _scan_file(archive, key, patterns, arrays)


def _small_arrays(archive: NpzArchive, good: Mapping[str, Header]) -> dict[str, NDArray[Any]]:
    """Return all but the patterns and their patches, of the contract's types."""
    types = {OBJECT: "c8", PROBE: "c8", COLUMNS: "f8", ROWS: "f8", ORDER: "i8"}
    with np.errstate(over="ignore", invalid="ignore"):
        return {key: archive.load(key).astype(types[key]) for key in types if key in good}


def _value_violations(
    key: str, facts: PatternFacts | None, arrays: Mapping[str, NDArray[Any]], side: int | None
) -> list[Violation]:
    found = [] if facts is None else pattern_violations(key, facts)
    for name in (OBJECT, PROBE):
        if name in arrays:
            found += field_violations(name, arrays[name])
    coordinates = [
        violation
        for name in (COLUMNS, ROWS)
        if name in arrays
        for violation in coordinate_violations(name, arrays[name])
    ]
    if side is not None and {OBJECT, COLUMNS, ROWS} <= arrays.keys() and not coordinates:
        x, y = arrays[COLUMNS], arrays[ROWS]
        if len(x) == len(y):
            coordinates += position_violations(x, y, side, arrays[OBJECT].shape)
    return found + coordinates


def _fit_violations(
    archive: NpzArchive, key: str, patterns: NDArray[np.float32], arrays: Mapping[str, Any]
) -> list[Violation]:
    if OBJECT not in arrays:
        return []
    chosen = sampled(len(patterns))
    x, y = (arrays[name][chosen] for name in (COLUMNS, ROWS))
    sample = Sample(np.array(patterns[chosen]), x, y, arrays[OBJECT], arrays[PROBE])
    found = convention_violations(key, sample)
    if PATCHES in archive.headers and not found:
        found += patch_violations(sample, _rows(archive, PATCHES, chosen).astype(np.complex64))
    return found


def _rows(archive: NpzArchive, key: str, chosen: NDArray[np.int64]) -> NDArray[Any]:
    """Return some rows of an array, which is not held as a whole."""
    found, start = [], 0
    for piece in archive.pieces(key):
        here = chosen[(chosen >= start) & (chosen < start + len(piece))]
        found.append(piece[here - start])
        start += len(piece)
    return np.concatenate(found)


def _scan_file(
    archive: NpzArchive,
    key: str,
    patterns: NDArray[np.float32],
    arrays: Mapping[str, NDArray[Any]],
) -> ScanFile:
    side = patterns.shape[-1]
    positions = corners(arrays[COLUMNS], arrays[ROWS], side)
    object_ = arrays.get(OBJECT)
    if object_ is None:
        # Without an object only differences count; they lie on one that is just large enough.
        positions -= np.floor(positions.min(axis=0))
        height, width = (np.ceil(positions.max(axis=0)).astype(int) + side).tolist()
        object_ = np.full((height, width), np.nan, np.complex64)
    places = scan_order(arrays.get(ORDER))
    if places is not None:
        patterns, positions = patterns[places], positions[places]
    last = np.array(object_.shape) - side
    return ScanFile(
        path=archive.path,
        patterns=patterns,
        positions=np.clip(positions, 0, last).astype(np.float32),
        object=object_,
        probe=arrays[PROBE],
        facts={
            "object": archive.path.name,
            "read_as_patterns": key,
            "converted": conversions(archive.headers),
            "passed_over": sorted(set(archive.headers) - set(KEYS)),
            "scan_order": "of the file" if places is None else ORDER,
            "has_object": OBJECT in arrays,
        },
    )
