"""How much of each signal passes with how much of the background: ROC curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import NDArray

from studygrid.figures import chosen_cells as chosen
from studygrid.figures import signal_numbers as numbers
from studygrid.figures.contrasted_models import WORDS, contrasted
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import (
    Place,
    facts_at,
    largest_place,
    nothing_words,
    place_sentences,
)
from studygrid.figures.panels import evenly
from studygrid.figures.style import COLOURS, GREY, WIDTH_IN, Look, house_style, looks
from studygrid.results.study_results import StudyResults

TABLE = "roc"
TABLE_COLUMNS = [
    "signal",
    "model",
    "resolution",
    "n_train",
    "background_share",
    "signal_share",
    "low",
    "high",
    "n",
]

_MOST_MODELS, _MOST_SIGNALS = 6, 4
_HEIGHT_IN = 4.5
_COLUMNS = 3  # signal label, share of background, share of signal
_LEAST_EVENTS = 10  # of the background, that a point of the rejection rests on
_EVENLY, _LOGARITHMIC = 201, 161
_LINE: dict[str, Any] = {"linewidth": 1.3, "zorder": 3}
_MARK: dict[str, Any] = {"markersize": 4, "markeredgecolor": "white", "markeredgewidth": 0.4}
_BAND: dict[str, Any] = {"linewidth": 0, "alpha": 0.18, "zorder": 1.6}
_LEVEL: dict[str, Any] = {"color": GREY, "linewidth": 0.8, "linestyle": (0, (1, 2)), "zorder": 1}

Shares = NDArray[np.float64]


@dataclass(frozen=True)
class _Curve:
    """The ROC curves of a model and a signal: of each seed the share that passes.

    Attributes
    ----------
    seeds
        Share of the signal at each share of the background, shape (seeds, shares).
    """

    model: str
    signal: str
    seeds: Shares

    @property
    def mean(self) -> Shares:
        mean: Shares = self.seeds.mean(axis=0)
        return mean


@dataclass(frozen=True)
class _Found:
    place: Place
    models: list[str]
    signals: list[str]
    shares: Shares
    least: float
    curves: list[_Curve]
    of: int


def roc_curves(study: StudyResults) -> Drawing:
    """Draw the ROC curves of each model against each signal, and what they are where few pass.

    It is for families whose evaluations keep the table ``roc`` and the fact ``signal_names``.
    Above, the share of the signal that passes against that of the background; below, the
    background rejection, one over that share, on a logarithmic axis. Lines are means over the
    seeds at equal shares of the background, bands the range of the seeds. All models are at the
    largest resolution and training-set size that most share; of more than six, the references
    (models that are only fitted), and of the others the best, the worst and those evenly between.

    Returns
    -------
    A drawing whose table has one row a point: `signal`, `model`, `resolution`, `n_train`,
        `background_share`, `signal_share` there (the mean over the seeds), `low` and `high`, the
        least and the greatest seed, and `n` seeds.
    """
    title = f"{study.name}: ROC curves of the anomaly score"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    found = _found(study, place)
    if not found.curves:
        runs = chosen.run_words(place.runs, "there")
        return nothing_to_draw(title, f"No run there keeps a ROC curve. {runs}", TABLE_COLUMNS)
    with house_style():
        return _drawn(study, found, title)


# --- Numbers


def _found(study: StudyResults, place: Place) -> _Found:
    tables = {
        (model, signal): own
        for model in study.order["model"]
        for signal, own in _tables(study, place, model).items()
    }
    models = [model for model in study.order["model"] if any(key[0] == model for key in tables)]
    signals = evenly(list(dict.fromkeys(signal for _, signal in tables)), _MOST_SIGNALS)
    shown = contrasted(study, models, numbers.signal_runs(study, place), _MOST_MODELS)
    background = numbers.background_events(study, place, shown)
    least = min(1.0, _LEAST_EVENTS / min(background)) if background else 1e-3
    shares = _shares(least)
    curves = [
        _Curve(model, signal, np.array([_at(shares, table) for table in own]))
        for (model, signal), own in tables.items()
        if model in shown and signal in signals
    ]
    return _Found(place, shown, signals, shares, least, curves, len(models))


def _tables(study: StudyResults, place: Place, model: str) -> dict[str, list[Shares]]:
    """Return the points of each seed, by signal."""
    found: dict[str, list[Shares]] = {}
    for facts in facts_at(study, place, model).values():
        rows, names = facts.tables.get(TABLE), facts.scored.get("signal_names")
        if not rows or not isinstance(names, list) or any(len(row) != _COLUMNS for row in rows):
            continue
        table = np.asarray(rows, dtype=float)
        for label, name in enumerate(names, start=1):
            own = table[table[:, 0] == label, 1:]
            if len(own) > 1:
                found.setdefault(str(name), []).append(own)
    return found


def _shares(least: float) -> Shares:
    """Return the shares of background to draw at: close on both kinds of axis."""
    shares: Shares = np.unique(
        np.concatenate([np.linspace(0, 1, _EVENLY), np.geomspace(least, 1, _LOGARITHMIC)])
    )
    return shares


def _at(shares: Shares, points: Shares) -> Shares:
    """Return the share of the signal at shares of the background; the most, on a step."""
    found: Shares = np.interp(shares, points[:, 0], points[:, 1])
    found[0] = 0.0  # the curve begins where nothing passes
    return found


# --- Drawing


def _drawn(study: StudyResults, found: _Found, title: str) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, _HEIGHT_IN))
    grid = figure.subplots(2, len(found.signals), sharex=True, sharey="row", squeeze=False)
    every = study.order["model"]
    # Beyond so many models colours come again: two curves of one panel must not share one.
    look_of = looks(every if len(every) <= len(COLOURS) else found.models)
    for column, signal in enumerate(found.signals):
        above, below = grid[:, column]
        own = [curve for curve in found.curves if curve.signal == signal]
        for curve in own:
            _draw_share(above, found.shares, curve, look_of[curve.model])
            _draw_rejection(below, found, curve, look_of[curve.model])
        _draw_guess(above, below, found.least)
        above.set_title(numbers.signal_words(signal), loc="left", weight="bold", parse_math=False)
        above.set_xlabel(f"Background that passes ({study.split})")
        below.set_xlabel(f"Signal that passes ({study.split})")
    _fix(grid, found)
    return framed(
        figure,
        _table(found),
        title=title,
        caption=" ".join(filter(None, _caption(study, found))),
        entries=_entries(found, look_of),
        panel_height_in=_HEIGHT_IN,
    )


def _draw_share(axes: Axes, shares: Shares, curve: _Curve, look: Look) -> None:
    low, high = curve.seeds.min(axis=0), curve.seeds.max(axis=0)
    style = {"color": look.colour, "marker": look.marker, **_LINE, **_MARK}
    axes.plot(shares, curve.mean, markevery=(len(shares) // 12, len(shares) // 5), **style)
    if len(curve.seeds) > 1:
        axes.fill_between(shares, low, high, color=look.colour, **_BAND)


def _draw_rejection(axes: Axes, found: _Found, curve: _Curve, look: Look) -> None:
    few = found.shares >= found.least
    rejection = 1 / found.shares[few]
    mean, seeds = curve.mean[few], curve.seeds[:, few]
    style = {"color": look.colour, "marker": look.marker, **_LINE, **_MARK}
    axes.plot(mean, rejection, markevery=(len(mean) // 12, len(mean) // 5), **style)
    if len(seeds) > 1:
        ends = seeds.min(axis=0), seeds.max(axis=0)
        axes.fill_betweenx(rejection, *ends, color=look.colour, **_BAND)


def _draw_guess(above: Axes, below: Axes, least: float) -> None:
    above.plot([0, 1], [0, 1], **_LEVEL)
    guess = np.geomspace(least, 1, 100)
    below.plot(guess, 1 / guess, **_LEVEL)


def _fix(grid: NDArray[Any], found: _Found) -> None:
    grid[0, 0].set_ylabel("Signal that passes")
    grid[1, 0].set_ylabel("Background rejection")
    grid[0, 0].set_xlim(0, 1)
    grid[0, 0].set_ylim(0, 1)
    grid[1, 0].set_yscale("log")
    grid[1, 0].set_ylim(1, 1.15 / found.least)
    grid[1, 0].yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    for axes in grid.flat:
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.tick_params(labelbottom=True)
    for axes in grid[0]:
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])


def _entries(found: _Found, look_of: Mapping[str, Look]) -> dict[str, Artist]:
    entries: dict[str, Artist] = {
        model: Line2D(
            [], [], color=look_of[model].colour, marker=look_of[model].marker, **_LINE, **_MARK
        )
        for model in found.models
    }
    if any(len(curve.seeds) > 1 for curve in found.curves):
        entries["range of the seeds"] = Patch(facecolor=GREY, alpha=0.3, edgecolor="none")
    entries["guess"] = Line2D([], [], **_LEVEL)
    return entries


def _caption(study: StudyResults, found: _Found) -> list[str]:
    counts = sorted({len(curve.seeds) for curve in found.curves})
    seeds = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    lines = (
        "Lines are single runs: 1 seed a model."
        if counts == [1]
        else f"Lines are means over n = {seeds} seeds at equal background, bands the range of the "
        "seeds, no interval."
    )
    return [
        "Left and up is better above, right and up below. Background rejection is one over the "
        f"share of the background that passes, drawn as far as {_LEAST_EVENTS} events of it pass.",
        lines,
        *place_sentences(study, found.place, found.models),
        f"Drawn are {WORDS}." if found.of > len(found.models) else "",
        _left_words(study, found),
    ]


def _left_words(study: StudyResults, found: _Found) -> str:
    every = numbers.names_in(numbers.signal_runs(study, found.place))
    left: Sequence[str] = [name for name in every if name not in found.signals]
    return f"Signals not drawn: {', '.join(left)}." if left else ""


def _table(found: _Found) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "signal": curve.signal,
                "model": curve.model,
                "resolution": found.place.resolution,
                "n_train": found.place.n_train,
                "background_share": found.shares,
                "signal_share": curve.mean,
                "low": curve.seeds.min(axis=0),
                "high": curve.seeds.max(axis=0),
                "n": len(curve.seeds),
            }
        )
        for curve in found.curves
    ]
    return pd.concat(parts, ignore_index=True)[TABLE_COLUMNS]
