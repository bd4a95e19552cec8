"""How well each model tells each signal from the background, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from studygrid.figures import chosen_cells as chosen
from studygrid.figures import signal_numbers as numbers
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import Place, largest_place, nothing_words, place_sentences
from studygrid.figures.panels import evenly
from studygrid.figures.style import GREY, WIDTH_IN, Look, house_style, looks
from studygrid.figures.value_limits import limit_values
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = [
    "signal",
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "auroc",
    "ci_low",
    "ci_high",
    "within_low",
    "within_high",
    "events",
    "n",
]

_MOST_MODELS, _MOST_SIGNALS = 20, 4
_ROW_IN = 0.3
_LEAST_IN = 1.5
_GUESS = 0.5
_MEAN: dict[str, Any] = {
    "linestyle": "none",
    "markersize": 5.5,
    "markeredgecolor": "white",
    "markeredgewidth": 0.6,
    "zorder": 4,
}
_DOT: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 2.6,
    "markeredgewidth": 0,
    "alpha": 0.6,
    "zorder": 3,
}
_BAR: dict[str, Any] = {"linewidth": 1.1, "zorder": 2.5}
_WITHIN: dict[str, Any] = {"color": "#9a9a9a", "linewidth": 2.2, "zorder": 2}
_LEVEL: dict[str, Any] = {"color": GREY, "linewidth": 0.8, "linestyle": (0, (1, 2)), "zorder": 1}


@dataclass(frozen=True)
class _Found:
    """Rows of the table, and the models and signals that are drawn."""

    place: Place
    models: list[str]
    signals: list[str]
    means: pd.DataFrame
    runs: pd.DataFrame


def auroc_by_signal(study: StudyResults) -> Drawing:
    """Draw the AUROC of each model against each signal, with the interval over seeds.

    It is for families whose evaluations keep the fact ``signals``. Beside the interval over seeds
    stands the one within a run, DeLong's: of other test events and the same model. All models are
    at the largest resolution and training-set size that most share; of more than twenty, those
    evenly spread over the order of the config, and at most four signals.

    Returns
    -------
    A drawing whose table has one row a mark: `signal`, `kind` (``mean`` or ``seed``), `model`,
        `resolution`, `n_train`, `seed`, `auroc`, of a mean `ci_low` and `ci_high` (95 % Student t
        over the seeds), `within_low` and `within_high` (95 % DeLong within the run; of a mean the
        mean ends), `events` of the signal, and `n`, the runs of a mean.
    """
    title = f"{study.name}: how well each signal is told from the background"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    runs = numbers.signal_runs(study, place)
    if runs.empty:
        words = chosen.run_words(place.runs, "there")
        return nothing_to_draw(title, f"No run there has an AUROC. {words}", TABLE_COLUMNS)
    with house_style():
        return _drawn(study, _found(study, place, runs), title)


def _found(study: StudyResults, place: Place, runs: pd.DataFrame) -> _Found:
    there = set(runs["model"])
    models = evenly([model for model in study.order["model"] if model in there], _MOST_MODELS)
    signals = evenly(numbers.names_in(runs), _MOST_SIGNALS)
    shown = runs.loc[runs["model"].isin(models) & runs["name"].isin(signals)]
    means = [
        _mean(own, model, signal)
        for signal in signals
        for model in models
        if not (own := numbers.of_runs(shown, model, signal)).empty
    ]
    counts = shown.groupby(["model", "name"])["auroc"].transform("size")
    few = shown.loc[counts.between(2, chosen.DOTS_BELOW - 1)]
    names = {"name": "signal", "auroc_low": "within_low", "auroc_high": "within_high"}
    tables = [
        rows.assign(kind=kind, resolution=place.resolution, n_train=place.n_train)
        .reindex(columns=TABLE_COLUMNS)
        .reset_index(drop=True)
        .astype(dict.fromkeys(["resolution", "seed", "events", "n"], "Int64"))
        for kind, rows in (("mean", pd.DataFrame(means)), ("seed", few.rename(columns=names)))
    ]
    return _Found(place, models, signals, *tables)


def _mean(own: pd.DataFrame, model: str, signal: str) -> dict[str, Any]:
    found, within = numbers.mean_of(own), numbers.within_run(own)
    return {
        "signal": signal,
        "model": model,
        "auroc": found.mean,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "within_low": within[0] if within else None,
        "within_high": within[1] if within else None,
        "events": own["events"].max(),
        "n": found.n,
    }


def _drawn(study: StudyResults, found: _Found, title: str) -> Drawing:
    height = max(_LEAST_IN, 0.6 + _ROW_IN * len(found.models))
    figure = Figure(figsize=(WIDTH_IN, height))
    grid = figure.subplots(1, len(found.signals), sharex=True, sharey=True, squeeze=False)[0]
    look_of = looks(study.order["model"])
    for axes, signal in zip(grid, found.signals, strict=True):
        for row, model in enumerate(found.models):
            _draw_model(axes, row, found, signal, model, look_of[model])
        axes.axvline(_GUESS, **_LEVEL)
        axes.set_title(numbers.signal_words(signal), loc="left", weight="bold", parse_math=False)
        axes.set_xlabel(f"AUROC ({study.split})")
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    grid[0].set_yticks(
        range(len(found.models)), [chosen.short(model) for model in found.models], parse_math=False
    )
    grid[0].set_ylim(len(found.models) - 0.4, -0.6)
    cut = _limit(grid[0], found)
    return framed(
        figure,
        _table(found),
        title=title,
        caption=" ".join(filter(None, _caption(study, found, cut))),
        entries=_entries(found),
        panel_height_in=height,
    )


def _draw_model(axes: Axes, row: int, found: _Found, signal: str, model: str, look: Look) -> None:
    mean = _of(found.means, signal, model)
    if mean.empty:
        return
    cell = mean.iloc[0]
    axes.hlines(row + 0.26, cell["within_low"], cell["within_high"], **_WITHIN)
    axes.hlines(row, cell["ci_low"], cell["ci_high"], color=look.colour, **_BAR)
    seeds = _of(found.runs, signal, model)
    axes.plot(seeds["auroc"], [row - 0.24] * len(seeds), color=look.colour, **_DOT)
    axes.plot(cell["auroc"], row, color=look.colour, marker=look.marker, **_MEAN)


def _of(rows: pd.DataFrame, signal: str, model: str) -> pd.DataFrame:
    return rows.loc[(rows["signal"] == signal) & (rows["model"] == model)]


def _limit(axes: Axes, found: _Found) -> bool:
    """Fix the axis on what was measured and on a guess; return whether an interval leaves it."""
    within = [found.means[end].dropna() for end in ("within_low", "within_high")]
    values = pd.concat([found.means["auroc"], found.runs["auroc"], *within]).astype(float)
    values = pd.concat([values, pd.Series([_GUESS])])
    ends = (found.means[end].astype(float) for end in ("ci_low", "ci_high"))
    return limit_values(axes.set_xlim, values, *ends, bounds=(0, 1))


def _entries(found: _Found) -> dict[str, Artist]:
    entries: dict[str, Artist] = {
        "mean over the seeds": Line2D([], [], color=GREY, marker="o", **_MEAN)
    }
    if found.means["ci_low"].notna().any():
        entries["95 % Student t over the seeds"] = Line2D([], [], color=GREY, **_BAR)
    if not found.runs.empty:
        entries["one seed"] = Line2D([], [], color=GREY, **_DOT)
    if found.means["within_low"].notna().any():
        entries["95 % DeLong within a run"] = Line2D([], [], **_WITHIN)
    entries["guess"] = Line2D([], [], **_LEVEL)
    return entries


def _caption(study: StudyResults, found: _Found, cut: bool) -> list[str]:
    background = numbers.background_events(study, found.place, found.models)
    counts = [int(count) for count in found.means["events"].dropna()]
    return [
        f"Higher is better; {numbers.event_words(background)} background events against "
        f"{numbers.event_words(counts)} of a signal."
        if background and counts
        else "Higher is better.",
        _interval_words(found.means["n"]),
        "The DeLong interval, its ends averaged over the runs, holds what other test "
        "events would change for the same trained model; it does not know of other seeds."
        if found.means["within_low"].notna().any()
        else "",
        *place_sentences(study, found.place, found.models),
        _left_words(study, found),
        "Bars that leave a panel are cut." if cut else "",
    ]


def _interval_words(counts: pd.Series[int]) -> str:
    low, high = int(counts.min()), int(counts.max())
    if high == 1:
        return "Marks are single runs: 1 seed a model, so there is no interval over seeds."
    return f"Marks are means over n = {low if low == high else f'{low} to {high}'} seeds."


def _left_words(study: StudyResults, found: _Found) -> str:
    every = numbers.names_in(numbers.signal_runs(study, found.place))
    left: Sequence[str] = [name for name in every if name not in found.signals]
    return f"Signals not drawn: {', '.join(left)}." if left else ""


def _table(found: _Found) -> pd.DataFrame:
    parts = [part for part in (found.means, found.runs) if not part.empty]
    return pd.concat(parts, ignore_index=True)
