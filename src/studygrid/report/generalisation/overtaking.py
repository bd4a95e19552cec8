"""Which model of a pair is ahead at the smallest and the largest size, and where that changes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from studygrid.figures.pair_numbers import PairDifference, compared_metrics, pair_difference_of
from studygrid.report.answers.answer import direction, with_unit
from studygrid.report.generalisation.bounds import bound_words
from studygrid.report.learned.part import Part
from studygrid.report.numbers import counted, interval, listed, number
from studygrid.results.pairs import Pair
from studygrid.results.study_results import StudyResults
from studygrid.statistics.comparisons import compare_paired, holm
from studygrid.statistics.crossover import Crossing, Crossover, Span
from studygrid.statistics.intervals import Summary
from studygrid.tables.contents import Table

_ROUNDING = 1e-9  # relative


def overtaking_part(study: StudyResults, pair: Pair, resolution: int) -> Part:
    """Return the comparison of a pair at a resolution, by each metric that both have."""
    metrics = compared_metrics(study.family, study.metric.name)
    every = [pair_difference_of(study, pair, metric, resolution) for metric in metrics]
    found = [one for one in every if one.has_values]
    lacking = [one.metric.label for one in every if not one.has_values]
    sentences = [
        f"{_sentence(one)}{bound_words(study, one.metric, pair, resolution)}" for one in found
    ]
    if lacking:
        sentences.append(f"No pair of runs has both values of {listed(lacking)}.")
    title = f"{pair.first} against {pair.second}"
    return Part(title, tuple(sentences), _table(found))


def _sentence(one: PairDifference) -> str:
    crossover = one.crossover
    start = f"{one.metric.label} ({direction(one.metric)})"
    ends = [0] if len(crossover.sizes) == 1 else [0, -1]
    places = [
        f"at {_samples(crossover.sizes[end])} {_ahead(one, crossover.cells[end])}" for end in ends
    ]
    return f"{start}: {'; '.join(places)}. {crossing_words(one)}"


def _samples(size: float) -> str:
    return counted(round(size), "sample")


def _ahead(one: PairDifference, cell: Summary) -> str:
    """Say who is ahead in a cell: ``pinn is ahead by 0.25 (0.17 to 0.33; 3 pairs)``."""
    assert cell.mean is not None
    if cell.mean == 0:
        return f"the two have the same mean ({counted(cell.n, 'pair of runs', 'pairs of runs')})"
    leader = one.pair.first if cell.mean > 0 else one.pair.second
    if cell.ci_low is None or cell.ci_high is None:
        amount = with_unit(number(abs(cell.mean)), one.metric)
        return f"{leader} is ahead by {amount} (one pair of runs, so no interval)"
    low, high = sorted([cell.ci_low, cell.ci_high] if cell.mean > 0 else _turned(cell))
    amount = with_unit(number(abs(cell.mean), (high - low) / 2), one.metric)
    words = f"by {amount} ({interval(low, high)}"
    pairs = counted(cell.n, "pair")
    if low <= 0:
        return f"the mean of {leader} is ahead {words}, which holds 0; {pairs})"
    return f"{leader} is ahead {words}; {pairs})"


def _turned(cell: Summary) -> list[float]:
    assert cell.ci_low is not None
    assert cell.ci_high is not None
    return [-cell.ci_high, -cell.ci_low]


def crossing_words(one: PairDifference) -> str:
    """Say where one model overtakes the other, or that neither does in this range."""
    crossover = one.crossover
    if crossover.state == "too few sizes":
        return "Pairs at one size cannot say whether that changes with the size."
    if crossover.state == "none":
        return _never(one, crossover)
    if crossover.state == "once":
        return _once(one, crossover, crossover.crossings[0])
    return _several(crossover)


def _once(one: PairDifference, crossover: Crossover, crossing: Crossing) -> str:
    over, under = one.pair.first, one.pair.second
    if not crossing.rises:
        over, under = under, over
    words = f"In the mean {over} overtakes {under} at about {_samples(crossing.size)}"
    comma = "," if crossing.open_below and crossing.open_above else ""
    return f"{words}{comma} {_interval_words(crossover, crossing)}"


def _interval_words(crossover: Crossover, crossing: Crossing) -> str:
    if crossing.interval is None:
        return "(one pair of runs a size, so no interval: this may be chance)."
    low, high = crossing.interval.low, crossing.interval.high
    if crossing.open_below and crossing.open_above:
        return (
            "but no size of this range is excluded as the place, and it may lie outside of the "
            "range or nowhere."
        )
    others = _others(crossover, [crossing.interval])
    if crossing.open_below:
        words = f"(95 % interval: up to {high:,.0f}; this range does not bound it below)"
    elif crossing.open_above:
        words = f"(95 % interval: from {low:,.0f}; this range does not bound it above)"
    else:
        words = f"(95 % interval {low:,.0f} to {high:,.0f})"
    return f"{words}.{others}"


def _others(crossover: Crossover, told: Sequence[Span]) -> str:
    """Name the other stretches in which a crossing is not excluded."""
    rest = [span for span in crossover.undecided or () if not _within(span, told)]
    return f" Nor is a crossing excluded {_stretches(rest)}." if rest else ""


def _within(span: Span, told: Sequence[Span]) -> bool:
    slack = 1 + _ROUNDING
    return any(one.low <= span.low * slack and span.high <= one.high * slack for one in told)


def _stretches(spans: Sequence[Span]) -> str:
    return listed([f"between {span.low:,.0f} and {span.high:,.0f}" for span in spans])


def _several(crossover: Crossover) -> str:
    places = listed([f"{crossing.size:,.0f}" for crossing in crossover.crossings])
    times = f"The mean difference changes its sign {len(crossover.crossings)} times, at about"
    start = f"{times} {places} samples"
    if crossover.undecided is None:
        return f"{start}; with one pair of runs a size that may be chance."
    holding = {
        crossing.interval for crossing in crossover.crossings if crossing.interval is not None
    }
    if len(holding) == 1:
        span = holding.pop()
        return (
            f"{start}, all of them within one stretch, {_stretches([span])}, where the interval of "
            "the mean holds 0: it cannot be told from one crossing, or none."
        )
    return f"{start}; a crossing is not excluded {_stretches(crossover.undecided)}."


def _never(one: PairDifference, crossover: Crossover) -> str:
    ahead = crossover.ahead
    first, last = (f"{crossover.sizes[end]:,.0f}" for end in (0, -1))
    where = f"from {first} to {last} samples"
    if ahead == 0:
        return f"The two have the same mean at every size {where}."
    leader = one.pair.first if ahead == 1 else one.pair.second
    start = f"No crossing in this range: {leader} is ahead in the mean at every size {where}"
    if crossover.undecided is None:
        return f"{start}; with one pair of runs a size that may be chance."
    apart = len(crossover.told_apart)
    of = counted(len(crossover.sizes), "size")
    told = f"the interval excludes 0 at {'all' if apart == len(crossover.sizes) else apart} of {of}"
    told = told.replace("all of", "all")
    if not crossover.undecided:
        return f"{start}, and {told}."
    return f"{start}; {told}, and a crossing is not excluded {_stretches(crossover.undecided)}."


def _table(found: Sequence[PairDifference]) -> Table | None:
    rows = [row for one in found for row in _rows(one)]
    if not rows:
        return None
    tested = [row for row in rows if row["p_value"] is not None]
    for row, p in zip(tested, holm([row["p_value"] for row in tested]), strict=True):
        row["p_holm"] = p
    pair = found[0].pair
    words = {
        "metric": "Score",
        "samples": "Samples",
        "first": f"{pair.first}, mean",
        "second": f"{pair.second}, mean",
        "difference": f"{pair.first} better by",
        "difference_ci_low": "95 % interval, low",
        "difference_ci_high": "95 % interval, high",
        "pairs": "Pairs of runs",
        "planned": "Planned",
        "p_value": "p, paired t test",
        "p_holm": "p, Holm",
    }
    numbers = [*list(words)[2:7], "p_value", "p_holm"]
    frame = pd.DataFrame(rows).reindex(columns=list(words)).astype(dict.fromkeys(numbers, float))
    note = (
        f"By how much {pair.first} is better than {pair.second}, whichever way a score goes; below "
        "zero it is worse. Means are over the runs that have a value in both models; every such "
        "run is in, however poor. Holm's correction is over all comparisons of this table."
    )
    name = re.sub(r"[^a-z0-9]+", "-", f"{pair.first}-{pair.second}".lower())
    return Table(name, f"{pair.first} less {pair.second}", note, frame, tuple(words), words)


def _rows(one: PairDifference) -> list[dict[str, Any]]:
    metric = one.metric
    heading = f"{metric.label} ({metric.unit})" if metric.unit else metric.label
    rows = []
    for place, samples in enumerate(one.samples):
        there = ~np.isnan(one.values[place])
        first, second = one.first[place, there], one.second[place, there]
        pair = (first, second) if metric.higher_is_better else (second, first)
        compared = compare_paired(*pair)
        rows.append(
            {
                "metric": heading,
                "samples": round(samples),
                "first": first.mean() if len(first) else None,
                "second": second.mean() if len(second) else None,
                "difference": compared.difference,
                "difference_ci_low": compared.ci_low,
                "difference_ci_high": compared.ci_high,
                "pairs": compared.n,
                "planned": one.planned[place],
                "p_value": None if compared.constant else compared.p_value,
            }
        )
    return rows
