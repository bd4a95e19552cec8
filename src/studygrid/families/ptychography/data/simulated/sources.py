"""What can be told of simulated scans without drawing one. Cheap to import."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.base import SPLITS, Split
from studygrid.families.content import content_sha256
from studygrid.families.ptychography.data.simulated.options import (
    DiskOptions,
    GaussianOptions,
    SimulatedScansOptions,
    ZonePlateOptions,
)
from studygrid.families.ptychography.data.simulated.pictures import photograph_paths
from studygrid.families.ptychography.data.simulated.sampling import sampling_fault

_PROBES = {"zone_plate": ZonePlateOptions, "disk": DiskOptions, "gaussian": GaussianOptions}
# Where no distance is given, the sampling condition does not depend on the resolution.
_ANY_RESOLUTION = 64

DEFAULT_STEP_PX = 8.0

Problem = tuple[str, str]


def objects_of(options: SimulatedScansOptions, split: Split) -> list[list[str]]:
    """Return the pairs of pictures of a split's objects."""
    pairs: list[list[str]] = getattr(options, split)
    return pairs


def pictures_of(options: SimulatedScansOptions) -> list[str]:
    """Return the names of all pictures, each once, in order of name."""
    pairs = [pair for split in SPLITS for pair in objects_of(options, split)]
    return sorted({name for pair in pairs for name in pair})


def positions_per_side(scan_px: int, step_px: float) -> int:
    """Return how many positions a raster has along a side."""
    # A step that divides the side but for rounding shall reach its end.
    return math.floor(scan_px / step_px + 1e-9) + 1


def told_step_px(options: SimulatedScansOptions) -> float | None:
    """Return the step of the raster, px; None where it follows from the probe."""
    if options.overlap is not None:
        return None
    return DEFAULT_STEP_PX if options.step_px is None else options.step_px


def simulated_scans_train_size(options: SimulatedScansOptions) -> int | None:
    """Return the training patterns; None where the step follows from the probe."""
    step = told_step_px(options)
    if step is None:
        return None
    return len(options.train) * positions_per_side(options.scan_px, step) ** 2


def simulated_scans_source(options: SimulatedScansOptions, cache: Path) -> str:
    """Return the hash of the photographs; the simulator is code, which a fingerprint covers.

    Raises
    ------
    DataError
        If scikit-image, which holds them, is not installed.
    """
    paths = photograph_paths(pictures_of(options))
    if not paths:
        return "simulated by studygrid"
    return f"simulated by studygrid, photographs {content_sha256(paths, cache)}"


def check_simulated_scans(options: SimulatedScansOptions) -> list[Problem]:
    """Return what is wrong with the options: key and message."""
    problems = shared_pictures(options)
    for kind, section in _PROBES.items():
        if kind != options.probe and getattr(options, kind) != section():
            problems.append((kind, f"says nothing where `probe` is {options.probe}; leave it out"))
    if options.probe == "zone_plate" and options.zone_plate.distance_m is None:
        fault = sampling_fault(options.zone_plate, _ANY_RESOLUTION)
        problems += [] if fault is None else [("zone_plate.outer_zone_nm", fault)]
    try:
        photograph_paths(pictures_of(options))
    except DataError as error:
        problems.append(("train", str(error)))
    return problems


def shared_pictures(options: SimulatedScansOptions) -> list[Problem]:
    """Return the pictures that are in two splits, with the key of the later split."""
    splits: dict[str, list[Split]] = defaultdict(list)
    for split in SPLITS:
        for name in {name for pair in objects_of(options, split) for name in pair}:
            splits[name].append(split)
    return [
        (
            found[-1],
            f"{name!r} is in {' and '.join(found)}: scores would tell nothing of other objects; "
            "give each split pictures of its own",
        )
        for name, found in sorted(splits.items())
        if len(found) > 1
    ]
