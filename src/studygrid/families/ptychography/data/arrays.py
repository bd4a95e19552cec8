"""The arrays of prepared scans, written file by file."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.ptychography.data.groups import BLOCKS, blocks_of, draw_groups
from studygrid.families.ptychography.data.options import GroupOptions
from studygrid.families.ptychography.data.pieces import Part

ARRAYS = ("patterns", "positions", "scan", "objects", "probes", "groups", "block")
_PX_AT_ONCE = 1 << 20


def write_arrays(folder: Path, parts: Sequence[Part], options: GroupOptions) -> None:
    """Write all of `ARRAYS` into a folder; see `write_parts` for their shapes.

    Raises
    ------
    DataError
        If the disk has no room for them, or a part has too few patterns for its groups.
    """
    _require_space(folder, parts)
    _write_patterns(folder, parts)
    _write_objects(folder, parts)
    counts = [len(part.chosen) for part in parts]
    groups = [
        part.start + draw_groups(part.positions, options, number, part.label)
        for number, part in enumerate(parts)
    ]
    blocks = [number * BLOCKS**2 + blocks_of(part.positions) for number, part in enumerate(parts)]
    probes = [part.scan.probe * np.float32(part.scales.probe) for part in parts]
    arrays: dict[str, NDArray[Any]] = {
        "positions": np.concatenate([part.positions for part in parts]).astype(np.float32),
        "scan": np.repeat(np.arange(len(parts)), counts),
        "probes": np.stack(probes).astype(np.complex64),
        "groups": np.concatenate(groups),
        "block": np.concatenate(blocks),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def _require_space(folder: Path, parts: Sequence[Part]) -> None:
    # Writing to a mapped file on a full disk kills the process without a word.
    largest = np.max([part.scan.object.shape for part in parts], axis=0)
    needed = sum(4 * len(part.chosen) * part.scan.pattern_px**2 for part in parts)
    needed += 8 * len(parts) * int(largest.prod())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder}: patterns and objects take {needed >> 20} MiB and the disk has "
            f"{free >> 20} MiB left; make room, or give fewer patterns"
        )


def _write_patterns(folder: Path, parts: Sequence[Part]) -> None:
    side = parts[0].scan.pattern_px
    written = np.lib.format.open_memmap(
        folder / "patterns.npy",
        mode="w+",
        dtype=np.float32,
        shape=(parts[-1].start + len(parts[-1].chosen), side, side),
    )
    rows = max(1, _PX_AT_ONCE // side**2)
    for part in parts:
        for start in range(0, len(part.chosen), rows):
            chosen = part.chosen[start : start + rows]
            scaled = part.scan.patterns[chosen] * np.float32(part.scales.patterns)
            written[part.start + start : part.start + start + len(chosen)] = scaled
    written.flush()


def _write_objects(folder: Path, parts: Sequence[Part]) -> None:
    largest = np.max([part.scan.object.shape for part in parts], axis=0)
    written = np.lib.format.open_memmap(
        folder / "objects.npy",
        mode="w+",
        dtype=np.complex64,
        shape=(len(parts), *largest.tolist()),
    )
    written[:] = 1
    for number, part in enumerate(parts):
        height, width = part.scan.object.shape
        # An object that is not known is NaN, whatever it is multiplied by.
        factor = 1.0 if part.scales.object is None else part.scales.object
        written[number, :height, :width] = part.scan.object * np.float32(factor)
    written.flush()
