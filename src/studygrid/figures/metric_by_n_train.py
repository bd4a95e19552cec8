"""The test metric against training-set size."""

from __future__ import annotations

from studygrid.figures.drawing import Drawing
from studygrid.figures.metric_panels import metric_panels
from studygrid.results.study_results import StudyResults


def metric_by_n_train(study: StudyResults) -> Drawing:
    """Draw the study's test metric against training-set size, in a panel for each resolution.

    The columns of its table are those of `metric_panels`.
    """
    title = f"{study.name}: {study.metric.label} against training-set size"
    return metric_panels(study, "samples", title)
