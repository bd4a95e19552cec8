"""The figures of the inference phase, as figures of a report."""

from __future__ import annotations

from studygrid.figures import inference_figures
from studygrid.figures.drawing import Drawing
from studygrid.named_reports.inputs import FigureFunction, ReportInputs


def reconstruction_error_distributions(inputs: ReportInputs) -> Drawing:
    """Draw how the errors of the samples are spread, cell by cell."""
    return _drawn("reconstruction_error_distributions", inputs)


def model_comparison_bars(inputs: ReportInputs) -> Drawing:
    """Draw the metrics of the models as bars."""
    return _drawn("model_comparison_bars", inputs)


def auroc_comparison(inputs: ReportInputs) -> Drawing:
    """Draw the areas under the ROC curves of the models."""
    return _drawn("auroc_comparison", inputs)


def _drawn(name: str, inputs: ReportInputs) -> Drawing:
    assert inputs.inference is not None  # the figure is drawn where inference is on
    return inference_figures.load_inference_figure(name)(inputs.inference, inputs.title)


INFERENCE_FIGURES: dict[str, FigureFunction] = {
    "reconstruction_error_distributions": reconstruction_error_distributions,
    "model_comparison_bars": model_comparison_bars,
    "auroc_comparison": auroc_comparison,
}
