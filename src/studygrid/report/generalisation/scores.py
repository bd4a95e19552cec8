"""The scores of runs that the parts of the section count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studygrid.families.base import Metric
from studygrid.figures import chosen_cells as chosen
from studygrid.results.pairing import pairing_seeds
from studygrid.results.study_results import StudyResults


@dataclass(frozen=True)
class Score:
    """The test score of one run that ended well; `samples` is NaN where nothing says its size."""

    model: str
    n_train: str
    samples: float
    seed: int
    value: float


def scores_of(
    study: StudyResults, metric: Metric, resolution: int, models: Sequence[str]
) -> list[Score]:
    """Return the scores of some models at a resolution, in the order of the runs."""
    column = f"test_{metric.name}"
    frame = study.frame.loc[
        (study.frame["resolution"] == resolution)
        & study.frame["model"].isin(list(models))
        & (study.frame["status"] == "ok")
    ].dropna(subset=[column])
    samples = chosen.sample_counts(study.frame, resolution)
    columns = [frame[name].tolist() for name in ("model", "n_train", column)]
    return [
        Score(model, str(size), samples[size], seed, float(value))
        for model, size, value, seed in zip(*columns, pairing_seeds(frame), strict=True)
    ]
