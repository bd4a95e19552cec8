"""A scan written as a file of the contract."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.ptychography.data.files.contract import (
    COLUMNS,
    OBJECT,
    ORDER,
    PATCHES,
    PATTERNS,
    PROBE,
    ROWS,
)
from studygrid.families.ptychography.data.scaling import scales_of
from studygrid.families.ptychography.data.scans import Scan
from studygrid.families.ptychography.physics import extract

_PX_AT_ONCE = 1 << 22


def write_scan(path: Path, scan: Scan, *, patches: bool = False) -> None:
    """Write a scan as a compressed .npz file of the contract, whole or not at all.

    The patterns are scaled to a maximum of 1. The probe is scaled so that it and the object, which
    is left as it is, explain them in their unit.

    Parameters
    ----------
    patches
        Whether to write the patches of the object as ``Y`` too. studygrid does without; the
        loaders of the guide's project need them for supervised training.

    Raises
    ------
    DataError
        If the path does not end in .npz, the folder cannot be written to, patches are asked for
        of an object that is not known, or patterns or probe hold no light.
    """
    if path.suffix != ".npz":
        raise DataError(f"{path}: should end in .npz")
    if patches and not scan.has_object:
        raise DataError(f"{path}: {scan.name} has no object of which patches could be written")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as temporary:
            arrays = _arrays(scan, Path(temporary), patches)
            written = Path(temporary) / path.name
            np.savez_compressed(written, allow_pickle=False, **arrays)
            written.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from None


def _arrays(scan: Scan, folder: Path, patches: bool) -> dict[str, Any]:
    scales, highest = scales_of(scan), float(scan.patterns.max())
    factor = scales.probe * (scales.object or 1.0) / (scales.patterns * highest)
    centres = scan.positions.astype(np.float64) + scan.pattern_px / 2
    arrays: dict[str, NDArray[Any]] = {
        PATTERNS: _scaled_patterns(scan, 1 / highest, folder),
        PROBE: (scan.probe * np.float32(factor)).astype(np.complex64),
        COLUMNS: centres[:, 1],
        ROWS: centres[:, 0],
        ORDER: np.arange(len(scan.patterns), dtype=np.int64),
    }
    if scan.has_object:
        arrays[OBJECT] = scan.object.astype(np.complex64)
    if patches:
        arrays[PATCHES] = _patches(scan, folder)
    return arrays


def _scaled_patterns(scan: Scan, factor: float, folder: Path) -> NDArray[np.float32]:
    shape = scan.patterns.shape
    scaled = npy.open_memmap(folder / "patterns.npy", mode="w+", dtype=np.float32, shape=shape)
    for some in _pieces(scan):
        scaled[some] = scan.patterns[some] * np.float32(factor)
    return scaled


def _patches(scan: Scan, folder: Path) -> NDArray[np.complex64]:
    shape, object_ = scan.patterns.shape, torch.from_numpy(scan.object.astype(np.complex64))
    cut = npy.open_memmap(folder / "patches.npy", mode="w+", dtype=np.complex64, shape=shape)
    for some in _pieces(scan):
        positions = torch.from_numpy(scan.positions[some])
        cut[some] = extract(object_, positions, scan.pattern_px).numpy()
    return cut


def _pieces(scan: Scan) -> list[slice]:
    rows = max(1, _PX_AT_ONCE // scan.pattern_px**2)
    return [slice(start, start + rows) for start in range(0, len(scan.patterns), rows)]
