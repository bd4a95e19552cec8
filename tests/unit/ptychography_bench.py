"""A bench for ptychography: three small scans of smooth objects, as prepared data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from studygrid.families.base import SPLITS, Split
from studygrid.families.prepared import combined_sha256
from studygrid.families.ptychography.data.options import GroupOptions
from studygrid.families.ptychography.data.parts import Scan, write_parts
from studygrid.families.ptychography.data.scaling import expected_amplitudes
from studygrid.records import DataRecord, write_record
from studygrid.spec import DataSpec

SIDE = 16
PHOTONS = 1e5
STEP = 3.5
POSITIONS = 8  # along each side of a scan
BASE: dict[str, Any] = {
    "family": "ptychography",
    "model": "tiny",
    "architecture": "pinn",
    "options": {"width": 4, "depth": 2, "phase_passes": 2},
    "resolution": SIDE,
    "n_train": 32,
    "seed": 0,
    "training": {
        "steps": 6,
        "validations": 2,
        "batch_size": 8,
        "learning_rate": 0.005,
        "schedule": "constant",
    },
    "loss": {},
    "augmentation": {},
}
ENGINE: dict[str, Any] = {**BASE, "architecture": "iterative", "options": {"iterations": 5}}


def probe() -> NDArray[np.complex64]:
    """Return a Gaussian beam with a curved wave front, shape (16, 16)."""
    rows, columns = np.indices((SIDE, SIDE)) - SIDE / 2
    square = (rows**2 + columns**2) / 3.0**2
    beam: NDArray[np.complex64] = np.exp(-square * (0.5 + 0.4j)).astype(np.complex64)
    return beam


def smooth_object(seed: int) -> NDArray[np.complex64]:
    """Return an object of amplitude 0.8 to 1 and phase -0.6 to 0.6 rad, shape (41, 41)."""
    generator = np.random.default_rng(seed)
    side = SIDE + int((POSITIONS - 1) * STEP) + 1
    parts = gaussian_filter(generator.normal(size=(2, side, side)), (0, 2, 2))
    amplitude, phase = ((part - part.min()) / np.ptp(part) for part in parts)
    made: NDArray[np.complex64] = (0.8 + 0.2 * amplitude) * np.exp(1.2j * (phase - 0.5))
    return made.astype(np.complex64)


def scan(split: Split) -> Scan:
    """Return a scan of 64 positions on a raster with parts of a pixel, with Poisson noise."""
    number = SPLITS.index(split)
    places = np.arange(POSITIONS) * STEP
    positions = np.stack(np.meshgrid(places, places, indexing="ij"), -1).reshape(-1, 2)
    positions = positions.astype(np.float32)
    truth, beam = smooth_object(number), probe()
    expected = np.square(expected_amplitudes(truth, beam, positions))
    expected *= PHOTONS / expected.sum(axis=(1, 2)).mean()
    counts = np.random.default_rng(number).poisson(expected)
    return Scan(
        name=f"{split} scan",
        split=split,
        patterns=np.sqrt(counts).astype(np.float32),
        positions=positions,
        object=truth,
        probe=beam,
        facts={"file": f"{split}.npz"},
    )


def without_object(split: Split) -> Scan:
    """Return the scan of a split whose object is not known."""
    known = scan(split)
    return Scan(**{**vars(known), "object": np.full_like(known.object, np.nan)})


def write_scans(folder: Path, unknown: tuple[Split, ...] = (), **options: Any) -> Path:
    """Write prepared data of the three scans; return its record.

    Parameters
    ----------
    unknown
        Splits whose object is not known.
    options
        Of the groups.
    """
    folder.mkdir(parents=True)
    scans = [without_object(split) if split in unknown else scan(split) for split in SPLITS]
    parts = write_parts(folder, scans, GroupOptions(**options), SIDE, PHOTONS, {"probe": {}})
    spec = DataSpec(
        family="ptychography",
        dataset="simulated_scans",
        options={},
        resolution=SIDE,
        source="made here",
    )
    record = DataRecord(
        spec=spec,
        sha256=combined_sha256(parts.arrays, parts.splits),
        arrays=parts.arrays,
        splits=parts.splits,
        facts=parts.facts,
        duplicates_across_splits=parts.duplicates,
        sequential=parts.sequential,
        licence="",
        citation="",
    )
    write_record(folder / "data.json", record)
    return folder / "data.json"
