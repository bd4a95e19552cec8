"""Files of simulated scans, to try a study of files without data of one's own."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from studygrid.errors import DataError, StudygridError
from studygrid.families.base import Split
from studygrid.families.ptychography.data.files.writing import write_scan
from studygrid.families.ptychography.data.simulated.options import (
    ProbeKind,
    SimulatedScansOptions,
)
from studygrid.families.ptychography.data.simulated.prepare import simulated_scans
from studygrid.families.ptychography.data.simulated.probes import make_probe
from studygrid.families.ptychography.data.simulated.sources import DEFAULT_STEP_PX

_MOST_SIDE = 256  # positions along a side of the raster
_EPILOG = (
    "Each file is the scan of another object. Give the study the same number of photons: "
    "normalised amplitudes do not tell it."
)


def simulate_files(
    paths: Mapping[Split, Path],
    options: SimulatedScansOptions,
    resolution: int,
    *,
    patches: bool = False,
) -> dict[Split, int]:
    """Write one scan of each split, the first of its list, and return how many patterns it has.

    Parameters
    ----------
    patches
        Whether to write the patches of the objects too; see `write_scan`.

    Raises
    ------
    DataError
        If the probe does not fit the resolution, or a file cannot be written.
    """
    first = {split: getattr(options, split)[:1] for split in ("train", "validation", "test")}
    probe = make_probe(options, resolution)
    counts: dict[Split, int] = {}
    for scan in simulated_scans(options.model_copy(update=first), resolution, probe):
        if scan.split in paths:
            write_scan(paths[scan.split], scan, patches=patches)
            counts[scan.split] = len(scan.patterns)
    return counts


def options_for(patterns: int, **given: object) -> SimulatedScansOptions:
    """Return the options of scans with at least so many patterns on a square raster.

    Raises
    ------
    DataError
        If that are more than are simulated at once.
    """
    side = math.isqrt(patterns - 1) + 1
    if not 2 <= side <= _MOST_SIDE:
        raise DataError(f"--patterns {patterns}: should be between 2 and {_MOST_SIDE**2}")
    step = given.get("step_px") or DEFAULT_STEP_PX
    return SimulatedScansOptions.model_validate(
        {**given, "step_px": step, "scan_px": math.ceil(float(str(step)) * (side - 1))}
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status."""
    parser = _parser()
    given = parser.parse_args(argv)
    paths: dict[Split, Path] = {"train": given.train, "test": given.test}
    if given.validation:
        paths["validation"] = given.validation
    if len({path.resolve() for path in paths.values()}) < len(paths):
        parser.error("two of the files are the same")
    try:
        options = options_for(
            given.patterns,
            step_px=given.step,
            probe=given.probe,
            photons=given.photons,
            seed=given.seed,
        )
        counts = simulate_files(paths, options, given.resolution, patches=given.patches)
    except StudygridError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for split, count in counts.items():
        print(f"{paths[split]}: {count} patterns of {given.resolution} px, {split} split")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write simulated scans as .npz files.", epilog=_EPILOG, allow_abbrev=False
    )
    parser.add_argument("train", type=Path, help="the .npz file to train on")
    parser.add_argument("test", type=Path, help="the .npz file of another object")
    parser.add_argument("--validation", type=Path, help="one of a third object")
    parser.add_argument("--resolution", type=_even, default=64, help="side of a pattern, px (64)")
    parser.add_argument("--patterns", type=int, default=1024, help="at least so many (1024)")
    parser.add_argument("--step", type=_step, help=f"of the raster, px ({DEFAULT_STEP_PX:g})")
    parser.add_argument("--photons", type=_positive, default=1e6, help="a pattern (1e6)")
    parser.add_argument("--probe", choices=get_args(ProbeKind), default="zone_plate")
    parser.add_argument("--seed", type=_seed, default=0, help="of positions and noise (0)")
    parser.add_argument(
        "--patches", action="store_true", help="write Y too, which loaders of the guide need"
    )
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} should be above 0")
    return number


def _step(text: str) -> float:
    if not 1 <= float(text) < math.inf:
        raise argparse.ArgumentTypeError(f"{text} should be 1 or more")
    return float(text)


def _seed(text: str) -> int:
    if int(text) < 0:
        raise argparse.ArgumentTypeError(f"{text} should be 0 or more")
    return int(text)


def _even(text: str) -> int:
    number = int(text)
    if number % 2 or number < 16:
        raise argparse.ArgumentTypeError(f"{text} should be even, and 16 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
