"""How many codes of its codebook a model uses, and how evenly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, StrMethodFormatter

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
    write_beside,
)
from studygrid.figures.style import GREY, Look, house_style
from studygrid.results.reading import RunFacts
from studygrid.results.study_results import StudyResults

TABLE = "code_shares"
TABLE_COLUMNS = [
    "panel",
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "perplexity",
    "ci_low",
    "ci_high",
    "codes",
    "used_share",
    "rank",
    "share",
    "n",
]

_ROW_IN = 0.32
_LEAST_IN = 2.2
_ROOM = 1.1  # between the least perplexity and the edge of the panel, as a factor
_CODES: dict[str, Any] = {
    "linestyle": "none",
    "marker": "|",
    "markersize": 11,
    "markeredgewidth": 1.4,
    "color": GREY,
    "zorder": 3,
}
_LINE: dict[str, Any] = {"linewidth": 1.1, "zorder": 3}
_LINE_MARK: dict[str, Any] = {"markersize": 4, "markeredgecolor": "white", "markeredgewidth": 0.4}
_EVEN: dict[str, Any] = {"linewidth": 0.8, "linestyle": (0, (1, 2)), "zorder": 1.5}


def codebook_use(study: StudyResults) -> Drawing:
    """Draw the perplexity of each codebook, and how often its codes are used by rank.

    It is for families with the metrics ``perplexity`` and ``codebook_use``, whose evaluations keep
    the fact ``codes`` and the table ``code_shares``: rank and share of all uses. All models are at
    the largest resolution and training-set size that most share; of more than twelve, those
    evenly spread over the order of the config. Models without a codebook are not there.

    Returns
    -------
    A drawing whose table has one row a mark: `panel` (``perplexity`` or ``shares``), `kind`
        (``mean`` or ``seed`` of the first, ``median`` of the second), `model`, `resolution`,
        `n_train`, `seed`; of the first `perplexity` with `ci_low` and `ci_high` (95 % Student t of
        the mean), the number of `codes` and the `used_share` of them; of the second the `share` of
        uses at a `rank` from 1; and `n`, the runs of a mean or median.
    """
    title = f"{study.name}: use of the codebooks"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    found = ranked(study, place, _kind())
    if found.means.empty:
        runs = chosen.run_words(place.runs, "there")
        reason = f"No model with a codebook has a result there. {runs}"
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, found, title)


# --- Numbers


def _kind() -> Kind:
    return Kind(
        metric="perplexity",
        column="perplexity",
        counts={"codes": _codes, "used_share": _used_share},
        panels=("perplexity", "shares"),
        table=TABLE,
        spectrum=_spectrum,
        columns=TABLE_COLUMNS,
    )


def _codes(facts: RunFacts) -> Any:
    return facts.scored.get("codes")


def _used_share(facts: RunFacts) -> Any:
    return facts.metrics.get("codebook_use")


def _spectrum(tables: Sequence[Any]) -> pd.DataFrame:
    """Return the median share over the runs of the code used most, of the next, ...

    A run that does not use so many codes counts as 0 there.
    """
    kept = [np.asarray(table, dtype=float) for table in tables if table]
    shares = [table[:, 1] for table in kept if table.ndim == 2 and table.shape[1] == 2]
    if not shares:
        return pd.DataFrame()
    longest = max(map(len, shares))
    middle = np.median([np.pad(own, (0, longest - len(own))) for own in shares], axis=0)
    ranks = np.arange(1, longest + 1)
    return pd.DataFrame({"rank": ranks, "share": middle, "n": len(shares)})


# --- Drawing


def _drawn(study: StudyResults, found: Ranked, title: str) -> Drawing:
    height = max(_LEAST_IN, 0.7 + _ROW_IN * len(found.models))
    figure, left, right = two_panels(height, wider=1.1)
    draw_means(study, left, found, "perplexity", _used_words)
    codes = found.means["codes"].dropna()
    left.plot(codes, codes.index, **_CODES)
    cut = _fix_perplexities(study, left, found)
    for cell, spectrum, look in spectra_of(study, found):
        _draw_spectrum(right, cell, spectrum, look)
    _fix_spectra(right, found)
    return framed(
        figure,
        found.table,
        title=title,
        caption=" ".join(filter(None, _caption(study, found, cut))),
        entries=_entries(found),
        panel_height_in=height,
    )


def _used_words(cell: dict[Any, Any]) -> str:
    return "" if pd.isna(cell["used_share"]) else f"{100 * cell['used_share']:.0f} %"


def _fix_perplexities(study: StudyResults, axes: Axes, found: Ranked) -> bool:
    """Label the panel and fix its axes; return whether an interval leaves it."""
    names = [chosen.short(model) for model in found.models]
    name_rows(axes, names)
    axes.set_xscale("log", base=2)
    values = pd.concat([found.means["perplexity"], found.runs["perplexity"], found.means["codes"]])
    values = values.dropna().astype(float)
    # From one power of two to another, so that both have a tick.
    low = 2.0 ** math.floor(math.log2(float(values.min()) / _ROOM)) / 1.1
    high = 2.0 ** math.ceil(math.log2(float(values.max()))) * 1.25
    axes.set_xlim(low, high)
    _plain_ticks(axes, numticks=6)
    axes.set_xlabel(f"Perplexity ({study.split}, codes)")
    if found.means["used_share"].notna().any():
        write_beside(axes, -0.55, "used")
    ends = [found.means[end].astype(float) for end in ("ci_low", "ci_high")]
    return bool((ends[0] < low).any() or (ends[1] > high).any())


def _plain_ticks(axes: Axes, numticks: int) -> None:
    axes.xaxis.set_major_locator(LogLocator(base=2, numticks=numticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _draw_spectrum(axes: Axes, cell: dict[Any, Any], spectrum: pd.DataFrame, look: Look) -> None:
    used = spectrum.loc[spectrum["share"] > 0]
    marks = np.unique(np.geomspace(1, max(len(used), 1), 6).astype(int)) - 1
    axes.plot(
        used["rank"].astype(float),
        used["share"],
        color=look.colour,
        marker=look.marker,
        markevery=marks.tolist(),
        **_LINE,
        **_LINE_MARK,
    )
    if not used.empty and not pd.isna(cell["codes"]):
        codes = float(cell["codes"])
        axes.plot([1, codes], [1 / codes, 1 / codes], color=look.colour, **_EVEN)


def _fix_spectra(axes: Axes, found: Ranked) -> None:
    axes.set_xlabel("Rank of the code")
    axes.set_ylabel("Share of all uses")
    shares = found.spectra["share"].astype(float)
    if not (shares > 0).any():
        axes.text(0.5, 0.5, "no shares kept", transform=axes.transAxes, ha="center", color=GREY)
        return
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    _plain_ticks(axes, numticks=6)
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 3)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(_percent))
    last = max(float(found.spectra["rank"].max()), float(found.means["codes"].fillna(1).max()))
    axes.set_xlim(0.85, last * 1.2)


def _percent(value: float, _: int) -> str:
    return f"{100 * value:g} %"


def _entries(found: Ranked) -> dict[str, Artist]:
    entries = seed_entries(found)
    if found.means["codes"].notna().any():
        entries["codes of the codebook"] = Line2D([], [], **_CODES)
        entries["all codes used alike"] = Line2D([], [], color=GREY, **_EVEN)
    return entries


def _caption(study: StudyResults, found: Ranked, cut: bool) -> list[str]:
    seeds = seed_words(found)
    over = f" Lines are medians over {seeds}." if seeds else ""
    without = models_without(study, found, "perplexity")
    return [
        "Left: exp of the entropy of the uses, the number of codes that would do if all were used "
        "alike; beside it the share of the codes that is used at all.",
        mean_words(found),
        f"Right: how often the code used most is used, the next, and so on.{over}",
        "Codes that are used alike need not say anything of an event.",
        f"Without a codebook: {', '.join(map(chosen.short, without))}." if without else "",
        *place_sentences(study, found.place, [*found.models, *without]),
        "Bars that leave a panel are cut." if cut else "",
    ]
