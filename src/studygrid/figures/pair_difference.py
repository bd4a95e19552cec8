"""By how much one model of a pair is better than the other, and where the other overtakes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from studygrid.families.base import Metric
from studygrid.figures import chosen_cells as chosen
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.pair_numbers import (
    PairDifference,
    compared_metrics,
    pair_difference_of,
    pair_resolution,
    unpaired_words,
)
from studygrid.figures.pair_table import TABLE_COLUMNS, pair_table
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.figures.tested_axis import dodge, set_ticks
from studygrid.figures.value_limits import limit_values
from studygrid.results.pairs import Pair, pairs_of
from studygrid.results.study_results import StudyResults
from studygrid.statistics.crossover import Crossing

_MOST_PAIRS = 4
_COLUMNS = 2
_REACH = 0.3
_ROW_IN = 1.42
_Y_AXIS_IN = 0.75
_MEAN: dict[str, Any] = {
    "linewidth": 1.3,
    "markersize": 4.6,
    "markeredgecolor": "white",
    "markeredgewidth": 0.5,
    "zorder": 4,
}
_SEED: dict[str, Any] = {
    "linewidth": 0.6,
    "marker": "o",
    "markersize": 2.6,
    "markeredgewidth": 0,
    "alpha": 0.45,
    "zorder": 2,
}
_BAR: dict[str, Any] = {"linewidth": 0.9, "zorder": 3}
_ZERO: dict[str, Any] = {"color": GREY, "linewidth": 0.8, "zorder": 1.5}
_STRETCH: dict[str, Any] = {"linewidth": 5, "alpha": 0.35, "solid_capstyle": "butt", "zorder": 2.5}
_CROSSING: dict[str, Any] = {
    "linestyle": "none",
    "marker": "|",
    "markersize": 13,
    "markeredgewidth": 1.6,
    "zorder": 5,
}


def pair_difference(study: StudyResults) -> Drawing:
    """Draw by how much one model of each pair is better than the other, against the size.

    Pairs are models that differ in the loss of their architecture alone (`results.pairs`). The
    difference of each seed is positive where the first is better, whichever way the metric goes.
    Where the mean changes its sign, the size is marked with what the seeds do not exclude
    (`statistics.crossover`). All is at the largest resolution of the pairs; at most four pairs and
    six metrics are drawn, those of amplitude and phase side by side.

    Returns
    -------
    A drawing whose table has one row a mark: `metric`, `kind` (``mean``, ``seed`` or
        ``crossing``), `first`, `second`, `resolution`, `n_train`, `samples` (of a crossing where
        it is estimated), `seed`, `difference`, of a mean `ci_low` and `ci_high` (95 % Student t),
        `n` pairs of `planned`; of a crossing `samples_ci_low` and `samples_ci_high`, and whether
        that is open at the smallest and the largest size.
    """
    title = f"{study.name}: difference within pairs against training-set size"
    pairs = pairs_of(study.plan)
    if not pairs:
        reason = "No two models of the study differ in the loss of their architecture alone."
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    found = _differences(study, pairs[:_MOST_PAIRS])
    if not found:
        runs = chosen.run_words(study.frame, "in the study")
        reason = f"{unpaired_words(study)} {runs}"
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, found, title, len(pairs))


def _differences(study: StudyResults, pairs: Sequence[Pair]) -> dict[str, list[PairDifference]]:
    """Return what is known of each metric, of the pairs that have values of it."""
    resolutions = [pair_resolution(study, pair) for pair in pairs]
    known = [resolution for resolution in resolutions if resolution is not None]
    found = {}
    for metric in compared_metrics(study.family, study.metric.name) if known else ():
        own = [pair_difference_of(study, pair, metric, max(known)) for pair in pairs]
        own = [one for one in own if one.has_values]
        if own:
            found[metric.name] = own
    return found


def _drawn(
    study: StudyResults, found: Mapping[str, list[PairDifference]], title: str, pairs: int
) -> Drawing:
    every = [one for own in found.values() for one in own]
    look_of = _looks(study, every)
    columns = min(_COLUMNS, len(found))
    rows = -(-len(found) // columns)
    height = 0.3 + _ROW_IN * rows
    figure = Figure(figsize=(WIDTH_IN, height))
    grid = figure.subplots(rows, columns, sharex=True, squeeze=False)
    ticks = _ticks(every)
    slot = dodge(list(ticks), 2 * len(look_of))
    cut = False
    for axes, name in zip(grid.flat, [*found, *[None] * (-len(found) % columns)], strict=True):
        if name is None:
            axes.set_axis_off()
            continue
        for place, one in enumerate(found[name]):
            _draw(axes, one, look_of[one.pair], 2 ** (slot * (place - (len(found[name]) - 1) / 2)))
        axes.axhline(0, **_ZERO)
        set_ticks(axes, ticks, WIDTH_IN / columns - _Y_AXIS_IN)
        cut |= _limit(axes, found[name])
        label = found[name][0].metric.label.replace(" frequency", "")
        axes.set_title(label, loc="left", parse_math=False)
        axes.set_title(_crossing_words(found[name]), loc="right", size=7, color=GREY)
        axes.set_ylabel(_label(found[name][0].metric, every))
    for column in range(columns):
        below = [axes for axes in grid[:, column] if axes.axison][-1]
        below.set_xlabel("Training-set size (samples)")
        below.tick_params(labelbottom=True)
    return framed(
        figure,
        pair_table(every),
        title=title,
        caption=" ".join(filter(None, _caption(study, every, pairs, cut))),
        entries=_entries(every, look_of),
        panel_height_in=height,
    )


def _looks(study: StudyResults, every: Sequence[PairDifference]) -> dict[Pair, Look]:
    """Return the look of each pair: that of its first model."""
    own = looks(study.order["model"])
    firsts = list(dict.fromkeys(one.pair for one in every))
    if len({pair.first for pair in firsts}) == len(firsts):
        return {pair: own[pair.first] for pair in firsts}
    names = looks([f"{pair.first}\n{pair.second}" for pair in firsts])
    return dict(zip(firsts, names.values(), strict=True))


def _ticks(every: Sequence[PairDifference]) -> dict[float, str]:
    sizes = {
        samples: f"{samples:.0f}" + (" (all)" if size == "all" else "")
        for one in every
        for size, samples in zip(one.sizes, one.samples, strict=True)
    }
    return dict(sorted(sizes.items()))


def _label(metric: Metric, every: Sequence[PairDifference]) -> str:
    firsts = {one.pair.first for one in every}
    better = chosen.short(firsts.pop(), 16) if len(firsts) == 1 else "the first"
    unit = f" ({metric.unit})" if metric.unit else ""
    return f"Difference{unit}\n> 0: {better} better"


def _crossing_words(own: Sequence[PairDifference]) -> str:
    """Return where the one pair of a panel crosses: ``at 375 (256 to 683)``."""
    crossover = own[0].crossover
    if len(own) > 1 or crossover.state == "too few sizes":
        return ""
    if not crossover.crossings:
        return "no crossing"
    if len(crossover.crossings) == 1:
        return f"at {_place_words(crossover.crossings[0])}"
    places = [f"{crossing.size:,.0f}" for crossing in crossover.crossings[:3]]
    return f"at {', '.join(places)}{' …' if len(crossover.crossings) > 3 else ''}"


def _place_words(crossing: Crossing) -> str:
    if crossing.interval is None:
        return f"{crossing.size:,.0f}"
    low = "…" if crossing.open_below else f"{crossing.interval.low:,.0f}"
    high = "…" if crossing.open_above else f"{crossing.interval.high:,.0f}"
    return f"{crossing.size:,.0f} ({low} to {high})"


def _draw(axes: Axes, one: PairDifference, look: Look, shift: float) -> None:
    samples = np.array(one.samples)
    values = one.values
    if one.has_dots:
        for seed in values.T:
            there = ~np.isnan(seed)
            axes.plot(samples[there] * shift, seed[there], color=look.colour, **_SEED)
    crossover = one.crossover
    sizes = np.array(crossover.sizes) * shift
    means = np.array([cell.mean for cell in crossover.cells], dtype=float)
    axes.plot(sizes, means, color=look.colour, marker=look.marker, **_MEAN)
    for size, cell in zip(sizes, crossover.cells, strict=True):
        if cell.ci_low is not None and cell.ci_high is not None:
            axes.vlines(size, cell.ci_low, cell.ci_high, look.colour, **_BAR)
    for crossing in crossover.crossings:
        _draw_crossing(axes, crossing, look)


def _draw_crossing(axes: Axes, crossing: Crossing, look: Look) -> None:
    axes.plot(crossing.size, 0, color=look.colour, **_CROSSING)
    if crossing.interval is None:
        return
    ends = [crossing.interval.low, crossing.interval.high]
    axes.plot(ends, [0, 0], color=look.colour, **_STRETCH)
    for end, marker, is_open in zip(
        ends, ("<", ">"), (crossing.open_below, crossing.open_above), strict=True
    ):
        if is_open:
            axes.plot(end, 0, color=look.colour, marker=marker, markersize=5, zorder=5)


def _limit(axes: Axes, own: Sequence[PairDifference]) -> bool:
    """Fix the axis on what was measured; return whether a bar leaves it."""
    cells = [cell for one in own for cell in one.crossover.cells]
    drawn = [one.values[~np.isnan(one.values)] for one in own if one.has_dots]
    values = np.concatenate([[cell.mean for cell in cells], *drawn, [0.0]]).astype(float)
    lows = pd.Series([cell.ci_low for cell in cells], dtype=float)
    highs = pd.Series([cell.ci_high for cell in cells], dtype=float)
    # The interval of a size with one poor run may be many times as long as all that was measured.
    reach = _REACH * float(np.ptp(values))
    seen = lows.clip(lower=values.min() - reach), highs.clip(upper=values.max() + reach)
    limit_values(axes.set_ylim, pd.Series(values), *seen)
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    return bool(lows.min() < low or highs.max() > high)


def _entries(every: Sequence[PairDifference], look_of: Mapping[Pair, Look]) -> dict[str, Artist]:
    entries: dict[str, Artist] = {}
    for pair, look in look_of.items():
        name = f"{chosen.short(pair.first)} against {chosen.short(pair.second)}, mean"
        entries[name] = Line2D([], [], color=look.colour, marker=look.marker, **_MEAN)
    if any(one.has_dots for one in every):
        entries["one seed"] = Line2D([], [], color=GREY, **_SEED)
    crossings = [crossing for one in every for crossing in one.crossover.crossings]
    if crossings:
        entries["crossing"] = Line2D([], [], color=GREY, **{**_CROSSING, "markersize": 8})
    if any(crossing.interval is not None for crossing in crossings):
        entries["its 95 % interval"] = Line2D([], [], color=GREY, **_STRETCH)
    return entries


def _caption(study: StudyResults, every: Sequence[PairDifference], of: int, cut: bool) -> list[str]:
    counts = [cell.n for one in every for cell in one.crossover.cells]
    pairs = {one.pair for one in every}
    crossings = [crossing for one in every for crossing in one.crossover.crossings]
    is_open = any(crossing.open_below or crossing.open_above for crossing in crossings)
    return [
        _where_words(study, every[0]),
        _mark_words(counts, dots=any(one.has_dots for one in every)),
        "The size at which a mean changes its sign, and its interval, are read off differences "
        "that are taken to be linear in log2(size) between two sizes; the intervals are not "
        "widened for there being several."
        if crossings
        else "No mean changes its sign in this range.",
        "Above a panel stands that size with its interval."
        if len(pairs) == 1 and crossings
        else "",
        "An arrow, and “…” above a panel, is an end of it that this range does not bound."
        if is_open
        else "",
        _lacking_words(every),
        f"Of {of} pairs the first {_MOST_PAIRS} are drawn." if of > _MOST_PAIRS else "",
        "Bars that leave a panel are cut." if cut else "",
    ]


def _where_words(study: StudyResults, one: PairDifference) -> str:
    several = len(study.order["resolution"]) > 1
    where = f"At {chosen.resolution_words(study, one.resolution)}. " if several else ""
    return (
        f"{where}The models of a pair differ in their loss alone; runs of one seed share their "
        "training subset."
    )


def _mark_words(counts: Sequence[int], *, dots: bool) -> str:
    low, high = min(counts), max(counts)
    if high == 1:
        return "Marks are single pairs of runs: 1 seed a size, so there is no interval."
    pairs = f"{low} to {high}" if low < high else f"{low}"
    thin = ", thin lines the seeds" if dots else ""
    return (
        f"Marks are means over n = {pairs} pairs of runs{thin}, vertical bars the 95 % Student-t "
        "intervals of the means."
    )


def _lacking_words(every: Sequence[PairDifference]) -> str:
    """Say at which sizes pairs lack a value; once where all metrics of a pair lack the same."""
    lacks: dict[str, None] = {}
    for one in every:
        there = (~np.isnan(one.values)).sum(axis=1).tolist()
        cells = [
            f"{size} ({count} of {planned})"
            for size, count, planned in zip(one.sizes, there, one.planned, strict=True)
            if count < planned
        ]
        if cells:
            names = f"{chosen.short(one.pair.first)} and {chosen.short(one.pair.second)}"
            lacks[f"{names} at {', '.join(cells)}"] = None
    if not lacks:
        return ""
    return (
        f"Fewer pairs than planned, because runs failed or lack a value: {'; '.join(lacks)}. "
        "Every run with a score is in, however poor it is."
    )
