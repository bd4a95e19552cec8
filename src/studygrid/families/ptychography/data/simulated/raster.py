"""Where a scan looks: a raster whose positions are moved a little."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.ptychography.data.groups import probe_diameter
from studygrid.families.ptychography.data.simulated.options import SimulatedScansOptions
from studygrid.families.ptychography.data.simulated.sources import (
    positions_per_side,
    told_step_px,
)


def raster_step(options: SimulatedScansOptions, probe: NDArray[np.complex64]) -> float:
    """Return the step of the raster, px.

    Raises
    ------
    DataError
        If the overlap asks for less than a pixel.
    """
    told = told_step_px(options)
    if told is not None:
        return told
    assert options.overlap is not None
    diameter = probe_diameter(probe)
    step = (1 - options.overlap) * diameter
    if step < 1:
        raise DataError(
            f"dataset.overlap {options.overlap:g}: the probe is {diameter:.3g} px wide, so the "
            f"step would be {step:.2g} px; set it to {1 - 1 / diameter:.2g} or less"
        )
    return step


def raster_positions(
    scan_px: int, step_px: float, jitter: float, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return the positions of a raster, row after row, each moved at random and rounded.

    A raster that does not fill the square lies in its middle.

    Parameters
    ----------
    scan_px
        Side of the square that positions lie in, px: each is from 0 to `scan_px`.
    jitter
        How far a position moves at most along rows and columns, as share of the step.

    Returns
    -------
    numpy.ndarray
        Whole numbers, float32, shape (n, 2).
    """
    count = positions_per_side(scan_px, step_px)
    covered = (count - 1) * step_px
    along = (scan_px - covered) / 2 + np.arange(count) * step_px
    raster = np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)
    moved = raster + random.uniform(-jitter, jitter, raster.shape) * step_px
    return (np.clip(np.round(moved), 0, scan_px) + 0.0).astype(np.float32)  # no -0
