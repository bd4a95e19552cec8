"""What of each scan is in which split, and which patterns of a test scan are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.base import SPLITS, Split
from studygrid.families.ptychography.data.groups import central_block
from studygrid.families.ptychography.data.options import GroupOptions
from studygrid.families.ptychography.data.scaling import Scales, scales_of
from studygrid.families.ptychography.data.scans import Scan

_Piece = tuple[Scan, Split, NDArray[np.int64]]


@dataclass(frozen=True)
class Part:
    """What of a scan is in one split: a scan of the prepared data.

    Attributes
    ----------
    chosen
        Places in the scan's patterns, rising, int64.
    start
        Place of its first pattern among all that are written.
    """

    scan: Scan
    scales: Scales
    split: Split
    chosen: NDArray[np.int64]
    start: int

    @property
    def positions(self) -> NDArray[np.float32]:
        """Positions of its patterns, shape (n, 2)."""
        return self.scan.positions[self.chosen]

    @property
    def label(self) -> str:
        """How errors name it."""
        return f"{self.scan.name}, {self.split} split"


def parts_of(scans: Sequence[Scan], options: GroupOptions) -> list[Part]:
    """Return what of each scan is in each split, scan after scan.

    Raises
    ------
    DataError
        If a split has no pattern, there are too few for `test_patterns`, or a scan holds no light.
    """
    pieces = [
        (scan, split, chosen)
        for scan in scans
        for split in SPLITS
        if len(chosen := _of_split(scan, split))
    ]
    for split in SPLITS:
        if not any(found == split for _, found, _ in pieces):
            raise DataError(f"the {split} split has no pattern")
    if options.test_patterns is not None:
        pieces = _with_test_blocks(pieces, options.test_patterns)
    scales = {scan.name: scales_of(scan) for scan in scans}
    starts = np.cumsum([0, *(len(chosen) for _, _, chosen in pieces)]).tolist()
    return [
        Part(scan, scales[scan.name], split, chosen, start)
        for (scan, split, chosen), start in zip(pieces, starts[:-1], strict=True)
    ]


def indices_of(parts: Sequence[Part], split: Split) -> NDArray[np.int64]:
    """Return the places of a split's patterns among all that are written, rising."""
    ranges = [np.arange(p.start, p.start + len(p.chosen)) for p in parts if p.split == split]
    return np.concatenate(ranges)


def _of_split(scan: Scan, split: Split) -> NDArray[np.int64]:
    if scan.pattern_splits is None:
        return np.arange(len(scan.patterns) if split == scan.split else 0)
    return np.flatnonzero(scan.pattern_splits == SPLITS.index(split))


def _with_test_blocks(pieces: Sequence[_Piece], wanted: int) -> list[_Piece]:
    """Return the pieces with the test split cut down to a block in the middle of each scan."""
    tests = [at for at, (_, split, _) in enumerate(pieces) if split == "test"]
    cut = list(pieces)
    for number, at in enumerate(tests):
        scan, split, chosen = pieces[at]
        share = wanted // len(tests) + (number < wanted % len(tests))
        if not 0 < share <= len(chosen):
            raise DataError(
                f"dataset.test_patterns is {wanted}, of which {share} fall to {scan.name}, one of "
                f"{len(tests)} test scans; it has {len(chosen)} patterns, so set it between "
                f"{len(tests)} and {min(len(pieces[i][2]) for i in tests) * len(tests)}, or null "
                "for all"
            )
        block = central_block(scan.positions[chosen], share)
        cut[at] = (scan, split, chosen[block])
    return cut
