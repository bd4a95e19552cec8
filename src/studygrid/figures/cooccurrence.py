"""Whether a model gives tags together that are together in the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from studygrid.errors import StudygridError
from studygrid.figures import chosen_cells as chosen
from studygrid.figures.contrasting import contrast_words, contrasting_models
from studygrid.figures.data_names import data_names
from studygrid.figures.drawing import Drawing
from studygrid.figures.example_arrays import read_arrays
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import (
    Place,
    facts_at,
    largest_place,
    nothing_words,
    place_sentences,
    run_at,
)
from studygrid.figures.pooled_rows import KINDS
from studygrid.figures.style import WIDTH_IN, house_style
from studygrid.figures.tags_per_row import seed_words
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = [
    "model",
    "resolution",
    "n_train",
    "first_tag",
    "first_tag_name",
    "second_tag",
    "second_tag_name",
    *(f"{kind}_share" for kind in KINDS),
    "n",
]

_MOST = 2
_MOST_TAGS = 20
_NAME = 24
_NAME_SIZE = 5.5
_ROW_IN = 2.3
_LEFT, _SCALE = 0.025, 0.17  # of the width of the page: where scales begin, and their length
_ABSENT = "#e8e8e8"


@dataclass(frozen=True)
class _Pairs:
    """Shares of the rows that have both tags of a pair, means over the seeds of a model.

    Attributes
    ----------
    shares
        Of each of `KINDS`, shape (tags, tags); the diagonal, which is no pair, is NaN. None of a
        kind that was not kept.
    n
        The seeds.
    left_out
        Runs whose examples cannot be used.
    """

    shares: dict[str, NDArray[np.float64] | None]
    n: int
    left_out: int

    @property
    def tags(self) -> int:
        """How many tags there are."""
        data = self.shares["data"]
        assert data is not None
        return len(data)


def cooccurrence(study: StudyResults) -> Drawing:
    """Draw which tags are in one row: of the test split, in reconstructions, in prior samples.

    It is for families whose evaluations keep the examples ``cooccurrence_data``,
    ``cooccurrence_reconstruction`` and ``cooccurrence_prior``: the share of rows that have both of
    two tags, of the most frequent tags. Two models are shown, at the largest vocabulary and
    training-set size that most share: the best by ELBO, and that whose rate is farthest from its
    own. Above are the shares, on one scale; below each model's difference from the data.

    Returns
    -------
    A drawing whose table has one row a model and pair of tags, the first the more frequent one:
        `model`, `resolution`, `n_train`, `first_tag`, `second_tag` (columns, from 0),
        `first_tag_name`, `second_tag_name`, and the mean share of the rows that have both, in the
        test split, the reconstructions and the prior samples, `data_share`,
        `reconstruction_share` and `prior_share`; and `n`, the runs of the means.
    """
    title = f"{study.name}: which tags are given together"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    found = {
        model: pairs
        for model in contrasting_models(study, place, _MOST)
        if (pairs := _pairs(study, place, model)) is not None
    }
    if not found:
        runs = chosen.run_words(place.runs, "there")
        reason = f"No run there keeps which of its tags are together. {runs}"
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, place, found, title)


def _pairs(study: StudyResults, place: Place, model: str) -> _Pairs | None:
    """Return the means over a model's runs, or None where none keeps what is needed."""
    kept: dict[str, list[NDArray[np.float64]]] = {kind: [] for kind in KINDS}
    left_out = 0
    for seed in facts_at(study, place, model):
        run = run_at(study, place, model, seed)
        try:
            own = {
                kind: read_arrays(study, run, [f"cooccurrence_{kind}"]) if run else None
                for kind in KINDS
            }
        except StudygridError:
            left_out += 1
            continue
        for kind, arrays in own.items():
            if arrays is not None and _is_square(arrays[0], kept["data"]):
                kept[kind].append(arrays[0].astype(np.float64))
    if not kept["data"]:
        return None
    shares = {kind: _mean_pairs(matrices) for kind, matrices in kept.items()}
    return _Pairs(shares, len(kept["data"]), left_out)


def _is_square(array: NDArray[Any], others: Sequence[NDArray[Any]]) -> bool:
    shape = others[0].shape if others else array.shape
    return array.ndim == 2 and array.shape == shape and shape[0] == shape[1] > 1


def _mean_pairs(matrices: Sequence[NDArray[np.float64]]) -> NDArray[np.float64] | None:
    if not matrices:
        return None
    mean: NDArray[np.float64] = np.mean(matrices, axis=0)
    np.fill_diagonal(mean, np.nan)
    return mean


# --- Drawing


def _drawn(study: StudyResults, place: Place, found: dict[str, _Pairs], title: str) -> Drawing:
    first = next(iter(found.values()))
    names = _names(study, place, first.tags)
    shown = [chosen.short(name, _NAME) for name in names[:_MOST_TAGS]]
    rows = 1 + len(found)
    height = rows * _ROW_IN + 0.1
    figure = Figure(figsize=(WIDTH_IN, height))
    grid = figure.subplots(rows, len(KINDS), squeeze=False)
    scale, spread = _scale(found), _spread(found)
    for axes, kind in zip(grid[0], KINDS, strict=True):
        shares = _draw(axes, first.shares[kind], "viridis", scale)
        axes.set_title(_title(kind, next(iter(found))), loc="left", parse_math=False)
    grid[0][0].set_yticks(range(len(shown)), shown, size=_NAME_SIZE, parse_math=False)
    for row, (model, pairs) in zip(grid[1:], found.items(), strict=True):
        for axes, kind in zip(row[1:], KINDS[1:], strict=True):
            differences = _draw(axes, _difference(pairs, kind), "RdBu_r", spread)
            axes.set_title(_title(kind, model, " − test rows"), loc="left", parse_math=False)
        _name_beside(row[1], shown)
        row[0].set_axis_off()
    table = pd.concat([_rows(place, model, pairs, names) for model, pairs in found.items()])
    drawing = framed(
        figure,
        table.reset_index(drop=True)[TABLE_COLUMNS],
        title=title,
        caption=" ".join(filter(None, _caption(study, place, found, first.tags))),
        entries={},
        panel_height_in=height,
    )
    empty = grid[1][0]
    _add_scale(empty, 0.75, shares, "Share of the rows\nthat have both tags")
    _add_scale(empty, 0.3, differences, "Difference from\nthe test rows")
    return drawing


def _percent(share: float, _: int | None = None) -> str:
    return f"{100 * share:g} %".replace("-", "−")


def _title(kind: str, model: str, minus: str = "") -> str:
    words = {"data": "Test rows", "reconstruction": "Reconstructions", "prior": "Prior samples"}
    return words[kind] if kind == "data" else f"{words[kind]}{minus},\n{chosen.short(model, 26)}"


def _name_beside(axes: Axes, names: Sequence[str]) -> None:
    """Write the names of tags left of a panel, where the place of another one is empty."""
    for tag, name in enumerate(names):
        axes.text(
            -0.02,
            tag,
            name,
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="center",
            size=_NAME_SIZE,
            parse_math=False,
        ).set_in_layout(False)


def _add_scale(empty: Axes, place: float, image: Any, words: str) -> None:
    """Put the scale of an image beside the empty place of a panel, once the figure is laid out.

    The place reaches from the edge of the page to the names of tags in it.
    """
    figure = empty.get_figure(root=True)
    assert figure is not None
    box = empty.get_position()
    bar_axes = figure.add_axes((_LEFT, box.y0 + place * box.height, _SCALE, 0.04 * box.height))
    bar = figure.colorbar(
        image, cax=bar_axes, orientation="horizontal", format=FuncFormatter(_percent)
    )
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(2, steps=[1, 2, 5, 10])
    bar.update_ticks()
    bar_axes.tick_params(labelsize=6.5, length=2)
    bar_axes.set_title(words, loc="left", size=7)


def _names(study: StudyResults, place: Place, tags: int) -> list[str]:
    known = data_names(study, place.resolution, "tags")[:tags]
    return known if len(known) == tags else [f"tag {tag}" for tag in range(tags)]


def _scale(found: dict[str, _Pairs]) -> PowerNorm:
    every = [own for pairs in found.values() for own in pairs.shares.values() if own is not None]
    top = max(float(np.nanmax(own)) for own in every)
    return PowerNorm(0.5, 0, top or 1.0)


def _difference(pairs: _Pairs, kind: str) -> NDArray[np.float64] | None:
    own, data = pairs.shares[kind], pairs.shares["data"]
    return None if own is None or data is None else own - data


def _spread(found: dict[str, _Pairs]) -> TwoSlopeNorm:
    every = [
        float(np.nanmax(np.abs(own)))
        for pairs in found.values()
        for kind in KINDS[1:]
        if (own := _difference(pairs, kind)) is not None
    ]
    most = max(every, default=0.0) or 0.01
    return TwoSlopeNorm(0, -most, most)


def _draw(axes: Axes, shares: NDArray[np.float64] | None, colours: str, norm: Any) -> Any:
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_facecolor(_ABSENT)
    axes.tick_params(length=0, pad=2)
    axes.set_xticks([])
    axes.set_yticks([])
    if shares is None:
        axes.text(0.5, 0.5, "not kept", transform=axes.transAxes, ha="center")
        shares = np.full((2, 2), np.nan)
    shares = shares[:_MOST_TAGS, :_MOST_TAGS]
    return axes.imshow(shares, cmap=colours, norm=norm, interpolation="nearest")


def _rows(place: Place, model: str, pairs: _Pairs, names: Sequence[str]) -> pd.DataFrame:
    first, second = np.triu_indices(pairs.tags, 1)
    columns: dict[str, Any] = {
        "model": model,
        "resolution": place.resolution,
        "n_train": place.n_train,
        "first_tag": first,
        "first_tag_name": [names[tag] for tag in first.tolist()],
        "second_tag": second,
        "second_tag_name": [names[tag] for tag in second.tolist()],
        "n": pairs.n,
    }
    for kind, own in pairs.shares.items():
        columns[f"{kind}_share"] = np.nan if own is None else own[first, second]
    return pd.DataFrame(columns)


def _caption(study: StudyResults, place: Place, found: dict[str, _Pairs], tags: int) -> list[str]:
    left_out = sum(pairs.left_out for pairs in found.values())
    return [
        f"Of the {min(tags, _MOST_TAGS)} most frequent tags, along and down in falling order. The "
        "diagonal, grey, is no pair. "
        f"Means over {seed_words([pairs.n for pairs in found.values()])}; no interval is drawn.",
        contrast_words(len(found)),
        *place_sentences(study, place, list(dict.fromkeys(place.ok["model"]))),
        f"Left out: {left_out} whose examples cannot be read." if left_out else "",
    ]
