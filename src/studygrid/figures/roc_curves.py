"""How much of each signal passes with how much of the background: ROC curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import NDArray

from studygrid.figures import chosen_cells as chosen
from studygrid.figures import signal_curves as common
from studygrid.figures import signal_numbers as numbers
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import Place, largest_place, nothing_words
from studygrid.figures.signal_curves import KeptCurves, SeedCurves, Shares
from studygrid.figures.style import WIDTH_IN, Look, house_style
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

_HEIGHT_IN = 4.5
_LEAST_EVENTS = 10  # of the background, that a point of the rejection rests on
_EVENLY, _LOGARITHMIC = 201, 161


@dataclass(frozen=True)
class _Found:
    kept: KeptCurves
    shares: Shares
    least: float
    curves: list[SeedCurves]


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
    kept = common.kept_curves(study, place, TABLE)
    background = numbers.background_events(study, place, kept.models)
    least = min(1.0, _LEAST_EVENTS / min(background)) if background else 1e-3
    shares = _shares(least)
    return _Found(kept, shares, least, kept.at(shares, _signal_at))


def _shares(least: float) -> Shares:
    """Return the shares of background to draw at: close on both kinds of axis."""
    shares: Shares = np.unique(
        np.concatenate([np.linspace(0, 1, _EVENLY), np.geomspace(least, 1, _LOGARITHMIC)])
    )
    return shares


def _signal_at(shares: Shares, points: Shares) -> Shares:
    """Return the share of the signal at shares of the background; the most, on a step."""
    found: Shares = np.interp(shares, points[:, 0], points[:, 1])
    found[0] = 0.0  # the curve begins where nothing passes
    return found


# --- Drawing


def _drawn(study: StudyResults, found: _Found, title: str) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, _HEIGHT_IN))
    kept = found.kept
    grid = figure.subplots(2, len(kept.signals), sharex=True, sharey="row", squeeze=False)
    look_of = common.looks_of(study, kept)
    for column, signal in enumerate(kept.signals):
        above, below = grid[:, column]
        own = [curve for curve in found.curves if curve.signal == signal]
        for curve in own:
            common.draw_curve(above, found.shares, curve, look_of[curve.model])
            _draw_rejection(below, found, curve, look_of[curve.model])
        _draw_guess(above, below, found.least)
        above.set_title(numbers.signal_words(signal), loc="left", weight="bold", parse_math=False)
        above.set_xlabel(f"Background that passes ({study.split})")
        below.set_xlabel(f"Signal that passes ({study.split})")
    _fix(grid, found)
    table = common.curve_table(kept, found.curves, "background_share", "signal_share", found.shares)
    return framed(
        figure,
        table[TABLE_COLUMNS],
        title=title,
        caption=" ".join(filter(None, _caption(study, found))),
        entries=common.curve_entries(kept, found.curves, look_of),
        panel_height_in=_HEIGHT_IN,
    )


def _draw_rejection(axes: Axes, found: _Found, curve: SeedCurves, look: Look) -> None:
    few = found.shares >= found.least
    rejection = 1 / found.shares[few]
    mean = curve.mean[few]
    axes.plot(mean, rejection, **common.line_style(look, len(mean)))
    if len(curve.seeds) > 1:
        low, high = curve.ends
        axes.fill_betweenx(rejection, low[few], high[few], **common.band_style(look))


def _draw_guess(above: Axes, below: Axes, least: float) -> None:
    above.plot([0, 1], [0, 1], **common.LEVEL)
    guess = np.geomspace(least, 1, 100)
    below.plot(guess, 1 / guess, **common.LEVEL)


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


def _caption(study: StudyResults, found: _Found) -> list[str]:
    return [
        "Left and up is better above, right and up below. Background rejection is one over the "
        f"share of the background that passes, drawn as far as {_LEAST_EVENTS} events of it pass.",
        *common.curve_sentences(study, found.kept, found.curves, "background"),
    ]
