"""Where one of two samples overtakes the other along sizes, and how surely that is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from studygrid.statistics.intervals import Summary, summarise

State = Literal["too few sizes", "none", "once", "several"]
Floats = NDArray[np.floating[Any]]
_ROUNDING = 1e-6  # octaves; roots that should be one are split by so little
_TINY = 1e-300


@dataclass(frozen=True)
class Span:
    """A stretch of sizes, ends included."""

    low: float
    high: float


@dataclass(frozen=True)
class Crossing:
    """A change of sign of the mean difference.

    Attributes
    ----------
    size
        Where it is estimated.
    rises
        Whether the difference goes from below zero to above, as sizes grow.
    interval
        The connected sizes around it that are not excluded; None where every size has one pair.
    open_below, open_above
        Whether that stretch reaches the smallest or the largest size: it is not bounded there.
    """

    size: float
    rises: bool
    interval: Span | None
    open_below: bool = False
    open_above: bool = False


@dataclass(frozen=True)
class Crossover:
    """What is known of where a difference crosses zero.

    Attributes
    ----------
    sizes
        Those that have a pair, ascending.
    cells
        The differences of each in numbers, with the interval of their mean.
    crossings
        The changes of sign of the mean, by rising size.
    undecided
        Stretches in which the interval of the mean holds zero, so that a crossing there is not
        excluded, whether or not the mean crosses; None where nothing has an interval.
    """

    sizes: tuple[float, ...]
    cells: tuple[Summary, ...]
    crossings: tuple[Crossing, ...]
    undecided: tuple[Span, ...] | None

    @property
    def state(self) -> State:
        """How often the mean difference changes its sign; one size cannot say."""
        if len(self.sizes) < 2:
            return "too few sizes"
        return ("none", "once")[len(self.crossings)] if len(self.crossings) < 2 else "several"

    @property
    def ahead(self) -> int | None:
        """The sign of the mean difference throughout; None where it changes, 0 if it is zero."""
        if self.crossings:
            return None
        return next((sign for sign in map(_sign, _means(self.cells)) if sign), 0)

    @property
    def told_apart(self) -> tuple[float, ...]:
        """The sizes at which the interval of the mean difference does not hold zero."""
        found = zip(self.sizes, self.cells, strict=True)
        return tuple(size for size, cell in found if _excludes_zero(cell))


def find_crossover(
    sizes: Sequence[float] | Floats,
    differences: Sequence[Sequence[float]] | Floats,
    confidence: float = 0.95,
) -> Crossover:
    """Find where a mean paired difference changes its sign along the logarithm of the size.

    Between two neighbouring sizes each pair's difference is taken to be linear in log2(size). A
    size is not excluded as the crossing where Student's t interval of the mean of these
    differences holds zero there, the inverted t test. With w from 0 to 1 between two sizes it is
    m(w)^2 <= t^2 v(w), a quadratic inequality, since the squared mean and its variance are
    quadratic in w; that it holds the true crossing as often as it says is the theorem of Fieller
    (Some problems in interval estimation, Journal of the Royal Statistical Society B 16, 1954).
    Differences of one pair at two sizes may depend on each other.

    In simulations of a difference that is linear in log2(size), with 3, 5 and 10 pairs that do and
    do not depend on each other, `undecided` held the true crossing in 94.5 to 95.6 % of 2,000
    draws; a percentile bootstrap over the pairs held it in 44 to 72 % with three pairs. Where the
    true difference bends between two sizes the interval does not know of it: see
    docs/reading-results.md and benchmarks/crossover.py.

    Parameters
    ----------
    sizes
        Shape (sizes,): above zero, ascending.
    differences
        Shape (sizes, pairs): first minus second, NaN where a pair has no value. The estimate is
        from all that a size has; the interval between two sizes from the pairs that both have,
        and where fewer than two have, nothing is excluded between them.
    confidence
        Coverage of the interval.

    Raises
    ------
    ValueError
        If shapes do not fit, sizes do not ascend above zero, a difference is infinite, or
        `confidence` is not between 0 and 1.
    """
    places, values = _checked(sizes, differences, confidence)
    there = ~np.isnan(values).all(axis=1)
    kept = np.asarray(sizes, dtype=np.float64)[there]
    places, values = places[there], values[there]
    cells = tuple(summarise(row[~np.isnan(row)], confidence) for row in values)
    spans = _undecided(places, values, confidence)
    return Crossover(
        sizes=tuple(kept.tolist()),
        cells=cells,
        crossings=tuple(_crossings(places, _means(cells), spans)),
        undecided=None if spans is None else tuple(_as_sizes(span) for span in spans),
    )


def _checked(
    sizes: Sequence[float] | Floats,
    differences: Sequence[Sequence[float]] | Floats,
    confidence: float,
) -> tuple[Floats, Floats]:
    found = np.asarray(sizes, dtype=np.float64)
    values = np.asarray(differences, dtype=np.float64)
    if found.ndim != 1 or values.ndim != 2 or len(values) != len(found):
        raise ValueError(
            f"differences should have the shape (sizes, pairs), not {values.shape} for sizes of "
            f"{found.shape}"
        )
    if not (np.isfinite(found).all() and (found > 0).all() and (np.diff(found) > 0).all()):
        raise ValueError(f"sizes should ascend above zero, not be {found.tolist()}")
    if np.isinf(values).any():
        raise ValueError("differences should be finite, or NaN where a pair has no value")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence should lie between 0 and 1, not be {confidence}")
    return np.log2(found), values


def _size(place: float) -> float:
    """Return a size from its logarithm, whole where it was whole."""
    size = 2.0**place
    return float(round(size)) if math.isclose(size, round(size), rel_tol=_ROUNDING) else size


def _as_sizes(span: Span) -> Span:
    return Span(_size(span.low), _size(span.high))


def _means(cells: Sequence[Summary]) -> list[float]:
    means = [cell.mean for cell in cells]
    assert None not in means
    return [mean for mean in means if mean is not None]


def _sign(value: float) -> int:
    return int(value > 0) - int(value < 0)


def _excludes_zero(cell: Summary) -> bool:
    if cell.ci_low is None or cell.ci_high is None:
        return False
    return cell.ci_low > 0 or cell.ci_high < 0


def _crossings(
    places: Floats, means: Sequence[float], spans: list[Span] | None
) -> Iterator[Crossing]:
    """Yield where the line through the means goes from one side of zero to the other."""
    sides = [number for number, mean in enumerate(means) if mean]
    for before, after in pairwise(sides):
        if _sign(means[before]) == _sign(means[after]):
            continue
        if after == before + 1:
            share = means[before] / (means[before] - means[after])
            place = _between(float(places[before]), float(places[after]), share)
        else:  # zero in between: its middle
            place = float(places[before + 1] + places[after - 1]) / 2
        yield _crossing(place, means[after] > 0, spans, float(places[0]), float(places[-1]))


def _crossing(
    place: float, rises: bool, spans: list[Span] | None, first: float, last: float
) -> Crossing:
    if spans is None:
        return Crossing(_size(place), rises, None)
    near = min(spans, key=lambda span: _distance(span, place), default=Span(place, place))
    # Pairs that only one of two sizes has move the estimate and not the stretch.
    if _distance(near, place) > 0:
        near = Span(min(near.low, place), max(near.high, place))
    return Crossing(
        size=_size(place),
        rises=rises,
        interval=_as_sizes(near),
        open_below=near.low <= first,
        open_above=near.high >= last,
    )


def _distance(span: Span, place: float) -> float:
    return max(span.low - place, place - span.high, 0.0)


def _undecided(places: Floats, values: Floats, confidence: float) -> list[Span] | None:
    """Return the stretches of log2(size) where the interval of the mean holds zero, connected."""
    several = (~np.isnan(values)).sum(axis=1) > 1
    if not several.any():
        return None
    spans: list[Span] = []
    for step, (low, high) in enumerate(pairwise(places.tolist())):
        shared = values[step : step + 2, ~np.isnan(values[step : step + 2]).any(axis=0)]
        for start, end in _not_excluded(shared, confidence):
            spans.append(Span(_between(low, high, start), _between(low, high, end)))
    return _connected(spans)


def _between(low: float, high: float, share: float) -> float:
    # Rounding must leave no end short of the size that it is, nor any beyond.
    return high if share == 1 else min(low + share * (high - low), high)


def _not_excluded(shared: Floats, confidence: float) -> list[tuple[float, float]]:
    """Return the parts of a step, from 0 to 1, where the interval of the mean holds zero.

    Parameters
    ----------
    shared
        Differences of the pairs that both ends have, shape (2, pairs).
    """
    pairs = shared.shape[1]
    if pairs < 2:
        return [(0.0, 1.0)]
    first, last = shared.mean(axis=1).tolist()
    (first_noise, common), (_, last_noise) = (np.cov(shared) / pairs).tolist()
    squared_t = float(stdtrit(pairs - 1, (1 + confidence) / 2)) ** 2
    # m(w)^2 - t^2 v(w), by power of w.
    square = (last - first) ** 2 - squared_t * (first_noise - 2 * common + last_noise)
    slope = 2 * first * (last - first) - 2 * squared_t * (common - first_noise)
    level = first**2 - squared_t * first_noise
    ends = [0.0, *(root for root in _roots(square, slope, level) if 0 < root < 1), 1.0]
    return [
        (start, end)
        for start, end in pairwise(ends)
        if _at((start + end) / 2, square, slope, level) <= 0
    ]


def _at(place: float, square: float, slope: float, level: float) -> float:
    return (square * place + slope) * place + level


def _roots(square: float, slope: float, level: float) -> list[float]:
    """Return where a quadratic is zero, ascending; without cancellation of like numbers."""
    inside = slope**2 - 4 * square * level
    if inside < 0:
        return []
    half = -(slope + math.copysign(math.sqrt(inside), slope)) / 2
    over = ((half, square), (level, half))
    return sorted(above / below for above, below in over if abs(below) > abs(above) * _TINY)


def _connected(spans: Sequence[Span]) -> list[Span]:
    found: list[Span] = []
    for span in spans:
        if found and span.low - found[-1].high <= _ROUNDING:
            found[-1] = Span(found[-1].low, max(found[-1].high, span.high))
        else:
            found.append(span)
    return found
