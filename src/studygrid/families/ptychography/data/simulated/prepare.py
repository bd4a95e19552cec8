"""The dataset `simulated_scans`: objects, probe, positions and counts, written and described."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.base import SPLITS, Split
from studygrid.families.prepared import PreparedParts
from studygrid.families.ptychography.data.parts import write_parts
from studygrid.families.ptychography.data.scaling import expected_amplitudes, pattern_energies
from studygrid.families.ptychography.data.scans import Scan, check_pattern_px
from studygrid.families.ptychography.data.simulated.objects import make_object
from studygrid.families.ptychography.data.simulated.options import SimulatedScansOptions
from studygrid.families.ptychography.data.simulated.probes import (
    make_probe,
    probe_facts,
    sampling_facts,
)
from studygrid.families.ptychography.data.simulated.raster import raster_positions, raster_step
from studygrid.families.ptychography.data.simulated.sources import objects_of, shared_pictures

_POSITIONS, _NOISE = 0, 1  # streams of random numbers of a scan
_PX_AT_ONCE = 1 << 20


def prepare(
    options: SimulatedScansOptions, resolution: int, folder: Path, workers: int = 1
) -> PreparedParts:
    """Simulate the scans with patterns of `resolution` px and write them into a folder.

    Raises
    ------
    DataError
        If a picture is in two splits, the probe does not fit its window or the detector, or a
        scan has too few patterns.
    """
    problems = shared_pictures(options)
    if problems:
        raise DataError(f"dataset.{problems[0][0]}: {problems[0][1]}")
    check_pattern_px(resolution, resolution, "simulated scans")
    probe = make_probe(options, resolution)
    facts: dict[str, Any] = {
        "probe": probe_facts(options),
        "sampling": sampling_facts(options, resolution),
        "seed": options.seed,
        "split": "each object is of one split alone, and so is each picture that objects are of",
    }
    scans = list(simulated_scans(options, resolution, probe))
    return write_parts(folder, scans, options, resolution, options.photons, facts)


def simulated_scans(
    options: SimulatedScansOptions, resolution: int, probe: NDArray[np.complex64]
) -> Iterator[Scan]:
    """Yield the scans, split after split; each has random numbers of its own.

    A scan depends on its place in its split's list, and on no other scan.
    """
    step = raster_step(options, probe)
    for split in SPLITS:
        for number, pair in enumerate(objects_of(options, split)):
            positions = raster_positions(
                options.scan_px, step, options.jitter, _stream(options, split, number, _POSITIONS)
            )
            drawn = make_object(
                pair,
                options.scan_px + resolution,
                options.amplitude,
                options.phase_rad,
                options.seed,
            )
            noise = _stream(options, split, number, _NOISE)
            patterns = measured_amplitudes(drawn, probe, positions, options.photons, noise)
            yield Scan(
                name=f"{split}_{number}_{pair[0]}_{pair[1]}".replace(":", ""),
                split=split,
                patterns=patterns,
                positions=positions,
                object=drawn,
                probe=probe,
                facts={
                    "object": list(pair),
                    "raster_step_px": step,
                    "counts_mean": float(pattern_energies(patterns).mean()),
                },
            )


def measured_amplitudes(
    object_: NDArray[np.complex64],
    probe: NDArray[np.complex64],
    positions: NDArray[np.float32],
    photons: float,
    random: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the square roots of the counts of a scan, float32, shape (n, N, N).

    Counts are Poisson numbers; those that are expected of a pattern are `photons` in the mean over
    the scan, so that patterns of darker parts of the object hold fewer.
    """
    rows = max(1, _PX_AT_ONCE // probe.size)
    pieces = [positions[start : start + rows] for start in range(0, len(positions), rows)]
    patterns = np.empty((len(positions), *probe.shape), np.float32)
    start, energy = 0, 0.0
    for piece in pieces:
        expected = expected_amplitudes(object_, probe, piece)
        patterns[start : start + len(piece)] = expected
        energy += float(np.square(expected, dtype=np.float64).sum())
        start += len(piece)
    factor = photons * len(positions) / energy
    for start in range(0, len(positions), rows):
        part = patterns[start : start + rows]
        counts = random.poisson(np.square(part, dtype=np.float64) * factor)
        part[:] = np.sqrt(counts)
    return patterns


def _stream(
    options: SimulatedScansOptions, split: Split, number: int, purpose: int
) -> np.random.Generator:
    key = (purpose, SPLITS.index(split), number)
    return np.random.default_rng(np.random.SeedSequence(options.seed, spawn_key=key))
