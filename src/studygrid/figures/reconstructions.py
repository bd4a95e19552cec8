"""The object as it is, as each model made it, and what is wrong in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

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
from studygrid.figures.reconstruction_arms import PARTS, Arm, arms_at
from studygrid.figures.style import WIDTH_IN, house_style
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = [
    "part",
    "model",
    "resolution",
    "n_train",
    "seed",
    "mae",
    "mse",
    "lowest",
    "highest",
    "truth_lowest",
    "truth_highest",
    "error_limit",
    "height_px",
    "width_px",
]

_MOST = 4
_LEAST_COLUMNS = 4  # fewer would make images larger than a page bears
_COLOURS = {"amplitude": "gray", "phase": "viridis"}
_UNITS = {"amplitude": "", "phase": " (rad)"}
_ERRORS = "RdBu_r"
_ERROR_PERCENT = 99
_DIGITS = (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
_LABEL_IN = 0.1
_GAP_IN = 0.08
_TITLES_IN = 0.48  # of a row of images and one of errors together
_CHARACTERS = 88  # of all titles of a row together


@dataclass(frozen=True)
class _Scale:
    """The scales of one part, which all its panels share."""

    low: float
    high: float
    error: float

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the scale of images."""
        return self.low, self.high


def reconstructions(study: StudyResults) -> Drawing:
    """Draw amplitude and phase of the first test scan: the truth, each model's, and its errors.

    It is for families whose evaluations keep the examples ``truth_amplitude``, ``truth_phase``,
    ``amplitude`` and ``phase``: aligned with each other and cropped to what is scored. At most
    four models are shown, at the largest resolution and training-set size that most share; those
    that do not learn at any size. Each is shown by the run whose score by the study's metric is
    the median of its cell's (of an even count the worse of the middle two). Images have the range
    of the truth, errors one symmetric range for all models.

    Returns
    -------
    A drawing whose table has one row a model and part: `part` (``amplitude``, or ``phase`` in
        rad), `model`, `resolution`, `n_train`, `seed`, `mae` and `mse` of what is shown,
        `lowest` and `highest` of it and of the truth, `truth_lowest` and `truth_highest`, which
        are the ends of the scale of images, `error_limit`, the end of that of errors, and the
        shape, `height_px` and `width_px`.
    """
    title = f"{study.name}: reconstructions of the test object"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    arms, left_out = arms_at(study, place)
    if not arms:
        runs = chosen.run_words(place.runs, "there")
        reason = f"No run there keeps images of what it made. {runs}"
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    shown = evenly(arms, _MOST)
    caption = [*_which_words(study, place, shown, left_out)]
    caption += place_sentences(study, place, [arm.name for arm in shown])
    return draw_reconstructions(shown, title=title, caption=" ".join(caption))


def draw_reconstructions(arms: Sequence[Arm], *, title: str, caption: str) -> Drawing:
    """Draw what one or more models made of one object beside the truth, and the errors below.

    Parameters
    ----------
    arms
        At least one; `reconstruction_arms.arm_of` makes one of arrays. The truth is the first
        one's.
    title, caption
        What is shown; to the caption is added what the scales are.

    Returns
    -------
    A drawing with the table of `reconstructions`.
    """
    with house_style():
        return _drawn(arms, title, caption)


def _drawn(arms: Sequence[Arm], title: str, caption: str) -> Drawing:
    columns = max(_LEAST_COLUMNS, 1 + len(arms))
    shape = arms[0].images[PARTS[0]].truth.shape
    side_in = (WIDTH_IN - _LABEL_IN) / columns - _GAP_IN
    rows_in = 2 * (side_in * min(2.0, shape[0] / shape[1]) + _GAP_IN) + _TITLES_IN
    height = len(PARTS) * rows_in + 0.1
    figure = Figure(figsize=(WIDTH_IN, height))
    grid = figure.subplots(2 * len(PARTS), columns, squeeze=False)
    drawn = []
    for number, part in enumerate(PARTS):
        images, errors = grid[2 * number], grid[2 * number + 1]
        scale = _scale(arms, part)
        drawn.append(_draw_part(images, errors, arms, part, scale))
        for axes in [*images[1 + len(arms) :], errors[0], *errors[1 + len(arms) :]]:
            axes.set_axis_off()
    drawing = framed(
        figure,
        _table(arms),
        title=title,
        caption=f"{caption} {_scale_words(len(arms))}".strip(),
        entries={},
        panel_height_in=height,
    )
    # Where errors of the truth would stand, there is room for the scales.
    for number, (part, (image, error)) in enumerate(zip(PARTS, drawn, strict=True)):
        empty = grid[2 * number + 1][0]
        scale = _scale(arms, part)
        _add_scale(empty, 0.68, image, f"{part.capitalize()}{_UNITS[part]}", scale.ends)
        _add_scale(empty, 0.22, error, f"Error{_UNITS[part]}", (-scale.error, scale.error))
    return drawing


def _scale(arms: Sequence[Arm], part: str) -> _Scale:
    truth = arms[0].images[part].truth
    low, high = float(truth.min()), float(truth.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    errors = np.concatenate([np.abs(arm.images[part].error).ravel() for arm in arms])
    limit = float(np.percentile(errors, _ERROR_PERCENT)) or float(errors.max())
    return _Scale(low, high, limit or 1e-3 * (high - low))


def _draw_part(
    images: NDArray[Any], errors: NDArray[Any], arms: Sequence[Arm], part: str, scale: _Scale
) -> tuple[AxesImage, AxesImage]:
    """Draw a part of all arms; return an image and an error, for their scales."""
    range_ = Normalize(scale.low, scale.high)
    spread = Normalize(-scale.error, scale.error)
    image = _draw(images[0], arms[0].images[part].truth, _COLOURS[part], range_)
    images[0].set_title(f"{part.capitalize()}\ntruth", loc="left")
    for axes, below, arm in zip(images[1:], errors[1:], arms, strict=False):
        own = arm.images[part]
        _draw(axes, own.found, _COLOURS[part], range_)
        axes.set_title(_arm_words(arm, len(images)), loc="left", parse_math=False)
        error = _draw(below, own.error, _ERRORS, spread)
        below.set_title(f"mean |error| {np.abs(own.error).mean():.3g}", loc="left", pad=2)
    return image, error


def _draw(axes: Axes, values: NDArray[np.float64], colours: str, norm: Normalize) -> AxesImage:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return axes.imshow(values, cmap=colours, norm=norm, interpolation="nearest")


def _arm_words(arm: Arm, columns: int) -> str:
    seed = "" if arm.run is None else f"seed {arm.run.seed}"
    return f"{chosen.short(arm.name, _CHARACTERS // columns)}\n{seed}"


def _add_scale(
    empty: Axes, place: float, image: AxesImage, words: str, ends: tuple[float, float]
) -> None:
    """Put the scale of an image in the empty place of a panel, once the figure is laid out."""
    figure = empty.get_figure(root=True)
    assert figure is not None
    box = empty.get_position()
    bar_axes = figure.add_axes(
        (
            box.x0 + 0.08 * box.width,
            box.y0 + place * box.height,
            0.82 * box.width,
            0.05 * box.height,
        )
    )
    bar = figure.colorbar(image, cax=bar_axes, orientation="horizontal", extend="both")
    bar.outline.set_visible(False)
    ticks = _scale_ticks(*ends)
    bar.set_ticks(ticks, labels=[f"{tick:.3g}".replace("-", "−") for tick in ticks])
    bar_axes.tick_params(length=2)
    bar_axes.set_title(words, loc="left", pad=3)


def _scale_ticks(low: float, high: float) -> list[float]:
    """Return two or three round numbers within the ends of a scale, so that they have room."""
    if low == -high:
        unit = 10.0 ** math.floor(math.log10(high))
        most = max(digit for digit in _DIGITS if digit * unit <= high) * unit
        return [-most, 0.0, most]
    ticks = MaxNLocator(2, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [float(tick) for tick in ticks if low <= tick <= high]


# --- Words and numbers


def _scale_words(arms: int) -> str:
    every = "" if arms == 1 else ", of all models together"
    return (
        "Images have the range of the truth. Errors are what was found less the truth; the scale "
        f"of each of their rows ends at the {_ERROR_PERCENT}th percentile of their sizes{every}. "
        "Colours beyond a scale are those of its ends."
    )


def _which_words(
    study: StudyResults, place: Place, shown: Sequence[Arm], left_out: int
) -> list[str]:
    most = max(arm.runs for arm in shown)
    parts = ["Of the first test scan, aligned with the truth."]
    if most > 1:
        parts.append(
            f"Of each model the run of the median {study.split} {study.metric.label} (of an even "
            "count the worse of the middle two)."
        )
    elsewhere = [
        f"{chosen.short(arm.name)} (n {arm.run.n_train})"
        for arm in shown
        if arm.run is not None and str(arm.run.n_train) != place.n_train
    ]
    if elsewhere:
        parts.append(
            "Of another training-set size, which makes no difference to it: "
            f"{', '.join(elsewhere)}."
        )
    unregistered = [chosen.short(arm.name) for arm in shown if not _is_registered(study, arm)]
    if unregistered:
        parts.append(
            "Not registered, because the shift that was found is beyond the limit: "
            f"{', '.join(unregistered)}."
        )
    if left_out:
        parts.append(f"Left out: {left_out} whose images cannot be read.")
    return parts


def _is_registered(study: StudyResults, arm: Arm) -> bool:
    """Tell whether what is shown was moved onto the truth, unless nothing says it was not."""
    facts = None if arm.run is None else study.facts[arm.run].scored.get("alignment")
    first = facts[0] if isinstance(facts, list) and facts else {}
    return not (isinstance(first, dict) and first.get("registered") is False)


def _table(arms: Sequence[Arm]) -> pd.DataFrame:
    rows = [_row(arm, part, _scale(arms, part)) for part in PARTS for arm in arms]
    table = pd.DataFrame(rows, columns=TABLE_COLUMNS)
    return table.astype({"resolution": "Int64", "seed": "Int64"})


def _row(arm: Arm, part: str, scale: _Scale) -> dict[str, Any]:
    own, run = arm.images[part], arm.run
    height, width = own.truth.shape
    return {
        "part": part,
        "model": arm.name,
        "resolution": None if run is None else run.resolution,
        "n_train": None if run is None else str(run.n_train),
        "seed": None if run is None else run.seed,
        "mae": float(np.abs(own.error).mean()),
        "mse": float((own.error**2).mean()),
        "lowest": float(own.found.min()),
        "highest": float(own.found.max()),
        "truth_lowest": scale.low,
        "truth_highest": scale.high,
        "error_limit": scale.error,
        "height_px": height,
        "width_px": width,
    }
