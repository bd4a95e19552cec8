"""When runs reach a validation score: the numbers behind the figure time_to_threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from studygrid.results.study_results import StudyResults

RUN_AXES = ["model", "resolution", "n_train", "seed"]
_SHARE = 0.75


@dataclass(frozen=True)
class Threshold:
    """A validation score to reach.

    Attributes
    ----------
    score
        Name of the metric on the validation split.
    value
        What is to be reached.
    higher_is_better
        Whether it is reached from below.
    given
        Whether the config names it.
    """

    score: str
    value: float
    higher_is_better: bool
    given: bool


def monitored_score(study: StudyResults) -> str:
    """Return the score that all models monitor, or the loss, which every run records."""
    scores = {model.training.monitor for model in study.plan.models.values()}
    return scores.pop() if len(scores) == 1 else "loss"


def recorded_runs(study: StudyResults) -> pd.DataFrame:
    """Return the runs that ended, whether ok or not, with their device."""
    ended = study.frame.loc[study.frame["status"] != "missing"]
    return ended[[*RUN_AXES, "status", "train_device"]].reset_index(drop=True)


def recorded_epochs(study: StudyResults, score: str) -> pd.DataFrame:
    """Return the epochs of the runs that ended, in order.

    Returns
    -------
    One row an epoch: the run's axes, `epoch`, `step`, `seconds` of training up to its end (NaN
        where the file does not say), and `score`, NaN where it has none.
    """
    wanted = {"epoch", "step", "epoch_time_sec", f"validation_{score}"}
    epochs = study.epochs.reindex(columns=[*RUN_AXES, *sorted(wanted)])
    ended = recorded_runs(study)[RUN_AXES]
    epochs = epochs.astype({"model": object, "n_train": object}).merge(
        ended.astype({"model": object, "n_train": object}), on=RUN_AXES, how="inner"
    )
    for name in wanted:
        epochs[name] = pd.to_numeric(epochs[name], errors="coerce")
    epochs = epochs.dropna(subset=["epoch", "step"]).sort_values("epoch", kind="stable")
    times = epochs.groupby(RUN_AXES, sort=False)["epoch_time_sec"]
    epochs["seconds"] = times.transform(lambda spent: spent.cumsum(skipna=False))
    return epochs.rename(columns={f"validation_{score}": "score"})


def threshold_of(study: StudyResults, epochs: pd.DataFrame, score: str) -> Threshold | None:
    """Return the score to reach: the config's, or the best that three quarters of the runs reach.

    Runs without any validation score do not count; None where no run has one.
    """
    higher = study.family.metric(score).higher_is_better
    given = study.plan.study.report.threshold
    if given is not None:
        return Threshold(score, given, higher, given=True)
    runs = epochs.dropna(subset=["score"]).groupby(RUN_AXES, sort=False)["score"]
    best = sorted((runs.max() if higher else runs.min()).tolist(), reverse=higher)
    if not best:
        return None
    return Threshold(score, best[math.ceil(_SHARE * len(best)) - 1], higher, given=False)


def when_reached(runs: pd.DataFrame, epochs: pd.DataFrame, threshold: Threshold) -> pd.DataFrame:
    """Return when each run first reaches a threshold, or where it ended without.

    Returns
    -------
    The runs, in their order, with `reached`, and `steps` and `seconds` up to the end of the
        epoch that reaches it, or else up to the run's last epoch (NaN where it has none).
    """
    sign = 1 if threshold.higher_is_better else -1
    there = epochs.loc[sign * epochs["score"] >= sign * threshold.value]
    first = there.groupby(RUN_AXES, sort=False).head(1).assign(reached=True)
    last = epochs.groupby(RUN_AXES, sort=False).tail(1).assign(reached=False)
    ends = pd.concat([first, last]).drop_duplicates(RUN_AXES)
    ends = ends[[*RUN_AXES, "reached", "step", "seconds"]].rename(columns={"step": "steps"})
    found = runs.merge(ends, on=RUN_AXES, how="left")
    return found.assign(reached=found["reached"].fillna(False).astype(bool))


def median_time(times: pd.Series[float], reached: pd.Series[bool]) -> float:
    """Return the median of a cell; a run that never reaches the threshold is longer than any.

    NaN where that makes the median infinite.
    """
    median = float(times.where(reached, math.inf).median())
    return median if math.isfinite(median) else math.nan
