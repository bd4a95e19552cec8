"""How a model lays out rows in its latent space: the two directions in which they differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from studygrid.errors import StudygridError
from studygrid.figures import chosen_cells as chosen
from studygrid.figures.contrasting import BEST_BY, contrast_words, contrasting_models
from studygrid.figures.data_names import data_names
from studygrid.figures.drawing import Drawing
from studygrid.figures.example_arrays import read_arrays
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.largest_place import (
    Place,
    largest_place,
    nothing_words,
    place_sentences,
    run_at,
)
from studygrid.figures.model_panels import titles_of
from studygrid.figures.style import WIDTH_IN, Look, house_style, looks
from studygrid.results.study_results import StudyResults

ARRAYS = ("projection", "projection_label", "projection_share")
TABLE_COLUMNS = [
    "model",
    "resolution",
    "n_train",
    "seed",
    "row",
    "first",
    "second",
    "tag",
    "tag_name",
    "group",
]

_MOST = 3
_GROUPS = 6
_LEAST_REACH = 0.5
_OTHER = "another tag first"
_NO_TAG = "no tag"
_DOT: dict[str, Any] = {"linestyle": "none", "markeredgewidth": 0, "alpha": 0.65}
_OTHER_LOOK = Look("#b8b8b8", ".")


@dataclass(frozen=True)
class _Projection:
    """The codes of one run along two directions.

    Attributes
    ----------
    points
        Shape (rows, 2).
    labels
        The tag of each row, by its column; negative for a row without a tag.
    shares
        Of the variance, along each direction.
    """

    model: str
    seed: int
    points: NDArray[np.float64]
    labels: NDArray[np.int64]
    shares: NDArray[np.float64]


def latent_projection(study: StudyResults) -> Drawing:
    """Draw the first two principal components of the codes of test rows, by the row's first tag.

    It is for families whose evaluations keep the examples ``projection``, ``projection_label``
    and ``projection_share``. The code of a row is the mean of its posterior; its first tag is the
    most frequent one, in the training split, of those that it has. Three models are shown, at the
    largest vocabulary and training-set size that most share: the best by ELBO, and those whose
    rates lie farthest apart; each by the run whose ELBO is the median of its cell's (of an even
    count the worse of the middle two).

    Returns
    -------
    A drawing whose table has one row a model and test row: `model`, `resolution`, `n_train`,
        `seed`, `row` (its position among those projected), `first` and `second` component, `tag`
        (the first tag's column, -1 without one), `tag_name`, and `group`, the name in the legend.
    """
    title = f"{study.name}: test rows in the latent space"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    found = _found(study, place)
    if not found:
        runs = chosen.run_words(place.runs, "there")
        reason = f"No model there keeps a projection of its latent space. {runs}"
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, place, found, title)


def _found(study: StudyResults, place: Place) -> list[_Projection]:
    # Models without a latent space keep no projection: the next ones take their places.
    found = []
    for model in contrasting_models(study, place, len(study.order["model"])):
        own = _median_projection(study, place, model)
        if own is not None:
            found.append(own)
        if len(found) == _MOST:
            break
    return found


def _median_projection(study: StudyResults, place: Place, model: str) -> _Projection | None:
    """Return the projection of the median run of those that keep one."""
    scores = place.ok.loc[place.ok["model"] == model].dropna(subset=[f"test_{BEST_BY}"])
    kept = []
    for seed in scores.sort_values(f"test_{BEST_BY}", kind="stable")["seed"].tolist():
        run = run_at(study, place, model, int(seed))
        try:
            arrays = read_arrays(study, run, ARRAYS) if run else None
        except StudygridError:
            continue
        if arrays is not None and _belong(arrays):
            kept.append((int(seed), arrays))
    if not kept:
        return None
    seed, (points, labels, shares) = kept[(len(kept) - 1) // 2]
    numbers = points.astype(np.float64), labels.astype(np.int64), shares.astype(np.float64)
    return _Projection(model, seed, *numbers)


def _belong(arrays: Sequence[NDArray[Any]]) -> bool:
    points, labels, shares = arrays
    fits = points.ndim == 2 and points.shape[1] == 2 and labels.shape == (len(points),)
    return bool(fits and shares.shape == (2,) and len(points) and np.isfinite(points).all())


def _groups(found: Sequence[_Projection]) -> list[int]:
    """Return the tags with a colour of their own, the same in all panels: the most frequent."""
    labels = np.concatenate([own.labels for own in found])
    tags, counts = np.unique(labels[labels >= 0], return_counts=True)
    most = tags[np.argsort(-counts, kind="stable")][:_GROUPS]
    # In their order in the data, in which they were chosen as first tags.
    return sorted(most.tolist())


def _drawn(study: StudyResults, place: Place, found: Sequence[_Projection], title: str) -> Drawing:
    names = data_names(study, place.resolution, "tags")
    groups = _groups(found)
    look_of = _looks([_name(names, tag) for tag in groups], found)
    side_in = min(3.4, (WIDTH_IN - 0.5) / len(found))
    figure = Figure(figsize=(WIDTH_IN, side_in))
    grid = figure.subplots(1, len(found), sharex=True, sharey=True, squeeze=False)[0]
    titles = titles_of(study, [own.model for own in found], len(found))
    parts = []
    for axes, own in zip(grid, found, strict=True):
        table = _table(place, own, names, groups)
        parts.append(table)
        _draw(axes, own, table, look_of)
        axes.set_title(titles[own.model], loc="left", parse_math=False)
    _fix_axes(grid, found)
    return framed(
        figure,
        pd.concat(parts, ignore_index=True)[TABLE_COLUMNS],
        title=title,
        caption=" ".join(filter(None, _caption(study, place, found))),
        entries=_entries(look_of),
        panel_height_in=side_in + 0.45,
    )


def _name(names: Sequence[str], tag: int) -> str:
    if tag < 0:
        return _NO_TAG
    return names[tag] if tag < len(names) else f"tag {tag}"


def _looks(named: Sequence[str], found: Sequence[_Projection]) -> dict[str, Look]:
    """Return the looks of the groups, those that are drawn below the others first."""
    labels = {tag for own in found for tag in own.labels.tolist()}
    result = {_OTHER: _OTHER_LOOK} if len([tag for tag in labels if tag >= 0]) > len(named) else {}
    if any(tag < 0 for tag in labels):
        result[_NO_TAG] = Look("#606060", "x")
    return result | looks(named)


def _table(
    place: Place, own: _Projection, names: Sequence[str], groups: Sequence[int]
) -> pd.DataFrame:
    tags = own.labels.tolist()
    named = [_name(names, tag) for tag in tags]
    shown = set(groups)
    return pd.DataFrame(
        {
            "model": own.model,
            "resolution": place.resolution,
            "n_train": place.n_train,
            "seed": own.seed,
            "row": np.arange(len(tags)),
            "first": own.points[:, 0],
            "second": own.points[:, 1],
            "tag": tags,
            "tag_name": named,
            "group": [
                name if tag in shown or tag < 0 else _OTHER
                for tag, name in zip(tags, named, strict=True)
            ],
        }
    )


def _draw(axes: Axes, own: _Projection, table: pd.DataFrame, look_of: dict[str, Look]) -> None:
    axes.grid(visible=False)
    for group, look in look_of.items():
        rows = table.loc[table["group"] == group]
        axes.plot(rows["first"], rows["second"], **_mark(look, len(table)))
    axes.set_xlabel(f"First component ({100 * own.shares[0]:.0f} %)")
    axes.set_ylabel(f"Second component ({100 * own.shares[1]:.0f} %)")


def _fix_axes(grid: Sequence[Axes], found: Sequence[_Projection]) -> None:
    """Give all panels one scale: the prior has variance 1 along every direction.

    A model that uses nothing of its latent space is a point in the middle, and looks it.
    """
    points = np.concatenate([own.points for own in found])
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    reach = max(1.05 * float(np.abs(points - middle).max()), _LEAST_REACH)
    for axes in grid:
        axes.set_xlim(middle[0] - reach, middle[0] + reach)
        axes.set_ylim(middle[1] - reach, middle[1] + reach)
        axes.set_aspect("equal", adjustable="box")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


def _mark(look: Look, rows: int) -> dict[str, Any]:
    size = 3.2 if rows > 300 else 4.2
    plain = look.marker in (".", "x")
    edge = 0.6 if look.marker == "x" else 0
    return {
        **_DOT,
        "color": look.colour,
        "marker": look.marker,
        "markersize": size,
        "markeredgewidth": edge,
        "zorder": 2 if plain else 3,
    }


def _entries(look_of: dict[str, Look]) -> dict[str, Artist]:
    order = [group for group in look_of if group not in (_OTHER, _NO_TAG)]
    last = [group for group in (_OTHER, _NO_TAG) if group in look_of]
    return {
        chosen.short(group, 40): Line2D(
            [], [], **{**_mark(look_of[group], 0), "markersize": 5, "alpha": 1}
        )
        for group in [*order, *last]
    }


def _caption(study: StudyResults, place: Place, found: Sequence[_Projection]) -> list[str]:
    rows = max(len(own.points) for own in found)
    which = ", ".join(f"{chosen.short(own.model, 16)}: seed {own.seed}" for own in found)
    return [
        f"Each mark is one of the first {rows} test rows, at the mean of its posterior, by the "
        "most frequent tag that it has. In brackets: share of the variance of these. The prior has "
        "a standard deviation of 1 along every direction. Directions are of each run by itself.",
        f"The runs are those of the median ELBO of each model ({which}).",
        contrast_words(len(found)),
        *place_sentences(study, place, list(dict.fromkeys(place.ok["model"]))),
    ]
