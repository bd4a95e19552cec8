"""The test metric against resolution."""

from __future__ import annotations

from studygrid.figures.drawing import Drawing
from studygrid.figures.metric_panels import metric_panels
from studygrid.results.study_results import StudyResults


def metric_by_resolution(study: StudyResults) -> Drawing:
    """Draw the study's test metric against resolution, in a panel for each training-set size.

    The columns of its table are those of `metric_panels`.
    """
    along = study.family.resolution_label.lower()
    title = f"{study.name}: {study.metric.label} against {along}"
    return metric_panels(study, "resolution", title)
