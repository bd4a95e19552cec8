"""A part of the section, and the numbers and words that its parts share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studygrid.figures.largest_place import Place
from studygrid.report.numbers import counted, interval, number
from studygrid.results.pairing import pairing_seeds
from studygrid.statistics.comparisons import Comparison, compare_paired
from studygrid.statistics.intervals import Summary
from studygrid.tables.contents import Table

_ROUNDING = 1e-9
_IN_WORDS = {"%": "percentage points"}


@dataclass(frozen=True)
class Part:
    """A part of the section.

    Attributes
    ----------
    at_place
        Whether it is of one vocabulary and training-set size alone.
    """

    title: str
    sentences: tuple[str, ...]
    table: Table | None = None
    warnings: tuple[str, ...] = ()
    at_place: bool = True


def values_at(place: Place, metric: str) -> dict[str, dict[int, float]]:
    """Return the test score of each model's runs there that have one, by what pairs them."""
    column = f"test_{metric}"
    if column not in place.ok:
        return {}
    there = place.ok.dropna(subset=[column])
    found: dict[str, dict[int, float]] = {}
    rows = zip(there["model"].tolist(), pairing_seeds(there), there[column].tolist(), strict=True)
    for model, seed, value in rows:
        found.setdefault(model, {})[seed] = float(value)
    return found


def change(first: Mapping[int, float], second: Mapping[int, float]) -> Comparison:
    """Return how the second differs from the first over the seeds that both have."""
    shared = sorted(first.keys() & second.keys())
    return compare_paired([second[seed] for seed in shared], [first[seed] for seed in shared])


def side(of: Comparison | Summary, level: float = 0.0) -> int | None:
    """Return 1 or -1 where an interval lies above or below a level, 0 where it holds it."""
    if of.ci_low is None or of.ci_high is None:
        return None
    return int(of.ci_low > level) - int(of.ci_high < level)


def is_alike(of: Summary) -> bool:
    """Tell whether all of several runs have one value: their interval has no width.

    A model that is fitted to the whole training split is the same whatever the seed, and so is
    what is drawn from it. That says nothing of how sure its value is.
    """
    if of.mean is None or of.ci_low is None or of.ci_high is None:
        return False
    return of.ci_high - of.ci_low <= _ROUNDING * max(abs(of.mean), 1)


def change_words(found: Comparison, unit: str) -> str:
    """Return a mean difference with its interval: ``−1.8 nats (−2.0 to −1.6)``."""
    assert found.difference is not None
    words = _IN_WORDS.get(unit, unit)
    if found.ci_low is None or found.ci_high is None:
        return f"{number(found.difference, sign=True)} {words}".strip()
    half = (found.ci_high - found.ci_low) / 2
    amount = f"{number(found.difference, half, sign=True)} {words}".strip()
    holds = ", which holds 0" if side(found) == 0 else ""
    return f"{amount} ({interval(found.ci_low, found.ci_high)}{holds})"


def mean_words(found: Summary, unit: str) -> str:
    """Return a mean with its interval."""
    assert found.mean is not None
    if found.ci_low is None or found.ci_high is None:
        return f"{number(found.mean)} {unit}".strip() + ", one run"
    if is_alike(found):
        return f"{number(found.mean)} {unit}".strip() + " in every run"
    half = (found.ci_high - found.ci_low) / 2
    amount = f"{number(found.mean, half)} {unit}".strip()
    return f"{amount}, {interval(found.ci_low, found.ci_high)}"


def pair_words(found: Sequence[Comparison]) -> str:
    """Return from how many pairs of runs: ``3 to 5 pairs of runs``."""
    low, high = min(one.n for one in found), max(one.n for one in found)
    if low < high:
        return f"{low} to {high} pairs of runs"
    return counted(high, "pair of runs, without an interval", "pairs of runs")
