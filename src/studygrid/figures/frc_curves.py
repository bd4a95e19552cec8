"""Down to which detail a reconstruction agrees with the truth: Fourier ring correlation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from studygrid.families.ptychography.thresholds import THRESHOLDS
from studygrid.figures import chosen_cells as chosen
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import (
    Place,
    largest_place,
    nothing_words,
    place_sentences,
)
from studygrid.figures.panels import evenly
from studygrid.figures.reconstruction_arms import PARTS
from studygrid.figures.ring_curves import Fall, RingCurve, ring_curve
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = [
    "part",
    "kind",
    "model",
    "resolution",
    "n_train",
    "frequency",
    "correlation",
    "low",
    "high",
    "n",
    "beyond_nyquist",
    "below_first_ring",
]

_BOUNDS = ("beyond_nyquist", "below_first_ring")
_MOST = 6
_HEIGHT_IN = 2.9
_NAME = 18
_NYQUIST = 0.5
_LINE: dict[str, Any] = {"linewidth": 1.4, "zorder": 3}
_BAND: dict[str, Any] = {"linewidth": 0, "alpha": 0.18, "zorder": 1.6}
_MARK: dict[str, Any] = {
    "linestyle": "none",
    "markersize": 6,
    "markeredgecolor": "white",
    "markeredgewidth": 0.6,
    "zorder": 5,
    "clip_on": False,
}
_LEVEL: dict[str, Any] = {"color": GREY, "linewidth": 0.8, "linestyle": (0, (4, 3)), "zorder": 1.2}
_NAMES = {THRESHOLDS["frc50"]: "0.5", THRESHOLDS["frc17"]: "1/7"}

Curves = Mapping[str, Sequence[RingCurve]]


def frc_curves(study: StudyResults) -> Drawing:
    """Draw the Fourier ring correlation with the truth against spatial frequency, of each model.

    It is for families whose evaluations keep the tables ``frc_amplitude`` and ``frc_phase``: rows
    of scan, frequency in 1/px, correlation and pixels of the ring. Lines are means over the seeds
    of means over the scans, bands the range of the seeds; marks stand where the recorded
    crossings of 0.5 and 1/7 are in the mean. All models are at the largest resolution and
    training-set size that most share, those that do not learn at any size; of more than six,
    those evenly spread over the order of the config.

    Returns
    -------
    A drawing whose table has one row a ring or mark: `part` (``amplitude`` or ``phase``), `kind`
        (``curve``, or ``0.5`` and ``1/7`` for a crossing), `model`, `resolution`, `n_train`,
        `frequency` (1/px; of a crossing the mean over the seeds), `correlation` (of a crossing
        the threshold), `low` and `high`, the least and the greatest seed (of a crossing its
        frequency), `n` seeds, and of a crossing `beyond_nyquist`, how many of these have a scan
        whose curve never falls so low, and `below_first_ring`, how many one that starts below.
    """
    title = f"{study.name}: Fourier ring correlation with the truth"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    every = {
        part: [
            curve
            for model in study.order["model"]
            if (curve := ring_curve(study, place, model, part)) is not None
        ]
        for part in PARTS
    }
    models = [
        model
        for model in study.order["model"]
        if any(curve.model == model for own in every.values() for curve in own)
    ]
    if not models:
        runs = chosen.run_words(place.runs, "there")
        reason = f"No run there keeps a curve of ring correlation. {runs}"
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    shown = evenly(models, _MOST)
    curves = {part: [one for one in own if one.model in shown] for part, own in every.items()}
    with house_style():
        return _drawn(study, place, curves, shown, title)


def _drawn(
    study: StudyResults, place: Place, curves: Curves, shown: Sequence[str], title: str
) -> Drawing:
    look_of = looks(study.order["model"])
    figure = Figure(figsize=(WIDTH_IN, _HEIGHT_IN))
    grid = figure.subplots(1, len(PARTS), sharex=True, sharey=True)
    for axes, part in zip(grid, PARTS, strict=True):
        axes.set_title(part.capitalize(), loc="left", weight="bold")
        _draw_levels(axes, labelled=axes is grid[-1])
        for curve in curves[part]:
            _draw_curve(axes, curve, look_of[curve.model])
        if not curves[part]:
            axes.text(0.5, 0.5, "no curve", transform=axes.transAxes, ha="center", color=GREY)
        axes.set_xlabel("Spatial frequency (1/px)")
    grid[0].set_ylabel(f"Fourier ring correlation ({study.split})")
    lows = [float(curve.seeds.min()) for own in curves.values() for curve in own]
    grid[0].set_ylim(min(-0.02, min(lows) - 0.03), 1.03)
    grid[0].set_xlim(0, _NYQUIST)
    return framed(
        figure,
        _table(place, curves),
        title=title,
        caption=" ".join(filter(None, _caption(study, place, curves, shown))),
        entries=_entries(curves, shown, look_of),
        panel_height_in=_HEIGHT_IN,
    )


def _draw_levels(axes: Axes, *, labelled: bool) -> None:
    for level, name in _NAMES.items():
        axes.axhline(level, **_LEVEL)
        if labelled:
            axes.annotate(
                name,
                (1, level),
                xycoords=("axes fraction", "data"),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                color=GREY,
            )


def _draw_curve(axes: Axes, curve: RingCurve, look: Look) -> None:
    axes.plot(curve.frequency, curve.mean, color=look.colour, **_LINE)
    if len(curve.seeds) > 1:
        low, high = curve.seeds.min(axis=0), curve.seeds.max(axis=0)
        axes.fill_between(curve.frequency, low, high, color=look.colour, **_BAND)
    for fall in curve.falls:
        if fall.beyond < len(fall.frequencies):
            axes.plot(fall.mean, fall.threshold, color=look.colour, marker=look.marker, **_MARK)


def _entries(
    curves: Curves, shown: Sequence[str], look_of: Mapping[str, Look]
) -> dict[str, Artist]:
    mark = {name: value for name, value in _MARK.items() if name not in ("linestyle", "clip_on")}
    entries: dict[str, Artist] = {
        model: Line2D(
            [], [], color=look_of[model].colour, marker=look_of[model].marker, **{**mark, **_LINE}
        )
        for model in shown
    }
    if any(len(curve.seeds) > 1 for own in curves.values() for curve in own):
        entries["range of the seeds"] = Patch(facecolor=GREY, alpha=0.3, edgecolor="none")
    return entries


# --- Words and numbers


def _caption(study: StudyResults, place: Place, curves: Curves, shown: Sequence[str]) -> list[str]:
    every = [curve for own in curves.values() for curve in own]
    seeds, scans = _range(len(curve.seeds) for curve in every), _range(c.scans for c in every)
    elsewhere = {c.model: c.n_train for c in every if c.n_train != place.n_train}
    left_out = sum(curve.left_out for curve in every)
    return [
        f"Lines are means over n = {seeds[0]} {'seed' if seeds == ('1', 1) else 'seeds'} and "
        f"{scans[0]} test {'scan' if scans == ('1', 1) else 'scans'}."
        f"{'' if seeds == ('1', 1) else ' Bands are the range of the seeds, no interval.'} Farther "
        "to the right is finer detail. Marks: the mean frequency at which the curve of a run first "
        "falls below the level; that is 0.5 1/px, Nyquist, where it does not, and the first ring "
        "where it starts below.",
        _fewer_words(curves),
        _bound_words(curves, "beyond", "Beyond Nyquist, so that it never falls"),
        _bound_words(curves, "below", "From the first ring on"),
        *place_sentences(study, place, shown),
        "Of another training-set size, which makes no difference to it: "
        + ", ".join(f"{chosen.short(model)} (n {size})" for model, size in elsewhere.items())
        + "."
        if elsewhere
        else "",
        f"Left out: {left_out} tables that are no curves." if left_out else "",
    ]


def _range(counts: Any) -> tuple[str, int]:
    """Return numbers in words, and the greatest."""
    found = sorted(set(counts))
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}", found[-1]


def _fewer_words(curves: Curves) -> str:
    """Return which means are of fewer seeds than planned: curves, and the crossings marked."""
    found: dict[str, list[str]] = {}
    for part, own in curves.items():
        for curve in own:
            counts = {f"{part} curve": len(curve.seeds)}
            counts |= {
                f"{part} {_NAMES[fall.threshold]} mark": len(fall.frequencies)
                for fall in curve.falls
                if len(fall.frequencies) < len(curve.seeds)
            }
            found.setdefault(curve.model, []).extend(
                f"{what} {count} of {curve.planned}"
                for what, count in counts.items()
                if count < curve.planned
            )
    models = [f"{chosen.short(model)} ({', '.join(own)})" for model, own in found.items() if own]
    return f"Means of fewer seeds than planned: {'; '.join(models)}." if models else ""


def _bound_words(curves: Curves, bound: Literal["beyond", "below"], start: str) -> str:
    """Return which curves have a bound at a level: in which part, and of how many seeds."""
    parts = []
    for level, name in _NAMES.items():
        found: dict[str, list[str]] = {}
        for part, own in curves.items():
            for curve in own:
                for fall in curve.falls:
                    count = getattr(fall, bound)
                    if fall.threshold == level and count:
                        words = _part_words(part, count, len(fall.frequencies))
                        found.setdefault(curve.model, []).append(words)
        if found:
            models = [_model_words(model, words) for model, words in found.items()]
            parts.append(f"below {name}: {', '.join(models)}")
    return f"{start} {'; '.join(parts)}." if parts else ""


def _part_words(part: str, count: int, seeds: int) -> str:
    return part if count == seeds else f"{part} of {count} of {seeds} seeds"


def _model_words(model: str, words: Sequence[str]) -> str:
    """Return a model's name, and in which parts unless in all of all seeds."""
    name = chosen.short(model, _NAME)
    return name if list(words) == list(PARTS) else f"{name} ({', '.join(words)})"


def _table(place: Place, curves: Curves) -> pd.DataFrame:
    parts = []
    for part, own in curves.items():
        for curve in own:
            axes = {"part": part, "model": curve.model, "n_train": curve.n_train}
            parts += [rows.assign(**axes) for rows in (_rings(curve), _falls(curve.falls))]
    table = pd.concat([rows for rows in parts if not rows.empty], ignore_index=True)
    table["resolution"] = place.resolution
    counts = dict.fromkeys(["n", *_BOUNDS], "Int64")
    return table.reindex(columns=TABLE_COLUMNS).astype(counts)


def _rings(curve: RingCurve) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "kind": "curve",
            "frequency": curve.frequency,
            "correlation": curve.mean,
            "low": curve.seeds.min(axis=0),
            "high": curve.seeds.max(axis=0),
            "n": len(curve.seeds),
            **{name: pd.array([pd.NA] * len(curve.frequency), dtype="Int64") for name in _BOUNDS},
        }
    )


def _falls(falls: Sequence[Fall]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "kind": _NAMES[fall.threshold],
                "frequency": fall.mean,
                "correlation": fall.threshold,
                "low": min(fall.frequencies),
                "high": max(fall.frequencies),
                "n": len(fall.frequencies),
                "beyond_nyquist": fall.beyond,
                "below_first_ring": fall.below,
            }
            for fall in falls
        ]
    )
