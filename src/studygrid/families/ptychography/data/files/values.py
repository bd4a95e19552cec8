"""Checks of a scan's values beside its patterns: object, probe, positions, order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.families.ptychography.data.files.contract import (
    COLUMNS,
    OBJECT,
    ROWS,
    RULES,
)
from studygrid.families.ptychography.data.files.patterns import named
from studygrid.families.violations import Violation, violation

_OFF = 1e-3  # px: positions in float32 may round over an edge


def field_violations(key: str, values: NDArray[np.complex64]) -> list[Violation]:
    """Return what is wrong with the values of an object or a probe."""
    broken = int((~np.isfinite(values)).sum())
    if broken:
        remedy = "fill them with 1, and scan where the object is known"
        if key != OBJECT:
            remedy = "set them to 0"
        shown = f"NaN or infinity in {broken} of {values.size} px"
        return [violation(key, f"finite {RULES[key]}", shown, remedy)]
    if not values.any():
        return [violation(key, f"{RULES[key]} that is not 0", "only 0", RULES[key].remedy)]
    return []


def coordinate_violations(key: str, values: NDArray[np.float64]) -> list[Violation]:
    """Return what is wrong with the values of one coordinate."""
    broken = np.flatnonzero(~np.isfinite(values)).tolist()
    if not broken:
        return []
    shown = f"NaN or infinity at {named(broken, len(values))}"
    return [violation(key, f"finite {RULES[key]}", shown, "leave these patterns out")]


def corners(x: NDArray[np.float64], y: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Return row and column of the first px of patches whose centre px N/2 is at y and x, (n, 2).

    Source: ptycho/raw_data.py of hoidn/PtychoPINN, which pads the object by N/2 px on each side
    and cuts N px from (y, x) on.
    """
    return np.stack([y, x], axis=1) - side / 2


def position_violations(
    x: NDArray[np.float64], y: NDArray[np.float64], side: int, shape: tuple[int, ...]
) -> list[Violation]:
    """Return whether patches leave the object, how far, and what may be the reason.

    Parameters
    ----------
    side
        N, px.
    shape
        (M, M') of the object.
    """
    outside = _outside(corners(x, y, side), side, shape)
    if not outside.any():
        return []
    readings = {
        "x and y are swapped": corners(y, x, side),
        "they are of the patches' first px: add N/2 to both": np.stack([y, x], axis=1),
        "they count from the middle of the object: add half its sides": corners(
            x + shape[1] / 2, y + shape[0] / 2, side
        ),
    }
    fitting = [why for why, found in readings.items() if not _outside(found, side, shape).any()]
    remedy = (
        f"all are inside if {fitting[0]}"
        if fitting
        else "give the object a border, or leave these patterns out; coordinates are px of the "
        "object, not lengths"
    )
    half, places = side / 2, np.flatnonzero(outside).tolist()
    return [
        violation(
            f"{COLUMNS}, {ROWS}",
            f"centres of patches within `{OBJECT}`: x from {half:g} to {shape[1] - half:g}, y from "
            f"{half:g} to {shape[0] - half:g} px",
            f"x from {x.min():g} to {x.max():g}, y from {y.min():g} to {y.max():g}; "
            f"{named(places, len(x))} leave it, by up to {outside.max():.3g} px",
            remedy,
        )
    ]


def inside(positions: NDArray[np.float64], side: int, shape: tuple[int, ...]) -> bool:
    """Return whether all patches lie within an object."""
    return not _outside(positions, side, shape).any()


def _outside(positions: NDArray[Any], side: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return how far each patch leaves the object, px; 0 for the others."""
    last = np.array(shape) - side
    beyond = np.maximum(-positions, positions - last).max(axis=1)
    return np.where(beyond > _OFF, beyond, 0.0)


def scan_order(order: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
    """Return the places of patterns in scan order, or None where it is that of the file.

    An index that names a place twice tells no order; the guide's project fills it with 0.
    """
    if order is None or len(np.unique(order)) < len(order):
        return None
    places = np.argsort(order, kind="stable")
    return None if (places == np.arange(len(places))).all() else places
