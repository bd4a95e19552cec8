"""How much of its latent space a model uses: the units that vary, and how far each does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import largest_place, nothing_words, place_sentences
from studygrid.figures.ranked_panels import (
    Kind,
    Ranked,
    draw_means,
    mean_words,
    models_without,
    name_rows,
    ranked,
    seed_entries,
    seed_words,
    spectra_of,
    two_panels,
)
from studygrid.figures.style import GREY, Look, house_style
from studygrid.figures.value_limits import limit_values
from studygrid.results.one_setting import settings_of
from studygrid.results.reading import RunFacts
from studygrid.results.study_results import StudyResults

TABLE = "latent_units"
METRIC = "active_units_percent"
ACTIVE = 0.01  # variance of the posterior mean from which on a unit counts as active
TABLE_COLUMNS = [
    "panel",
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "active_percent",
    "ci_low",
    "ci_high",
    "active_units",
    "latent_units",
    "rank",
    "variance",
    "n",
]

_ROW_IN = 0.29
_LEAST_IN = 2.4
_DECADES = 6  # below the greatest variance; what is less is drawn at the edge
_LINE: dict[str, Any] = {
    "linewidth": 1.1,
    "markersize": 4,
    "markeredgecolor": "white",
    "markeredgewidth": 0.4,
    "zorder": 3,
}


def active_units(study: StudyResults) -> Drawing:
    """Draw how many units of each model are active, and the variance of its units by rank.

    It is for families whose evaluations keep the facts ``active_units`` and ``latent_units`` and
    the table ``latent_units``: the variance over the test split of each unit's posterior mean. A
    unit is active above a variance of 0.01 (Burda, Grosse, Salakhutdinov, Importance weighted
    autoencoders, ICLR 2016, section 5.2). All models are at the largest vocabulary and
    training-set size that most share; of more than twelve, those evenly spread over the order of
    the config. Models without latent space are not there.

    Returns
    -------
    A drawing whose table has one row a mark: `panel` (``active`` or ``spectrum``), `kind`
        (``mean`` or ``seed`` of the first, ``median`` of the second), `model`, `resolution`,
        `n_train`, `seed`; of the first `active_percent` with `ci_low` and `ci_high` (95 % Student
        t of the mean), `active_units` of `latent_units`; of the second the `variance` at a `rank`
        from 1; and `n`, the runs of a mean or median.
    """
    title = f"{study.name}: units of the latent space that are active"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    found = ranked(study, place, _kind())
    if found.means.empty:
        runs = chosen.run_words(place.runs, "there")
        reason = f"No model with a latent space has a result at the place of comparison. {runs}"
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, found, title)


def _kind() -> Kind:
    return Kind(
        metric=METRIC,
        column="active_percent",
        counts={"active_units": _active, "latent_units": _units},
        panels=("active", "spectrum"),
        table=TABLE,
        spectrum=_spectrum,
        columns=TABLE_COLUMNS,
    )


def _active(facts: RunFacts) -> Any:
    return facts.scored.get("active_units")


def _units(facts: RunFacts) -> Any:
    return facts.scored.get("latent_units")


def _spectrum(tables: Sequence[Any]) -> pd.DataFrame:
    """Return the median over the runs of the greatest variance, of the second greatest, ..."""
    kept = [np.asarray(table, dtype=float) for table in tables if table]
    variances = [np.sort(table[:, 0])[::-1] for table in kept if table.ndim == 2]
    same = [own for own in variances if len(own) == len(variances[0])]
    if not same:
        return pd.DataFrame()
    ranks = np.arange(1, len(same[0]) + 1)
    middle = np.median(same, axis=0)
    return pd.DataFrame({"rank": ranks, "variance": middle, "n": len(same)})


def _drawn(study: StudyResults, found: Ranked, title: str) -> Drawing:
    height = max(_LEAST_IN, 0.7 + _ROW_IN * len(found.models))
    figure, left, right = two_panels(height, wider=1.15)
    draw_means(study, left, found, "active_percent", _count_words)
    cut = _fix_active(study, left, found)
    for _, spectrum, look in spectra_of(study, found):
        _draw_spectrum(right, spectrum, look)
    _fix_spectra(right, found)
    return framed(
        figure,
        found.table,
        title=title,
        caption=" ".join(filter(None, _caption(study, found, cut))),
        entries=seed_entries(found),
        panel_height_in=height,
    )


def _count_words(cell: dict[Any, Any]) -> str:
    if pd.isna(cell["active_units"]):
        return ""
    return f"{round(cell['active_units'], 1):g} of {cell['latent_units']:g}"


def _fix_active(study: StudyResults, axes: Axes, found: Ranked) -> bool:
    betas = settings_of(study.plan, "loss.beta")
    names = [
        f"{chosen.short(model)}" + (f"\nβ = {betas[model]:g}" if model in betas else "")
        for model in found.models
    ]
    name_rows(axes, names, size=7, linespacing=0.95)
    values = pd.concat([found.means["active_percent"], found.runs["active_percent"]])
    ends = found.means["ci_low"], found.means["ci_high"]
    cut = limit_values(axes.set_xlim, values, *ends, bounds=(0, 100))
    # From nothing on; a single mark stands off the edge.
    highest = max(axes.get_xlim()[1], 1.15 * float(values.max()), 5.0)
    axes.set_xlim(-0.03 * highest, min(highest, 104))
    axes.set_xlabel(f"Active units ({study.split}, %)")
    return cut


def _draw_spectrum(axes: Axes, spectrum: pd.DataFrame, look: Look) -> None:
    every = max(1, len(spectrum) // 6)
    axes.plot(
        spectrum["rank"],
        spectrum["variance"],
        color=look.colour,
        marker=look.marker,
        markevery=every,
        **_LINE,
    )


def _fix_spectra(axes: Axes, found: Ranked) -> None:
    variances = found.spectra["variance"].astype(float)
    positive = variances[variances > 0]
    axes.set_xlabel("Rank of the unit")
    axes.set_ylabel("Variance of the posterior mean")
    if positive.empty:
        axes.text(0.5, 0.5, "no variances kept", transform=axes.transAxes, ha="center", color=GREY)
        return
    top = max(float(positive.max()), ACTIVE)
    bottom = max(min(float(positive.min()), ACTIVE / 3), top / 10**_DECADES)
    axes.set_yscale("log")
    axes.set_ylim(bottom / 1.6, top * 1.6)
    axes.set_xscale("log", base=2)
    last = int(found.spectra["rank"].max())
    ticks = [2**power for power in range(last.bit_length())]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(0.85, last * 1.15)
    axes.axhline(ACTIVE, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(
        f"active above {ACTIVE:g}",
        (1, ACTIVE),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 2),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=GREY,
        size=7,
        path_effects=[withStroke(linewidth=2, foreground="white")],
        zorder=5,
    )


def _caption(study: StudyResults, found: Ranked, cut: bool) -> list[str]:
    seeds = seed_words(found)
    over = f", each rank the median over {seeds}" if seeds else ""
    without = models_without(study, found, METRIC)
    return [
        f"Left: units whose posterior mean has a variance above {ACTIVE:g} over the test rows, in "
        "% of the model's units; beside it the mean count.",
        mean_words(found),
        f"Right: that variance, the units in falling order{over}; both axes are logarithmic."
        if not found.spectra.empty
        else "",
        f"Without a latent space: {', '.join(map(chosen.short, without))}." if without else "",
        *place_sentences(study, found.place, [*found.models, *without]),
        "Bars that leave the panel are cut." if cut else "",
    ]
