"""How often the interval of a crossing holds the true one, beside a bootstrap over seeds.

Draws paired differences whose mean crosses zero at a known size, and counts. Two kinds of truth:
a difference that is linear in log2(size), as the interval takes it to be, and the difference of
two power laws, which it is not.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from studygrid.statistics import find_crossover

Floats = NDArray[np.float64]
RESAMPLES = 200
SEEDS = (3, 5, 10)


@dataclass(frozen=True)
class Truth:
    """A true mean difference by log2(size), where it crosses zero, and the noise of a seed."""

    name: str
    sizes: tuple[float, ...]
    mean: Callable[[Floats], Floats]
    noise: float
    shared: float

    @property
    def crossing(self) -> float:
        """log2 of the size at which it crosses."""
        places = np.log2(self.sizes)
        return float(brentq(lambda place: self.mean(np.array(place)), places[0], places[-1]))

    def draw(self, seeds: int, generator: np.random.Generator) -> Floats:
        """Return differences, shape (sizes, seeds): a part of a seed's noise is in all sizes."""
        shape = (len(self.sizes), seeds)
        common = np.sqrt(self.shared) * generator.normal(size=(1, seeds))
        own = np.sqrt(1 - self.shared) * generator.normal(size=shape)
        mean = self.mean(np.log2(self.sizes))
        return np.asarray(mean[:, None] + self.noise * (common + own))


def line(crossing: float) -> Callable[[Floats], Floats]:
    """Return a difference that falls by one an octave."""
    return lambda place: np.log2(crossing) - place


def power_laws(place: Floats) -> Floats:
    """Return the difference of two errors, E + a n^-b, that cross near 228 samples."""
    first, second = 0.05 + 0.5 * 2 ** (-0.2 * place), 0.02 + 3 * 2 ** (-0.5 * place)
    return second - first


OCTAVES = (128.0, 256.0, 512.0, 1024.0, 2048.0)
TRUTHS = [
    *(
        Truth(
            f"line at {at:g}, noise {noise:g}, shared {shared:g}", OCTAVES, line(at), noise, shared
        )
        for at in (676.0, 158.0)
        for noise in (0.3, 1.0, 2.0)
        for shared in (0.0, 0.8)
    ),
    *(
        Truth(f"power laws at {len(sizes)} sizes, noise {noise:g}", sizes, power_laws, noise, 0.0)
        for sizes in (OCTAVES, (128.0, 512.0, 2048.0))
        for noise in (0.03, 0.007)
    ),
]


def bootstrapped(sizes: Floats, differences: Floats, generator: np.random.Generator) -> Floats:
    """Return the 95 % percentile interval of the crossing over resampled seeds, in log2(size).

    Resamples that do not cross exactly once have no estimate and are left out; NaN where fewer
    than one in ten is left.
    """
    seeds = differences.shape[1]
    picked = generator.integers(0, seeds, (RESAMPLES, seeds))
    means = differences[:, picked].mean(axis=2).T
    changes = means[:, :-1] * means[:, 1:] < 0
    rows = np.flatnonzero(changes.sum(axis=1) == 1)
    if len(rows) < RESAMPLES / 10:
        return np.full(2, np.nan)
    step = changes[rows].argmax(axis=1)
    before, after = means[rows, step], means[rows, step + 1]
    share = before / (before - after)
    estimates = sizes[step] + share * (sizes[step + 1] - sizes[step])
    return np.asarray(np.percentile(estimates, [2.5, 97.5]))


def measure(truth: Truth, seeds: int, draws: int) -> str:
    """Return one row of the table."""
    generator = np.random.default_rng(seeds)
    crossing, places = truth.crossing, np.log2(truth.sizes)
    held, once, once_held, open_ends, resampled, resampled_held = 0, 0, 0, 0, 0, 0
    for _ in range(draws):
        differences = truth.draw(seeds, generator)
        found = find_crossover(truth.sizes, differences)
        true = 2.0**crossing
        held += any(span.low <= true <= span.high for span in found.undecided or ())
        if found.state == "once":
            interval = found.crossings[0].interval
            assert interval is not None
            once += 1
            once_held += interval.low <= true <= interval.high
            open_ends += found.crossings[0].open_below or found.crossings[0].open_above
        low, high = bootstrapped(places, differences, generator)
        resampled += not np.isnan(low)
        resampled_held += low <= crossing <= high
    return (
        f"{truth.name:42} n={seeds:2}  not excluded {held / draws:.3f}  "
        f"crosses once {once / draws:.2f}: interval {once_held / max(once, 1):.3f}, "
        f"open {open_ends / max(once, 1):.2f}  bootstrap {resampled_held / max(resampled, 1):.3f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2000)
    draws = parser.parse_args().draws
    for truth in TRUTHS:
        for seeds in SEEDS:
            print(measure(truth, seeds, draws), flush=True)


if __name__ == "__main__":
    main()
