"""The one resolution and training-set size at which a figure compares models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from studygrid.figures import chosen_cells as chosen
from studygrid.grid import Run
from studygrid.results.one_setting import models_without_learning
from studygrid.results.reading import RunFacts
from studygrid.results.study_results import StudyResults


@dataclass(frozen=True)
class Place:
    """A resolution and a training-set size; what was measured there can be compared.

    Attributes
    ----------
    runs
        The rows of the study's frame that were planned there.
    of
        How many places the study has.
    """

    resolution: int
    n_train: str
    runs: pd.DataFrame
    of: int

    @property
    def ok(self) -> pd.DataFrame:
        """The runs that ended well."""
        return self.runs.loc[self.runs["status"] == "ok"]


def largest_place(study: StudyResults) -> Place | None:
    """Return the largest place of those that most models have a run at that ended well.

    Of two places the one of the higher resolution is larger, then that of more samples. Models
    that do not learn may have one size alone: they do not count where others are there. None where
    no run ended well.
    """
    ok = study.frame.loc[study.frame["status"] == "ok"]
    learning = ok.loc[~ok["model"].isin(models_without_learning(study.plan))]
    ok = ok if learning.empty else learning
    if ok.empty:
        return None
    resolutions = dict.fromkeys(study.frame["resolution"])
    counts = {each: chosen.sample_counts(study.frame, each) for each in resolutions}
    shared = ok.groupby(["resolution", "n_train"])["model"].nunique()
    most = shared.index[shared == shared.max()].tolist()
    # Of a collected study the number of samples may be unknown.
    sizes = [
        (int(resolution), -1.0 if pd.isna(count := counts[resolution][size]) else count, str(size))
        for resolution, size in most
    ]
    resolution, _, size = max(sizes)
    here = (study.frame["resolution"] == resolution) & (study.frame["n_train"] == size)
    places = study.frame[["resolution", "n_train"]].drop_duplicates()
    return Place(resolution, size, study.frame.loc[here].reset_index(drop=True), len(places))


def place_beside(study: StudyResults, place: Place, model: str) -> Place:
    """Return where a model is shown that is compared at a place: there, if it learns.

    A model that does not learn is the same at every training-set size: one without a run there
    that ended well is shown at its largest size of the same resolution.
    """
    runs = study.frame.loc[
        (study.frame["model"] == model)
        & (study.frame["resolution"] == place.resolution)
        & (study.frame["status"] == "ok")
    ]
    sizes = set(runs["n_train"])
    if place.n_train in sizes or not sizes or model not in models_without_learning(study.plan):
        return place
    counts = chosen.sample_counts(study.frame, place.resolution)
    largest = max(sizes, key=lambda size: (-1.0 if pd.isna(counts[size]) else counts[size], size))
    here = (study.frame["resolution"] == place.resolution) & (study.frame["n_train"] == largest)
    return Place(place.resolution, largest, study.frame.loc[here].reset_index(drop=True), place.of)


def place_words(study: StudyResults, place: Place) -> str:
    """Return a place in words: ``64 tags, all 1599 samples``."""
    samples = chosen.sample_counts(study.frame, place.resolution)[place.n_train]
    resolution = chosen.resolution_words(study, place.resolution)
    return f"{resolution}, {chosen.size_words(place.n_train, samples)}"


def place_sentences(study: StudyResults, place: Place, shown: Sequence[str]) -> list[str]:
    """Return where the models are compared, what became of the runs, and who is not shown.

    Parameters
    ----------
    shown
        The models that are drawn.
    """
    label = study.family.resolution_label.lower()
    largest = f", the largest {label} and training set that most models share"
    parts = [
        f"At {place_words(study, place)}{largest if place.of > 1 else ''}.",
        chosen.run_words(place.runs, "there"),
    ]
    there = set(place.ok["model"])
    planned = list(dict.fromkeys(place.runs["model"]))
    nowhere = {*study.order["model"]} - there - {*shown}
    without = [chosen.short(model) for model in study.order["model"] if model in nowhere]
    if without:
        parts.append(f"No result there: {', '.join(without)}.")
    left = [chosen.short(model) for model in planned if model in there and model not in shown]
    if left:
        parts.append(f"Not drawn: {', '.join(left)}.")
    return parts


def cells_of(study: StudyResults, place: Place, metric: str) -> pd.DataFrame:
    """Return the cells of a place that have a value of a test metric, in the order of the models.

    The columns are those of `StudyResults.summary`.
    """
    cells = study.summary.loc[
        (study.summary["metric"] == f"test_{metric}")
        & (study.summary["resolution"] == place.resolution)
        & (study.summary["n_train"] == place.n_train)
        & (study.summary["n"] > 0)
    ]
    return cells.reset_index(drop=True)


def facts_at(study: StudyResults, place: Place, model: str) -> dict[int, RunFacts]:
    """Return what the records of a model's runs that ended well there say, by seed.

    Runs of another test split than most are not among them: their numbers are of other rows.
    """
    ok = set(place.ok.loc[place.ok["model"] == model, "seed"].tolist())
    every = {
        run.seed: facts
        for run, facts in study.facts.items()
        if (run.model, run.resolution, str(run.n_train)) == (model, place.resolution, place.n_train)
        and run.seed in ok
    }
    split = _test_split(place)
    return {seed: facts for seed, facts in sorted(every.items()) if facts.data_sha256 == split}


def run_at(study: StudyResults, place: Place, model: str, seed: int) -> Run | None:
    """Return the run of a model and a seed there, if it has records."""
    own = (model, place.resolution, place.n_train, seed)
    for run in study.facts:
        if (run.model, run.resolution, str(run.n_train), run.seed) == own:
            return run
    return None


def _test_split(place: Place) -> str | None:
    """Return the hash of the data that most runs of a place are of."""
    counts = place.ok["data_sha256"].value_counts(sort=True)
    return str(counts.index[0]) if len(counts) else None


def nothing_words(study: StudyResults) -> str:
    """Return why there is no place."""
    return f"No run has ended well yet. {chosen.run_words(study.frame, 'in the study')}"
