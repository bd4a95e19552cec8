"""The figures of the inference phase, by name: each a function of what inference left.

They are of any family, and drawn by the rule ``inference_summary`` of a study and in reports.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from studygrid.families.base import load_reference

if TYPE_CHECKING:
    from studygrid.figures.drawing import Drawing
    from studygrid.results.inference import InferenceResults

INFERENCE_FIGURES = {
    "reconstruction_error_distributions": (
        "studygrid.figures.inference_errors:reconstruction_error_distributions"
    ),
    "model_comparison_bars": "studygrid.figures.inference_bars:model_comparison_bars",
    "auroc_comparison": "studygrid.figures.inference_auroc:auroc_comparison",
}


def load_inference_figure(name: str) -> Callable[[InferenceResults, str], Drawing]:
    """Return the function of that name: from the results and the study's name to the drawing."""
    figure: Callable[[InferenceResults, str], Drawing] = load_reference(INFERENCE_FIGURES[name])
    return figure
