"""Small multiples with a panel for each model: how they stand, and their titles."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from studygrid.figures import chosen_cells as chosen
from studygrid.results.one_setting import settings_of
from studygrid.results.study_results import StudyResults

_CHARACTERS = 84  # of all titles of a row together


def columns_of(models: int) -> int:
    """Return how many panels stand side by side, so that few places are empty."""
    return models if models <= 3 else {4: 2, 5: 3, 6: 3, 9: 3}.get(models, 4)


def titles_of(study: StudyResults, models: Sequence[str], columns: int) -> dict[str, str]:
    """Return name and β of each model, on two lines in all panels where one is too short."""
    most = _CHARACTERS // columns
    betas = settings_of(study.plan, "loss.beta")
    words = {model: f"β = {betas[model]:g}" for model in models if model in betas}
    wide = any(len(model) + len(words[model]) + 2 > most for model in words)
    between = "\n" if wide else ", "
    titles = {}
    for model in models:
        beta = f"{between}{words[model]}" if model in words else "\n" * wide
        titles[model] = f"{chosen.short(model, most)}{beta}"
    return titles


def label_outside(
    every: Sequence[Axes], columns: int, models: int, *, across: str, upright: str
) -> None:
    """Label the axes of the panels that stand at the left and below; the last row may be short."""
    for number, axes in enumerate(every):
        if number >= models:
            axes.set_axis_off()
            continue
        if number % columns == 0:
            axes.set_ylabel(upright)
        if number + columns >= models:
            axes.set_xlabel(across)
            axes.tick_params(labelbottom=True)
