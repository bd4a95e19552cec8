"""Where a model is right and wrong in an image: the best, the median and the worst test image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from studygrid.errors import StudygridError
from studygrid.figures import chosen_cells as chosen
from studygrid.figures.data_names import data_names
from studygrid.figures.drawing import Drawing
from studygrid.figures.error_map import (
    OUTCOMES,
    class_colour,
    outcomes,
    painted,
    pale,
    shown,
    truth,
)
from studygrid.figures.example_images import Example, read_examples
from studygrid.figures.frame import framed, nothing_to_draw
from studygrid.figures.style import WIDTH_IN, house_style
from studygrid.grid import Run
from studygrid.results.study_results import StudyResults

TABLE_COLUMNS = [
    "kind",
    "model",
    "resolution",
    "n_train",
    "seed",
    "index",
    "name",
    "iou",
    "true_positive_px",
    "false_positive_px",
    "missed_px",
    "wrong_class_px",
]

_COLUMNS = ("image", "truth", "prediction against truth")
_LABEL_IN = 0.55
_TITLE_IN = 0.2
_GAP = 0.04
_MOST_CLASSES = 6


@dataclass(frozen=True)
class _Shown:
    """The run whose images are shown, the cell that it is of, and how many of it keep images."""

    cell: pd.Series[Any]
    run: Run
    examples: list[Example]
    runs: int
    best: bool


def overlays(study: StudyResults) -> Drawing:
    """Draw the best, the median and the worst test image of the best cell, and what is wrong.

    It is for families whose evaluations keep examples. They are of the run whose test score is
    the median of its cell's (of an even count the worse of the middle two). Each row is an image:
    as it is, with its true mask, and with each pixel that is foreground in prediction or truth in
    the colour of what became of it.

    Returns
    -------
    A drawing whose table has one row an image: `kind` (``best``, ``median`` or ``worst`` by IoU
        among the test images with foreground), `model`, `resolution`, `n_train`, `seed`, `index`
        in the prepared data, `name` (its file, where the data has files), `iou`, and of its
        pixels `true_positive_px`, `false_positive_px`, `missed_px` and `wrong_class_px`
        (foreground taken for another class of foreground).
    """
    title = f"{study.name}: the best, the median and the worst test image"
    if not (study.frame["status"] == "ok").any():
        return nothing_to_draw(title, "No run has ended well yet.", TABLE_COLUMNS)
    found = _found(study)
    if isinstance(found, str):
        return nothing_to_draw(title, found, TABLE_COLUMNS)
    with house_style():
        return _drawn(study, found, title)


def _found(study: StudyResults) -> _Shown | str:
    """Return the run to show, of the best cell that has one, or why there is none."""
    reasons = []
    for place, (_, cell) in enumerate(chosen.best_cells(study).iterrows()):
        runs = _runs_in(study, cell)
        if not runs:
            continue
        run = runs[(len(runs) - 1) // 2]
        try:
            examples = read_examples(study, run)
        except StudygridError as error:
            reasons.append(str(error).replace(f"{study.folder}/", ""))
        else:
            return _Shown(cell, run, examples, len(runs), best=place == 0)
    return reasons[0] if reasons else "No run keeps test images: none of them has foreground."


def _runs_in(study: StudyResults, cell: pd.Series[Any]) -> list[Run]:
    """Return the runs of a cell that keep examples, from the worst score to the best."""
    own = chosen.runs_of(chosen.metric_runs(study), pd.DataFrame([cell])).dropna(subset=["value"])
    order = own.sort_values("value", ascending=study.metric.higher_is_better, kind="stable")
    seeds = {seed: place for place, seed in enumerate(order["seed"].tolist())}
    axes = (cell["model"], cell["resolution"], cell["n_train"])
    runs = [
        run
        for run, facts in study.facts.items()
        if (run.model, run.resolution, str(run.n_train)) == axes
        and run.seed in seeds
        and facts.examples_file is not None
    ]
    return sorted(runs, key=lambda run: seeds[run.seed])


def _drawn(study: StudyResults, found: _Shown, title: str) -> Drawing:
    examples = found.examples
    side_in = (WIDTH_IN - _LABEL_IN - 0.1) / len(_COLUMNS) * (1 - _GAP)
    height = len(examples) * side_in * (1 + _GAP) + _TITLE_IN
    figure = Figure(figsize=(WIDTH_IN, height))
    grid = figure.subplots(
        len(examples), len(_COLUMNS), squeeze=False, gridspec_kw={"wspace": _GAP, "hspace": _GAP}
    )
    names = data_names(study, found.run.resolution, "names")
    for row, example in zip(grid, examples, strict=True):
        for axes, colours in zip(row, _panels(example), strict=True):
            _draw(axes, colours)
        row[0].set_ylabel(_label(example, names), parse_math=False)
    for axes, words in zip(grid[0], _COLUMNS, strict=True):
        axes.set_title(words, loc="left")
    table = pd.DataFrame(
        [_row(found.run, example, names) for example in examples], columns=TABLE_COLUMNS
    )
    return framed(
        figure,
        table,
        title=title,
        caption=" ".join(filter(None, _caption(study, found))),
        entries=_entries(study, found.run.resolution, examples),
        panel_height_in=height,
    )


def _panels(example: Example) -> Iterator[NDArray[np.float64]]:
    became = outcomes(example.mask, example.prediction)
    yield shown(example.image)
    yield truth(example.image, example.mask)
    yield painted(pale(example.image), became, list(OUTCOMES.values()))


def _draw(axes: Axes, colours: NDArray[np.float64]) -> None:
    axes.imshow((255 * colours).round().astype(np.uint8))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def _label(example: Example, names: Sequence[str]) -> str:
    name = chosen.short(_name(example, names) or f"image {example.index}")
    return f"{example.kind}, IoU {example.iou:.2f}\n{name}"


def _name(example: Example, names: Sequence[str]) -> str | None:
    return names[example.index] if example.index < len(names) else None


def _entries(study: StudyResults, resolution: int, examples: list[Example]) -> dict[str, Artist]:
    """Return the legend: the classes of the masks, and what became of pixels."""
    classes = sorted({int(one) for example in examples for one in np.unique(example.mask) if one})
    became = {
        int(one)
        for example in examples
        for one in np.unique(outcomes(example.mask, example.prediction))
    }
    names = dict(enumerate(data_names(study, resolution, "classes")))
    entries: dict[str, Artist] = {
        f"truth: {chosen.short(names.get(one, f'class {one}'))}": _patch(class_colour(one))
        for one in classes[:_MOST_CLASSES]
    }
    for place, (words, colour) in enumerate(OUTCOMES.items()):
        if place < 3 or place in became:
            entries[words] = _patch(colour)
    return entries


def _patch(colour: str) -> Patch:
    return Patch(facecolor=colour, edgecolor="none")


def _caption(study: StudyResults, found: _Shown) -> list[str]:
    run, scored = found.run, study.facts[found.run].scored
    metric = study.metric.label
    cell = f"{chosen.short(run.model)}, {chosen.resolution_words(study, run.resolution)}, "
    cell += f"n {run.n_train}"
    which = "best cell" if found.best else "best cell that keeps test images"
    if chosen.why_not_ranked(study):
        which = "best cell of the first model that keeps test images"
    return [
        f"Of the {which} by test {metric} ({cell}), {_which_run(found)}.",
        f"Best, median and worst by the IoU of the image alone, among {_among(study, run)}; the "
        "worst is not typical.",
        "Foreground is where the predicted probability is 0.5 or more."
        if "threshold" in scored
        else "Each pixel is of its most probable class.",
        chosen.run_words(
            chosen.runs_of(chosen.metric_runs(study), pd.DataFrame([found.cell])), "in this cell"
        ),
    ]


def _which_run(found: _Shown) -> str:
    seed, runs = found.run.seed, found.runs
    if runs == 1:
        return f"its seed {seed}, the only one that keeps them"
    middle = "median" if runs % 2 else "lower median"
    return (
        f"seed {seed}: the worse of its 2 runs"
        if runs == 2
        else (f"seed {seed}: the {middle} one of its {runs} runs")
    )


def _among(study: StudyResults, run: Run) -> str:
    """Return among how many images the best and the worst were looked for."""
    facts = study.facts[run]
    empty = facts.scored.get("empty_masks")
    if not isinstance(empty, int):
        return "the test images with foreground"
    more = f" ({empty} more have an empty mask)" if empty else ""
    return f"{facts.test_samples - empty} test images{more}"


def _row(run: Run, example: Example, names: Sequence[str]) -> dict[str, Any]:
    became = outcomes(example.mask, example.prediction)
    counts = [int((became == place).sum()) for place in range(len(OUTCOMES))]
    axes = [run.model, run.resolution, str(run.n_train), run.seed]
    values = [example.kind, *axes, example.index, _name(example, names), example.iou, *counts]
    return dict(zip(TABLE_COLUMNS, values, strict=True))
