"""How pure the events are that pass with how much of each signal: precision-recall curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from studygrid.figures import chosen_cells as chosen
from studygrid.figures import signal_curves as common
from studygrid.figures import signal_numbers as numbers
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import Place, largest_place, nothing_words
from studygrid.figures.signal_curves import KeptCurves, SeedCurves, Shares
from studygrid.figures.style import WIDTH_IN, house_style
from studygrid.results.study_results import StudyResults

TABLE = "pr"
TABLE_COLUMNS = [
    "signal",
    "model",
    "resolution",
    "n_train",
    "recall",
    "precision",
    "low",
    "high",
    "n",
    "guess",
]

_HEIGHT_IN = 2.6
_RECALLS = np.linspace(0, 1, 201)


@dataclass(frozen=True)
class _Found:
    """The curves of a study, and of each signal its events beside the background's.

    Attributes
    ----------
    events
        Signal and background events of a test split; of runs that differ, their means.
    """

    kept: KeptCurves
    curves: list[SeedCurves]
    events: Mapping[str, tuple[float, float]]

    def guess(self, signal: str) -> float:
        """Return the share of signal among the events of the split; NaN where it is not known."""
        own, background = self.events.get(signal, (np.nan, np.nan))
        return own / (own + background)


def pr_curves(study: StudyResults) -> Drawing:
    """Draw the precision of each model against the share of each signal that passes.

    It is for families whose evaluations keep the table ``pr`` and the facts ``signal_names``,
    ``signals`` and ``background_events``. The precision is of the events of the split as they
    are: with another ratio of signal to background it is another. Lines are means over the seeds
    at equal recall, bands the range of the seeds. Models and signals are those of `roc_curves`.

    Returns
    -------
    A drawing whose table has one row a point: `signal`, `model`, `resolution`, `n_train`,
        `recall`, `precision` there (the mean over the seeds), `low` and `high`, the least and the
        greatest seed, `n` seeds, and `guess`, the precision of a guess (NaN where the number of
        events is not kept).
    """
    title = f"{study.name}: precision and recall of the anomaly score"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    found = _found(study, place)
    if not found.curves:
        runs = chosen.run_words(place.runs, "there")
        words = f"No run there keeps a precision-recall curve. {runs}"
        return nothing_to_draw(title, words, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, found, title)


# --- Numbers


def _found(study: StudyResults, place: Place) -> _Found:
    kept = common.kept_curves(study, place, TABLE)
    return _Found(kept, kept.at(_RECALLS, _precision_at), _events(study, kept))


def _precision_at(recalls: Shares, points: Shares) -> Shares:
    """Return the precision at shares of the signal, on straight lines between the points."""
    found: Shares = np.interp(recalls, points[:, 0], points[:, 1])
    return found


def _events(study: StudyResults, kept: KeptCurves) -> dict[str, tuple[float, float]]:
    background = numbers.background_events(study, kept.place, kept.models)
    runs = numbers.signal_runs(study, kept.place)
    events = runs.dropna(subset=["events"]).groupby("name")["events"].mean()
    if not background:
        return {}
    return {str(name): (float(own), float(np.mean(background))) for name, own in events.items()}


# --- Drawing


def _drawn(study: StudyResults, found: _Found, title: str) -> Drawing:
    figure = Figure(figsize=(WIDTH_IN, _HEIGHT_IN))
    kept = found.kept
    grid = figure.subplots(1, len(kept.signals), sharex=True, sharey=True, squeeze=False)
    look_of = common.looks_of(study, kept)
    for axes, signal in zip(grid[0], kept.signals, strict=True):
        for curve in found.curves:
            if curve.signal == signal:
                common.draw_curve(axes, _RECALLS, curve, look_of[curve.model])
        axes.plot([0, 1], [found.guess(signal)] * 2, **common.LEVEL)
        axes.set_title(numbers.signal_words(signal), loc="left", weight="bold", parse_math=False)
        _fix(axes, f"Recall ({study.split})")
    grid[0, 0].set_ylabel("Precision")
    table = common.curve_table(kept, found.curves, "recall", "precision", _RECALLS)
    table["guess"] = table["signal"].map({name: found.guess(name) for name in kept.signals})
    entries = common.curve_entries(kept, found.curves, look_of)
    if table["guess"].isna().all():
        del entries["guess"]
    return framed(
        figure,
        table[TABLE_COLUMNS],
        title=title,
        caption=" ".join(filter(None, _caption(study, found))),
        entries=entries,
        panel_height_in=_HEIGHT_IN,
    )


def _fix(axes: Axes, label: str) -> None:
    axes.set_xlabel(label)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])


def _caption(study: StudyResults, found: _Found) -> list[str]:
    return [
        "Right and up is better. Recall is the share of the signal that passes, precision the "
        "share of signal among what passes. Precision depends on the ratio of signal to "
        f"background in the {study.split} split{_ratio_words(found)}: with rarer signals it is "
        "lower. At small recall few events pass, and it jumps.",
        *common.curve_sentences(study, found.kept, found.curves, "recall"),
    ]


def _ratio_words(found: _Found) -> str:
    """Return how many events of each kind there are, where that is known."""
    known = [name for name in found.kept.signals if name in found.events]
    if not known:
        return ""
    own = numbers.event_words([round(found.events[name][0]) for name in known])
    background = round(found.events[known[0]][1])
    return f", {own} signal events to {background:,} of background"
