"""A scan as a dataset hands it over, and what must be true of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.base import Split

LEAST_PX = 16


@dataclass(frozen=True)
class Scan:
    """One object seen through one probe at many positions, in scan order.

    Attributes
    ----------
    name
        By which figures and errors tell it; of several scans no two may have the same.
    split
        Of all its patterns, where `pattern_splits` is None.
    patterns
        Amplitudes at the detector, spatial frequency 0 at (N/2, N/2), in any unit; float32,
        shape (n, N, N). It may be mapped into memory.
    positions
        Row and column in the object of the first px of each patch, px; float32, shape (n, 2).
    object
        complex64, shape (H, W), in any unit; all NaN where it is not known.
    probe
        complex64, shape (N, N), in any unit.
    facts
        What else the record shall tell of it, as JSON values.
    pattern_splits
        Of each pattern its place in `SPLITS`; int8, shape (n,).
    """

    name: str
    split: Split
    patterns: NDArray[np.float32]
    positions: NDArray[np.float32]
    object: NDArray[np.complex64]
    probe: NDArray[np.complex64]
    facts: Mapping[str, Any] = field(default_factory=dict)
    pattern_splits: NDArray[np.int8] | None = None

    @property
    def pattern_px(self) -> int:
        """Side of a pattern, px."""
        return int(self.patterns.shape[-1])

    @property
    def has_object(self) -> bool:
        """Whether the object is known."""
        return not bool(np.isnan(self.object).all())


def check_pattern_px(found: int, resolution: int, where: str) -> None:
    """Refuse patterns of another side than the study asks for, or of one that cannot be used.

    Parameters
    ----------
    found
        Side of the patterns, px.
    where
        What holds them: a file, say.

    Raises
    ------
    DataError
        If the side is not `resolution`, or that is odd or below 16 px.
    """
    if resolution % 2 or resolution < LEAST_PX:
        raise DataError(
            f"grid.resolution {resolution}: the side of a diffraction pattern must be even and "
            f"at least {LEAST_PX} px"
        )
    if found != resolution:
        raise DataError(
            f"{where}: its patterns are {found} x {found} px, but grid.resolution is "
            f"{resolution}; set grid.resolution to [{found}]"
        )


def check_scans(scans: Sequence[Scan], resolution: int) -> None:
    """Refuse scans whose arrays do not fit together.

    Raises
    ------
    DataError
        If the side of the patterns is not `resolution`, a name comes twice, a shape is wrong, or
        a patch does not lie within its object.
    """
    names = [scan.name for scan in scans]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"two scans have the name {twice[0]!r}; give each its own")
    for scan in scans:
        check_pattern_px(scan.pattern_px, resolution, scan.name)
        _check_shapes(scan)
        _check_positions(scan)


def _check_shapes(scan: Scan) -> None:
    count, side = len(scan.patterns), scan.pattern_px
    expected = {
        "patterns": (count, side, side),
        "positions": (count, 2),
        "probe": (side, side),
    }
    if scan.pattern_splits is not None:
        expected["pattern_splits"] = (count,)
    for name, shape in expected.items():
        found = getattr(scan, name).shape
        if found != shape:
            raise DataError(f"{scan.name}: {name} has the shape {found}, expected {shape}")
    if count == 0:
        raise DataError(f"{scan.name}: has no pattern")


def _check_positions(scan: Scan) -> None:
    last = np.array(scan.object.shape) - scan.pattern_px
    inside = (scan.positions >= 0) & (scan.positions <= last)
    outside = np.flatnonzero(~inside.all(axis=1))
    if len(outside):
        which = int(outside[0])
        row, column = scan.positions[which].tolist()
        height, width = scan.object.shape
        raise DataError(
            f"{scan.name}: {len(outside)} of {len(inside)} patches do not lie within the "
            f"object of {height} x {width} px; the first, pattern {which}, starts at row {row:g}, "
            f"column {column:g}, expected 0 to {last[0]} and 0 to {last[1]}"
        )
