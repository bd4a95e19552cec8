"""The learning curves of a study: those of each run, and their means over the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from studygrid.figures.chosen_cells import DOTS_BELOW
from studygrid.figures.panels import CELL_AXES, SPREAD_PERCENT
from studygrid.figures.reached import RUN_AXES, monitored_score
from studygrid.results.study_results import StudyResults

LOSSES = ["train_loss", "validation_loss"]


@dataclass(frozen=True)
class Curves:
    """What was recorded while the runs of a study trained.

    Attributes
    ----------
    quantities
        Names of the columns that hold the curves: ``train_loss``, ``validation_loss`` and, where
        all models monitor another score, ``validation_<score>``.
    runs
        One row an epoch of a run that ended: its axes, `status`, `epoch`, `step`, the
        quantities (NaN where there is no value), and `kept`, whether its weights were scored.
    means
        One row an epoch of a cell: its axes, `epoch`, `step`, the means of the quantities over
        the cell's `n` runs that are ok, as far as all of these go, and of ten runs or more
        ``<quantity>_low`` and ``<quantity>_high``, the 10th and 90th percentile.
    """

    quantities: list[str]
    runs: pd.DataFrame
    means: pd.DataFrame


def curves_of(study: StudyResults, quantities: Sequence[str] | None = None) -> Curves:
    """Return the curves of the runs that ended, whatever became of them.

    A run without a record is not among them: it may still train, or be of other settings.

    Parameters
    ----------
    quantities
        Other columns of the epochs than the losses and the monitored score.
    """
    if quantities is None:
        quantities = [*LOSSES, f"validation_{monitored_score(study)}"]
    quantities = list(dict.fromkeys(quantities))
    wanted = [*RUN_AXES, "epoch", "step", *quantities]
    epochs = study.epochs.reindex(columns=wanted).astype(dict.fromkeys(RUN_AXES, object))
    for name in wanted[len(RUN_AXES) :]:
        epochs[name] = pd.to_numeric(epochs[name], errors="coerce").astype(float)
    epochs = epochs.dropna(subset=["epoch", "step"])
    ended = study.frame.loc[study.frame["status"] != "missing"]
    ended = ended[[*RUN_AXES, "status", "best_epoch"]].astype(dict.fromkeys(RUN_AXES, object))
    runs = ended.merge(epochs, on=RUN_AXES, how="inner")
    runs["kept"] = (runs["status"] == "ok") & (runs["epoch"] == runs["best_epoch"].astype(float))
    runs = runs.drop(columns="best_epoch").reset_index(drop=True)
    return Curves(quantities, runs, _means(runs, quantities))


def _means(runs: pd.DataFrame, quantities: list[str]) -> pd.DataFrame:
    ok = runs.loc[runs["status"] == "ok"]
    counts = ok.groupby(CELL_AXES, sort=False)["seed"].nunique().rename("n").reset_index()
    epochs = ok.groupby([*CELL_AXES, "step"], sort=False)
    means = epochs[["epoch"]].first()
    for name in quantities:
        means[name] = epochs[name].mean()
        means[f"{name}_count"] = epochs[name].count()
        for end, percent in zip(("low", "high"), SPREAD_PERCENT, strict=True):
            means[f"{name}_{end}"] = epochs[name].quantile(percent / 100)
    means = means.reset_index().merge(counts, on=CELL_AXES, how="left")
    for name in quantities:
        # The mean of the runs that go on alone would jump where the others end.
        everyone = means.pop(f"{name}_count") == means["n"]
        means[name] = means[name].where(everyone)
        for end in ("low", "high"):
            many = everyone & (means["n"] >= DOTS_BELOW)
            means[f"{name}_{end}"] = means[f"{name}_{end}"].where(many)
    return means.dropna(subset=quantities, how="all").reset_index(drop=True)
