"""A reconstruction laid on its truth: shift, phase ramp and scale taken off, and the area cut.

A ptychographic object is known up to a global phase; conventions and imperfect positions add a
shift and a ramp. `docs/ptychography-metrics.md` says what each step does and what it leaves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import Undefined
from studygrid.families.ptychography.aligned import Aligned, Part, phase_of, value_range
from studygrid.families.ptychography.area import BORDER_PX, Box, Crop
from studygrid.families.ptychography.phase_plane import (
    Plane,
    fit_plane,
    from_middle,
)
from studygrid.families.ptychography.phases import wrapped
from studygrid.families.ptychography.registration import STEP_PX, Shift, moved, shift_onto

_ROUNDS = 5
_NO_PLANE = Plane(0.0, (0.0, 0.0))

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]

__all__ = ["Aligned", "align"]


def align(
    scan: str,
    found: NDArray[np.complex64],
    truth: NDArray[np.complex64],
    box: Box,
) -> Aligned:
    """Lay a reconstruction on its truth, inside the part of the object that was scanned.

    Parameters
    ----------
    scan
        Its name, for messages and the record.
    found, truth
        Complex objects, shape (H, W).
    box
        First row, end row, first column, end column (half open) of the scanned part.

    Raises
    ------
    Undefined
        If the box is too small or lies outside of the object, the truth is not known there, or
        the reconstruction is not finite in it and the margin around it.
    """
    crop = Crop.of(scan, truth.shape, box)
    true = truth[crop.box].astype(np.complex128)
    ours = found[crop.outer].astype(np.complex128)
    _require_finite(scan, ours, true)
    shift, plane, registration = _registered(ours, true, crop)
    level = _levelled(ours, plane, crop)
    area_truth = true[crop.inside]
    area = moved(level, shift)[crop.within][crop.inside]
    rest = fit_plane(area, area_truth)
    area = _without(area, rest)
    scale = _amplitude_scale(np.abs(area), np.abs(area_truth))
    area = scale * area
    amplitude = _amplitude(scan, area_truth, area)
    facts = {
        "scan": scan,
        "box": [int(edge) for edge in box],
        "border_px": BORDER_PX,
        "area_px": list(area.shape),
        **registration,
        "shift_px": list(shift),
        "phase_offset_rad": float(wrapped(plane.at(-shift[0], -shift[1]) + rest.offset)),
        "ramp_rad_px": [one + other for one, other in zip(plane.ramp, rest.ramp, strict=True)],
        "amplitude_scale": scale,
        "amplitude_range": value_range(amplitude.truth),
        "phase_range_rad": value_range(phase_of(area_truth)),
    }
    return Aligned(scan, area_truth, area, amplitude, crop.area, facts)


def _require_finite(scan: str, found: Complex, truth: Complex) -> None:
    if not np.isfinite(truth).all():
        raise Undefined(f"the true object of scan {scan} is not known")
    broken = int((~np.isfinite(found)).sum())
    if broken:
        raise Undefined(
            f"{broken} of {found.size} px of the reconstruction of scan {scan} are not finite"
        )


def _registered(ours: Complex, true: Complex, crop: Crop) -> tuple[Shift, Plane, dict[str, Any]]:
    """Return the shift to apply, the plane to take off before it, and how that went."""
    # Without its own ramp the truth's correlation has a peak of its structure, and the flat
    # object, of which there is nothing to register, stays flat.
    own = fit_plane(true, np.ones_like(true))
    level_truth = _without(true, own)
    plane = fit_plane(ours[crop.within], level_truth)
    shift = _iterated_shift(_levelled(ours, plane, crop), level_truth, crop)
    limit = crop.shift_limit
    facts: dict[str, Any] = {
        "registered": shift is not None and max(map(abs, shift)) <= limit,
        "shift_found_px": None if shift is None else list(shift),
        "shift_limit_px": limit,
    }
    return shift if shift is not None and facts["registered"] else (0.0, 0.0), plane, facts


def _iterated_shift(level: Complex, level_truth: Complex, crop: Crop) -> Shift | None:
    total = (0.0, 0.0)
    for _ in range(_ROUNDS):
        here = moved(level, total)[crop.within]
        rest = fit_plane(here, level_truth, near=_NO_PLANE)
        step = shift_onto(level_truth, _without(here, rest))
        if step is None:
            return None
        # Sums of hundredths: without what rounding adds to them.
        total = (round(total[0] + step[0], 6), round(total[1] + step[1], 6))
        if max(map(abs, step)) < STEP_PX / 2 or max(map(abs, total)) > crop.shift_limit:
            break
    return total


def _without(image: Complex, plane: Plane) -> Complex:
    height, width = image.shape
    level: Complex = image * np.exp(-1j * plane.over(from_middle(height), from_middle(width)))
    return level


def _levelled(ours: Complex, plane: Plane, crop: Crop) -> Complex:
    """Take a plane that was fitted to the box off the box and its margin."""
    height, width = ours.shape
    sides = zip((height, width), crop.within, strict=True)
    rows, columns = (np.arange(size) - (side.start + side.stop - 1) / 2 for size, side in sides)
    level: Complex = ours * np.exp(-1j * plane.over(rows, columns))
    return level


def _amplitude(scan: str, truth: Complex, found: Complex) -> Part:
    true, ours = np.abs(truth), np.abs(found)
    return Part(scan, true, ours, ours - true)


def _amplitude_scale(found: Real, truth: Real) -> float:
    """Return the factor of least squared error; 1 of a reconstruction that is 0 everywhere."""
    square = float((found * found).sum())
    return float((found * truth).sum()) / square if square > 0 else 1.0
