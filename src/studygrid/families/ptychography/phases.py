"""Phases as NumPy has them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]


def wrapped(phase: Real | float) -> Real:
    """Return phases within half a turn, from -pi to pi, in rad; of the shape that was given."""
    return np.asarray(np.angle(np.exp(1j * phase)), dtype=np.float64)
