"""The plots of the layout: the study's own figures, of a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from studygrid.figures.drawing import png_of
from studygrid.figures.reconstructions import reconstructions
from studygrid.figures.size_trends import size_trends
from studygrid.grid import Run
from studygrid.results.one_setting import models_without_learning
from studygrid.results.study_results import StudyResults, study_results


def comparison_plot(study: StudyResults, runs: Sequence[Run]) -> bytes:
    """Return the PNG of what the models made of the test object, of runs of one size."""
    fixed = models_without_learning(study.plan)
    resolutions = {run.resolution for run in runs}
    # What does not learn may have run at another size alone, and is the same here.
    beside = [
        run for run in study.plan.runs if run.model in fixed and run.resolution in resolutions
    ]
    return png_of(reconstructions(_part(study, {*runs, *beside})))


def results_plot(study: StudyResults, runs: Sequence[Run]) -> bytes:
    """Return the PNG of all metrics against training-set size, of runs at one resolution."""
    return png_of(size_trends(_part(study, set(runs))))


def _part(study: StudyResults, runs: set[Run]) -> StudyResults:
    """Return a part of a study as a study of its own."""
    own = [run for run in study.plan.runs if run in runs]
    if len(own) == len(study.plan.runs):
        return study
    return study_results(replace(study.plan, runs=own), study.folder)
