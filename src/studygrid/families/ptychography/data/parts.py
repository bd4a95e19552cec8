"""What every dataset's preparation ends with: scans scaled, grouped, written and described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from studygrid.errors import DataError
from studygrid.families.base import SPLITS
from studygrid.families.prepared import PreparedParts, describe_array, write_split
from studygrid.families.ptychography.area import LEAST_BOX_PX
from studygrid.families.ptychography.data.arrays import ARRAYS, write_arrays
from studygrid.families.ptychography.data.groups import (
    mean_step,
    neighbour_count,
    overlap_of,
    probe_diameter,
    scanned_box,
)
from studygrid.families.ptychography.data.options import GroupOptions
from studygrid.families.ptychography.data.pieces import Part, indices_of, parts_of
from studygrid.families.ptychography.data.scaling import normalised_energy, pattern_energies
from studygrid.families.ptychography.data.scans import Scan as Scan
from studygrid.families.ptychography.data.scans import check_scans
from studygrid.families.ptychography.data.shared import duplicates_of

_MOST_LISTED = 100


def write_parts(
    folder: Path,
    scans: Sequence[Scan],
    options: GroupOptions,
    resolution: int,
    photons: float,
    facts: Mapping[str, Any],
) -> PreparedParts:
    """Write patterns, positions, objects, probes, groups, blocks and splits.

    With N the side of a pattern, n patterns and k scans: ``patterns`` float32 (n, N, N), scaled
    amplitudes; ``positions`` float32 (n, 2); ``scan`` int64 (n,); ``objects`` complex64 (k, H, W),
    filled up with 1 at the end to the largest; ``probes`` complex64 (k, N, N); ``groups`` int64
    (n, gridsize^2), indices into the patterns; ``block`` int64 (n,), see `blocks_of`. What of a
    scan lies in another split is a scan of its own, with the same object.

    Parameters
    ----------
    resolution
        N that the study asks for.
    photons
        Mean counts of a pattern.
    facts
        What is particular to the dataset.

    Raises
    ------
    DataError
        If the scans' arrays do not fit together or hold no light, two splits share a pattern of
        which one is the test split, a split has no pattern, or a scan too few for its groups or
        for `test_patterns`, a test scan is too small to be scored, or the disk has no room.
    """
    check_scans(scans, resolution)
    parts = parts_of(scans, options)
    _check_test_boxes(parts)
    duplicates = duplicates_of(parts)
    write_arrays(folder, parts, options)
    return PreparedParts(
        arrays={name: describe_array(folder, name) for name in ARRAYS},
        splits={
            split: write_split(folder, split, indices_of(parts, split), None) for split in SPLITS
        },
        facts={
            "gridsize": options.gridsize,
            "neighbours": neighbour_count(options),
            "selection": options.selection,
            "photons": photons,
            "pattern_px": resolution,
            "scans": [_described(part, photons) for part in parts],
            "duplicates": len(duplicates),
            **facts,
        },
        duplicates=duplicates[:_MOST_LISTED],
        sequential=options.selection == "sequential",
    )


def _check_test_boxes(parts: Sequence[Part]) -> None:
    """Refuse a test scan on whose box no metric of structure has a value, before any training."""
    for part in parts:
        box = scanned_box(part.positions, part.scan.pattern_px)
        height, width = box[1] - box[0], box[3] - box[2]
        if part.split == "test" and min(height, width) < LEAST_BOX_PX:
            raise DataError(
                f"{part.label}: its {len(part.chosen)} patterns are too close together to be "
                f"scored: the probe's centre stays within {height} x {width} px, and SSIM needs "
                f"{LEAST_BOX_PX} x {LEAST_BOX_PX}; give more patterns (dataset.test_patterns, "
                "--n-test-images) or a scan of a larger part of the object"
            )


def _described(part: Part, photons: float) -> dict[str, Any]:
    scan, positions, side = part.scan, part.positions, part.scan.pattern_px
    energies = pattern_energies(scan.patterns[part.chosen]) * part.scales.patterns**2
    return {
        "split": part.split,
        "name": scan.name,
        "object_shape": list(scan.object.shape),
        "patterns": len(part.chosen),
        "scanned_box": list(scanned_box(positions, side)),
        "step_px": mean_step(positions),
        "probe_diameter_px": probe_diameter(scan.probe),
        "overlap": overlap_of(positions, scan.probe),
        "pattern_scale": part.scales.patterns,
        "object_scale": part.scales.object,
        "model_error": part.scales.model_error,
        "photons_mean": float(energies.mean()) * photons / normalised_energy(side),
        **scan.facts,
    }
