"""Curves of each model and signal that evaluations keep, at equal places, and how they look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from studygrid.figures import signal_numbers as numbers
from studygrid.figures.contrasted_models import WORDS, contrasted
from studygrid.figures.largest_place import Place, facts_at, place_sentences
from studygrid.figures.panels import evenly
from studygrid.figures.style import COLOURS, GREY, Look, looks
from studygrid.results.study_results import StudyResults

Shares = NDArray[np.float64]

LEVEL: dict[str, Any] = {"color": GREY, "linewidth": 0.8, "linestyle": (0, (1, 2)), "zorder": 1}

_MOST_MODELS, _MOST_SIGNALS = 6, 4
_COLUMNS = 3  # signal label, x, y
_LINE: dict[str, Any] = {"linewidth": 1.3, "zorder": 3}
_MARK: dict[str, Any] = {"markersize": 4, "markeredgecolor": "white", "markeredgewidth": 0.4}
_BAND: dict[str, Any] = {"linewidth": 0, "alpha": 0.18, "zorder": 1.6}


@dataclass(frozen=True)
class SeedCurves:
    """The curves of a model and a signal at equal places.

    Attributes
    ----------
    seeds
        Value of each seed at each place, shape (seeds, places).
    """

    model: str
    signal: str
    seeds: Shares

    @property
    def mean(self) -> Shares:
        """Mean over the seeds, shape (places,)."""
        mean: Shares = self.seeds.mean(axis=0)
        return mean

    @property
    def ends(self) -> tuple[Shares, Shares]:
        """The least and the greatest seed, each of shape (places,)."""
        return self.seeds.min(axis=0), self.seeds.max(axis=0)


@dataclass(frozen=True)
class KeptCurves:
    """Which curves a study keeps, and of which there is room to draw.

    Attributes
    ----------
    models, signals
        Those that are drawn, in the order of the config and of the data.
    points
        Of a model and a signal the points of each seed, shape (points, 2).
    of
        How many models keep a curve.
    """

    place: Place
    models: list[str]
    signals: list[str]
    points: Mapping[tuple[str, str], list[Shares]]
    of: int

    def at(self, places: Shares, value: Callable[[Shares, Shares], Shares]) -> list[SeedCurves]:
        """Return the curves that are drawn, as `value` reads their points at some places."""
        return [
            SeedCurves(model, signal, np.array([value(places, each) for each in seeds]))
            for (model, signal), seeds in self.points.items()
            if model in self.models and signal in self.signals
        ]


def kept_curves(study: StudyResults, place: Place, table: str) -> KeptCurves:
    """Return the curves of the runs at a place, from a table of signal label, x and y.

    Of more than six models, those that `contrasted_models.WORDS` names are drawn; of more than
    four signals, some evenly spread.
    """
    points = {
        (model, signal): own
        for model in study.order["model"]
        for signal, own in _points(study, place, model, table).items()
    }
    models = [model for model in study.order["model"] if any(key[0] == model for key in points)]
    signals = evenly(list(dict.fromkeys(signal for _, signal in points)), _MOST_SIGNALS)
    shown = contrasted(study, models, numbers.signal_runs(study, place), _MOST_MODELS)
    return KeptCurves(place, shown, signals, points, len(models))


def _points(study: StudyResults, place: Place, model: str, table: str) -> dict[str, list[Shares]]:
    """Return the points of each seed, by signal."""
    found: dict[str, list[Shares]] = {}
    for facts in facts_at(study, place, model).values():
        rows, names = facts.tables.get(table), facts.scored.get("signal_names")
        if not rows or not isinstance(names, list) or any(len(row) != _COLUMNS for row in rows):
            continue
        values = np.asarray(rows, dtype=float)
        for label, name in enumerate(names, start=1):
            own = values[values[:, 0] == label, 1:]
            if len(own) > 1:
                found.setdefault(str(name), []).append(own)
    return found


def looks_of(study: StudyResults, kept: KeptCurves) -> dict[str, Look]:
    """Return a look for each model that is drawn."""
    every = study.order["model"]
    # Beyond so many models colours come again: two curves of one panel must not share one.
    return looks(every if len(every) <= len(COLOURS) else kept.models)


def draw_curve(axes: Axes, places: Shares, curve: SeedCurves, look: Look) -> None:
    """Draw the mean over the seeds, and their range where there are more than one."""
    axes.plot(places, curve.mean, **line_style(look, len(places)))
    if len(curve.seeds) > 1:
        axes.fill_between(places, *curve.ends, **band_style(look))


def line_style(look: Look, points: int) -> dict[str, Any]:
    """Return how a line of so many points is drawn: a few of them have the model's marker."""
    every = (points // 12, points // 5)
    return {"color": look.colour, "marker": look.marker, "markevery": every, **_LINE, **_MARK}


def band_style(look: Look) -> dict[str, Any]:
    """Return how the range of the seeds is drawn."""
    return {"color": look.colour, **_BAND}


def curve_entries(
    kept: KeptCurves, curves: Sequence[SeedCurves], look_of: Mapping[str, Look]
) -> dict[str, Artist]:
    """Return the legend: models, the range of the seeds, and a guess."""
    entries: dict[str, Artist] = {
        model: Line2D(
            [], [], color=look_of[model].colour, marker=look_of[model].marker, **_LINE, **_MARK
        )
        for model in kept.models
    }
    if any(len(curve.seeds) > 1 for curve in curves):
        entries["range of the seeds"] = Patch(facecolor=GREY, alpha=0.3, edgecolor="none")
    entries["guess"] = Line2D([], [], **LEVEL)
    return entries


def curve_sentences(
    study: StudyResults, kept: KeptCurves, curves: Sequence[SeedCurves], equal: str
) -> list[str]:
    """Return what every caption of such curves says.

    Parameters
    ----------
    equal
        What is equal where the seeds are averaged, for example ``background``.
    """
    counts = sorted({len(curve.seeds) for curve in curves})
    seeds = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    lines = (
        "Lines are single runs: 1 seed a model."
        if counts == [1]
        else f"Lines are means over n = {seeds} seeds at equal {equal}, bands the range of the "
        "seeds, no interval."
    )
    every = numbers.names_in(numbers.signal_runs(study, kept.place))
    left = [name for name in every if name not in kept.signals]
    return [
        lines,
        *place_sentences(study, kept.place, kept.models),
        f"Drawn are {WORDS}." if kept.of > len(kept.models) else "",
        f"Signals not drawn: {', '.join(left)}." if left else "",
    ]


def curve_table(
    kept: KeptCurves, curves: Sequence[SeedCurves], x: str, y: str, places: Shares
) -> pd.DataFrame:
    """Return one row a point: `signal`, `model`, `resolution`, `n_train`, x, y, range, `n` seeds.

    Parameters
    ----------
    x, y
        Names of their columns; `low` and `high` are the least and the greatest seed.
    """
    parts = [
        pd.DataFrame(
            {
                "signal": curve.signal,
                "model": curve.model,
                "resolution": kept.place.resolution,
                "n_train": kept.place.n_train,
                x: places,
                y: curve.mean,
                "low": curve.ends[0],
                "high": curve.ends[1],
                "n": len(curve.seeds),
            }
        )
        for curve in curves
    ]
    return pd.concat(parts, ignore_index=True)
