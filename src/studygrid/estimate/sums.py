"""From the time of each job to that of all: drawn many times, because errors add up unevenly."""

from __future__ import annotations

import heapq
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.estimate.costs import Forecast
from studygrid.estimate.spread import LEVEL, Noise

Draws = NDArray[np.float64]
_SEED = 20240501
_MOST_DRAWS, _LEAST_DRAWS = 400, 40
_NUMBERS = 4_000_000
_SCHEDULED_JOBS = 200_000


@dataclass(frozen=True, slots=True)
class Range:
    """A quantity with its range; the middle is as likely too low as too high."""

    low: float
    mid: float
    high: float

    @classmethod
    def of(cls, draws: Draws) -> Range:
        """Return the range of drawn values."""
        outside = (1 - LEVEL) / 2
        low, mid, high = np.quantile(draws, [outside, 0.5, 1 - outside])
        return cls(float(low), float(mid), float(high))

    def widened(self, factor: float) -> Range:
        """Return a range whose ends lie `factor` times as far from the middle, in ratio."""
        if self.mid <= 0 or self.low <= 0 or factor == 1:
            return self
        return Range(
            self.mid * (self.low / self.mid) ** factor,
            self.mid,
            self.mid * (self.high / self.mid) ** factor,
        )

    @property
    def is_time(self) -> bool:
        """Whether it is a range of times above 0, with its middle inside."""
        return 0 < self.low <= self.mid <= self.high < math.inf

    def to_plain(self) -> list[float]:
        """Return low, middle and high, in six digits."""
        return [float(f"{part:.6g}") for part in (self.low, self.mid, self.high)]

    def contains(self, value: float) -> bool:
        """Tell whether a value lies in it."""
        return self.low <= value <= self.high


def range_of(forecast: Forecast, noise: Noise) -> Range:
    """Return the range of one job."""
    low, high = noise.range_of(forecast.log, forecast.group_sd)
    outside = (1 - LEVEL) / 2
    shares = np.quantile(np.asarray(forecast.shares), [outside, 0.5, 1 - outside])
    middle = float(np.exp(forecast.log))
    return Range(low * float(shares[0]), middle * float(shares[1]), high * float(shares[2]))


def draw(jobs: Sequence[tuple[Forecast, Noise]]) -> Draws:
    """Return times of jobs, drawn many times: one row a draw, one column a job.

    What jobs have in common is drawn once a row: the machine, what is wrong with the expectation
    of a group, how well the noise is known.
    """
    random = np.random.default_rng(_SEED)
    rows = max(_LEAST_DRAWS, min(_MOST_DRAWS, _NUMBERS // max(len(jobs), 1)))
    if not jobs:
        return np.zeros((rows, 0))
    machine = random.standard_normal((rows, 1))
    noises = list(dict.fromkeys(noise for _, noise in jobs))
    sds = [_drawn_sd(noise, rows, random) for noise in noises]
    which = np.array([noises.index(noise) for _, noise in jobs])
    sd = np.stack(sds, axis=1)[:, which]
    alike = np.array([noise.alike for _, noise in jobs])
    own = random.standard_normal((rows, len(jobs)))
    logs = np.array([forecast.log for forecast, _ in jobs])
    errors = sd * (np.sqrt(alike) * machine + np.sqrt(1 - alike) * own)
    times: Draws = np.exp(logs + _group_errors(jobs, rows, random) + errors)
    for column, (forecast, _) in enumerate(jobs):
        if tuple(forecast.shares) != (1.0,):
            times[:, column] *= random.choice(np.asarray(forecast.shares), rows)
    return times


def _drawn_sd(noise: Noise, rows: int, random: np.random.Generator) -> Any:
    # Of few measured runs the noise itself is unsure: as in Student's t.
    return noise.sd * np.sqrt(noise.freedom / random.chisquare(noise.freedom, rows))


def _group_errors(
    jobs: Sequence[tuple[Forecast, Noise]], rows: int, random: np.random.Generator
) -> Draws:
    places: dict[Hashable, int] = {}
    columns = [places.setdefault(forecast.group, len(places)) for forecast, _ in jobs]
    errors = random.standard_normal((rows, len(places)))
    sd = np.array([forecast.group_sd for forecast, _ in jobs])
    return np.asarray(errors[:, columns] * sd)


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of the drawn times are which jobs.

    Attributes
    ----------
    prepare, profile, shard, infer
        Columns of these jobs.
    chains
        For each run the columns of its jobs, which follow each other.
    """

    prepare: Sequence[int]
    chains: Sequence[Sequence[int]]
    profile: Sequence[int]
    shard: Sequence[int] = ()
    infer: Sequence[int] = ()


def wall_clock(
    times: Draws, columns: Columns, workers: int, between_sec: float, *, profiles_alone: bool
) -> Draws:
    """Return the wall-clock time of all jobs, one value a draw.

    Parameters
    ----------
    workers
        Jobs at once.
    between_sec
        Time between a job and the next of the same worker.
    profiles_alone
        Whether nothing runs beside a profile; else it takes one worker, as any job does.
    """
    count = times.shape[1]
    rows = max(_LEAST_DRAWS // 2, min(len(times), _SCHEDULED_JOBS // max(count, 1)))
    walls = []
    for row in (times[:rows] + between_sec).tolist():
        chains = [sum(row[column] for column in chain) for chain in columns.chains]
        chains += [row[column] for column in columns.infer]
        profiles = [row[column] for column in columns.profile]
        wall = makespan([row[column] for column in columns.shard], workers)
        wall += makespan([row[column] for column in columns.prepare], workers)
        if profiles_alone:
            wall += makespan(chains, workers) + sum(profiles)
        else:
            wall += makespan([*chains, *profiles], workers)
        walls.append(wall)
    return np.array(walls)


def makespan(durations: Sequence[float], workers: int) -> float:
    """Return when the last of some jobs ends that are started in their order by free workers."""
    free = [0.0] * max(1, min(workers, len(durations)))
    for duration in durations:
        heapq.heapreplace(free, free[0] + duration)
    return max(free)
