"""When runs reach an error, by steps of whole epochs: the numbers of time_to_threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from studygrid.named_reports.figures.measures import (
    Measure,
    epoch_column,
    numbers,
    validation_epochs,
)
from studygrid.named_reports.inputs import ReportInputs

_SHARE = 0.75


@dataclass(frozen=True)
class Threshold:
    """An error to reach; `given` where the report's YAML names it."""

    value: float
    given: bool


def recorded(inputs: ReportInputs, measure: Measure) -> pd.DataFrame:
    """Return the validation epochs of all runs: `run_dir`, `epoch`, `seconds`, `error`."""
    column = epoch_column(inputs, measure)
    parts = [pd.DataFrame(columns=["run_dir", "epoch", "seconds", "error"])]
    for run_dir in inputs.runs_df["run_dir"] if column else ():
        epochs = validation_epochs(inputs, run_dir)
        found = epochs.assign(error=numbers(epochs, str(column)), run_dir=run_dir)
        parts.append(found[["run_dir", "epoch", "seconds", "error"]])
    there = [part for part in parts if not part.empty]
    return pd.concat(there, ignore_index=True) if there else parts[0]


def threshold_of(inputs: ReportInputs, epochs: pd.DataFrame) -> Threshold | None:
    """Return the error to reach: the YAML's, or the best that three quarters of the runs reach.

    Runs without any error do not count; None where no run has one.
    """
    best = epochs.dropna(subset=["error"]).groupby("run_dir")["error"].min().sort_values()
    if best.empty:
        return None
    given = inputs.config.thresholds.get("val_mse")
    if given is not None:
        return Threshold(float(given), given=True)
    return Threshold(float(best.iloc[math.ceil(_SHARE * len(best)) - 1]), given=False)


def when_reached(epochs: pd.DataFrame, threshold: Threshold) -> pd.DataFrame:
    """Return when each run first reaches an error, or where it ended without.

    Returns
    -------
    One row a run with an error: `run_dir`, `reached`, and `epochs` and `seconds` up to the end of
        the epoch that reaches it, or else of its last epoch; the seconds may be NaN.
    """
    known = epochs.dropna(subset=["error"])
    first = known.groupby("run_dir")["epoch"].transform("min")
    # Epochs count from 0 in some files and from 1 in others.
    known = known.assign(epochs=known["epoch"] + (first == 0))
    there = known.loc[known["error"] <= threshold.value]
    reach = there.groupby("run_dir", sort=False).head(1).assign(reached=True)
    last = known.groupby("run_dir", sort=False).tail(1).assign(reached=False)
    ends = pd.concat([reach, last]).drop_duplicates("run_dir")
    return ends[["run_dir", "reached", "epochs", "seconds"]].reset_index(drop=True)
