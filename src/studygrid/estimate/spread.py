"""Measured times as a spread on the logarithmic scale, where noise multiplies."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from scipy import stats

# What a range holds: nine in ten.
LEVEL = 0.9
Z = float(stats.norm.ppf((1 + LEVEL) / 2))
# Before much is known, times of equal work are taken to vary so (natural logarithm), with the
# weight of so many runs. On a shared machine of two cores 0.3 was measured.
_PRIOR_SD, _PRIOR_RUNS = 0.3, 2.0
# Runs that follow each other are alike: how much so is told from groups of this many.
_NEIGHBOURS = 4
_PRIOR_ALIKE = 0.5


@dataclass(frozen=True, slots=True)
class Deviation:
    """By which factor (its logarithm) a time was longer than expected, and when it was."""

    group: Hashable
    log: float
    at: float


@dataclass(frozen=True, slots=True)
class Noise:
    """How much times of equal work vary.

    Attributes
    ----------
    sd
        Standard deviation of the logarithm, about the mean of their group.
    freedom
        Degrees of freedom that it was measured with.
    alike
        Share of the variance that jobs near in time have in common: the machine's part.
    """

    sd: float = _PRIOR_SD
    freedom: float = _PRIOR_RUNS
    alike: float = _PRIOR_ALIKE

    @classmethod
    def of(cls, deviations: Iterable[Deviation]) -> Noise:
        """Return the noise of measured times."""
        several = [group for group in by_group(deviations).values() if len(group) > 1]
        rests = [rest for group in several for rest in _rests(group)]
        free = len(rests) - len(several)
        squares = sum(rest**2 for _, rest in rests)
        freedom = _PRIOR_RUNS + free
        variance = (_PRIOR_RUNS * _PRIOR_SD**2 + squares) / freedom
        return cls(math.sqrt(variance), freedom, _alike([rest for _, rest in sorted(rests)]))

    def range_of(self, log: float, more_sd: float) -> tuple[float, float]:
        """Return the range of one job, from its expected logarithm and what that is unsure by."""
        half = float(stats.t.ppf((1 + LEVEL) / 2, self.freedom)) * self.sd
        half = math.hypot(half, Z * more_sd)
        return math.exp(log - half), math.exp(log + half)


def _rests(group: Sequence[Deviation]) -> list[tuple[float, float]]:
    """Return when each of a group was, and how far from the mean of the group."""
    mean = fmean(one.log for one in group)
    return [(one.at, one.log - mean) for one in group]


def by_group(deviations: Iterable[Deviation]) -> dict[Hashable, list[Deviation]]:
    """Return the deviations of each group."""
    groups: dict[Hashable, list[Deviation]] = {}
    for one in deviations:
        groups.setdefault(one.group, []).append(one)
    return groups


def _alike(in_time: Sequence[float]) -> float:
    """Return the share of the variance that neighbours in time have in common."""
    count = len(in_time) // _NEIGHBOURS
    if count < 3:
        return _PRIOR_ALIKE
    means = [fmean(in_time[at * _NEIGHBOURS : (at + 1) * _NEIGHBOURS]) for at in range(count)]
    variance = fmean(value**2 for value in in_time)
    if variance == 0:
        return _PRIOR_ALIKE
    ratio = fmean(mean**2 for mean in means) / variance
    share = (ratio * _NEIGHBOURS - 1) / (_NEIGHBOURS - 1)
    return min(max(share, 0.1), 1.0)
