"""How the time of a kind of work grows with resolution and batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean

from studygrid.estimate.spread import Z
from studygrid.estimate.work import Kind

# Between batches of different size, a step's time grows with the square root of it, or from not
# at all to as the size itself.
_BATCH_GROWTH, _BATCH_SD = 0.5, 0.5 / Z


class Growth:
    """How the time of a kind of work grows with resolution and batch.

    Parameters
    ----------
    dimension
        The power with which a sample grows with resolution: 2 for images.
    """

    def __init__(self, dimension: float, seconds: Mapping[Kind, float], unit: str) -> None:
        self._dimension, self._seconds, self._unit = dimension, seconds, unit

    def carry(self, kind: Kind) -> tuple[Kind, float, float, str] | None:
        """Return the nearest measured kind, and the way from it to another.

        Returns
        -------
        The nearest kind, the logarithm of the factor, how unsure that is, and both in words; None
        if nothing of the same code was measured.
        """
        known = [other for other in self._seconds if other.code == kind.code]
        if not known:
            return None
        nearest = min(known, key=lambda other: self._distance(kind, other))
        power, power_sd, how = self._power(kind)
        side = math.log(kind.resolution / nearest.resolution)
        batch = math.log(kind.batch / nearest.batch)
        factor = power * side + _BATCH_GROWTH * batch
        sd = math.hypot(power_sd * side, _BATCH_SD * batch)
        unit = f" {self._unit}" if self._unit else ""
        words = [f"{how} from {nearest.resolution}{unit}"] if side else []
        words += [f"from batches of {nearest.batch}"] if batch else []
        return nearest, factor, sd, ", ".join(words)

    def _distance(self, kind: Kind, other: Kind) -> tuple[float, float]:
        # By the longer way down rather than up: larger resolutions cost more than they seem.
        side = abs(math.log(kind.resolution / other.resolution))
        return side + abs(math.log(kind.batch / other.batch)), -other.resolution

    def _power(self, kind: Kind) -> tuple[float, float, str]:
        """Return the power of growth with resolution, and how unsure it is."""
        sides: dict[int, list[float]] = {}
        for other, seconds in self._seconds.items():
            if other.code == kind.code and seconds > 0:
                sides.setdefault(other.resolution, []).append(math.log(seconds))
        if len(sides) < 2:
            # From not at all to the square of a sample's size.
            what = "by pixels" if self._dimension == 2 else "by size"
            return self._dimension, self._dimension / Z, what
        low, high = sorted(sides, key=lambda side: abs(math.log(side / kind.resolution)))[:2]
        rise = fmean(sides[high]) - fmean(sides[low])
        power = rise / math.log(high / low)
        power = min(max(power, 0.0), 2 * self._dimension)
        return power, self._dimension / 2 / Z, f"as between {min(low, high)} and {max(low, high)}"
