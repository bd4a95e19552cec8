"""What the figures of a report measure a run by: an error of its kept epoch, and its times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from studygrid.named_reports.inputs import ReportInputs

_TOTAL: Final = (
    "The error is the whole loss that each run is trained with: where tokenizers or weights add "
    "parts of their own to it, it says nothing between them."
)


@dataclass(frozen=True)
class Measure:
    """A number of a run, and the column of its epochs that it is taken from.

    Attributes
    ----------
    label
        What it is, for an axis.
    epochs
        The column of the epochs, or nothing where only `run` is known.
    run
        The column of `runs_df` that has it where the epochs do not.
    caution
        Why it should not be compared, as a sentence; empty where it can be.
    """

    label: str
    epochs: tuple[str, ...]
    run: str = ""
    caution: str = ""


TOKENS = Measure(
    "Token MSE (validation)",
    ("metric_rec_tokens", "metric_token_mse", "metric_mse"),
    "loss.recon_best",
)
GLOBALS = Measure(
    "Globals MSE (validation)",
    ("metric_rec_globals", "metric_globals_mse"),
    "loss.rec_globals_best",
)
LOSS = Measure("Loss (validation)", ("val_loss",), "loss.total_best", _TOTAL)
PERPLEXITY = Measure(
    "Perplexity (validation)", ("metric_perplex", "metric_perplexity"), "metric_perplex_final"
)

_LOSS_COLUMNS = ("val_loss", "train_loss")


def values_of(inputs: ReportInputs, measure: Measure) -> pd.Series[float]:
    """Return a measure of each run at the epoch whose weights were kept, in the order of runs_df.

    The kept epoch is ``kept_epoch``, or ``best_epoch`` where no file says it. A run whose epochs
    do not have the measure there has the column `run` of `runs_df`, and else NaN.
    """
    of_runs = numbers(inputs.runs_df, measure.run)
    return at_kept_epoch(inputs, measure).fillna(of_runs)


def at_kept_epoch(inputs: ReportInputs, measure: Measure) -> pd.Series[float]:
    """Return a measure of each run as its epochs have it at the kept one, NaN where they do not."""
    kept = numbers(inputs.runs_df, "kept_epoch").fillna(numbers(inputs.runs_df, "best_epoch"))
    found = [
        _at_epoch(validation_epochs(inputs, str(run_dir)), epoch, measure.epochs)
        for run_dir, epoch in zip(inputs.runs_df["run_dir"], kept, strict=True)
    ]
    return pd.Series(found, inputs.runs_df.index, dtype=float)


def _at_epoch(epochs: pd.DataFrame, epoch: float, names: Sequence[str]) -> float:
    for name in names:
        if name in epochs:
            there = numbers(epochs.loc[epochs["epoch"] == epoch], name).dropna()
            if len(there):
                return float(there.iloc[-1])
    return math.nan


def numbers(frame: pd.DataFrame, column: str) -> pd.Series[float]:
    """Return a column as numbers; NaN where it is not there, or holds no finite number."""
    if column not in frame:
        return pd.Series(math.nan, frame.index)
    found = pd.to_numeric(frame[column], errors="coerce").astype(float)
    return found.where(found.abs() < math.inf)


def error_of(inputs: ReportInputs) -> Measure:
    """Return the error that tokenizers are compared by.

    It is the error of the tokens, which means the same whatever a run is trained with. Only where
    no run has it, it is the whole loss.
    """
    has_tokens = epoch_column(inputs, TOKENS) or numbers(inputs.runs_df, TOKENS.run).notna().any()
    return TOKENS if has_tokens else LOSS


def epoch_column(inputs: ReportInputs, measure: Measure) -> str | None:
    """Return the column of the epochs that holds a measure; None where no run has one."""
    for name in measure.epochs:
        for run_dir in inputs.order:
            epochs = validation_epochs(inputs, run_dir)
            if name in epochs and epochs[name].notna().any():
                return name
    return None


def validation_epochs(inputs: ReportInputs, run_dir: str) -> pd.DataFrame:
    """Return the validation epochs of a run in order, with `seconds` of training up to each end.

    Where an epoch is missing, or its time, the seconds are unknown from there on. An epoch that
    stands twice, as after a run was taken up again, counts once: as it was written last.
    """
    epochs = inputs.per_epoch.get(run_dir)
    if epochs is None or not {"epoch", "split"} <= set(epochs):
        return pd.DataFrame({"epoch": pd.Series(dtype=float), "seconds": pd.Series(dtype=float)})
    epochs = epochs.assign(epoch=pd.to_numeric(epochs["epoch"], errors="coerce").astype(float))
    epochs = _without_own_loss(inputs, run_dir, epochs.dropna(subset=["epoch"]))
    found = _of_split(epochs, "val")
    spent = _epoch_times(epochs, found)
    first = found["epoch"].min()
    whole = bool(first in (0, 1)) & ((found["epoch"].diff().fillna(1.0) == 1).cummin())
    return found.assign(seconds=spent.where(whole).cumsum(skipna=False))


def training_epochs(inputs: ReportInputs, run_dir: str) -> pd.DataFrame:
    """Return the training epochs of a run in order, each once."""
    epochs = inputs.per_epoch.get(run_dir)
    if epochs is None or not {"epoch", "split"} <= set(epochs):
        return pd.DataFrame({"epoch": pd.Series(dtype=float)})
    epochs = epochs.assign(epoch=pd.to_numeric(epochs["epoch"], errors="coerce").astype(float))
    epochs = _without_own_loss(inputs, run_dir, epochs.dropna(subset=["epoch"]))
    return _of_split(epochs, "train")


def own_loss(inputs: ReportInputs) -> pd.Series[bool]:
    """Tell which runs have a loss that is not that of the others, in the order of runs_df.

    The readers leave its columns of `runs_df` null, though the epochs have it: that of a model
    that is fitted, say.
    """
    frame = inputs.runs_df
    if LOSS.run not in frame:
        return pd.Series(False, frame.index)
    null = numbers(frame, LOSS.run).isna()
    return null & pd.Series(
        [_has_a_loss(inputs, str(run_dir)) for run_dir in frame["run_dir"]], frame.index, dtype=bool
    )


def own_loss_words(inputs: ReportInputs) -> str:
    """Return which runs have a loss of their own, as a sentence."""
    own = inputs.runs_df.loc[own_loss(inputs)]
    if own.empty:
        return ""
    column = next((name for name in ("encoder", "model") if name in own), "run_dir")
    names = " and ".join(dict.fromkeys(own[column].astype(str)))
    runs = "1 run" if len(own) == 1 else f"{len(own)} runs"
    return f"Left out, with a loss of their own that is no other's: {names} ({runs})."


def _has_a_loss(inputs: ReportInputs, run_dir: str) -> bool:
    epochs = inputs.per_epoch.get(run_dir)
    if epochs is None:
        return False
    return any(numbers(epochs, name).notna().any() for name in _LOSS_COLUMNS)


def _without_own_loss(inputs: ReportInputs, run_dir: str, epochs: pd.DataFrame) -> pd.DataFrame:
    frame = inputs.runs_df
    if LOSS.run not in frame:
        return epochs
    if numbers(frame.loc[frame["run_dir"] == run_dir], LOSS.run).notna().any():
        return epochs
    there = [name for name in _LOSS_COLUMNS if name in epochs]
    return epochs.assign(**dict.fromkeys(there, math.nan))


def _of_split(epochs: pd.DataFrame, split: str) -> pd.DataFrame:
    own = epochs.loc[epochs["split"] == split]
    return own.drop_duplicates("epoch", keep="last").sort_values("epoch", ignore_index=True)


def _epoch_times(epochs: pd.DataFrame, found: pd.DataFrame) -> pd.Series[float]:
    """Return the time of each epoch, once: the rows of training and validation both have it."""
    if "epoch_time_s" not in epochs:
        return pd.Series(math.nan, found.index)
    times = epochs.assign(time=pd.to_numeric(epochs["epoch_time_s"], errors="coerce"))
    of_epoch: dict[float, float] = {}
    for split in ("train", "val"):
        own = _of_split(times, split).dropna(subset=["time"])
        of_epoch |= dict(zip(own["epoch"], own["time"], strict=True))
    return found["epoch"].map(of_epoch).astype(float)


def left_out_words(inputs: ReportInputs) -> str:
    """Return how many runs are not in a report because they did not end, as a sentence."""
    count = len(inputs.incomplete)
    if not count:
        return ""
    if count == 1:
        return "1 run that was found is left out: it has not ended, or not well."
    return f"{count} runs that were found are left out: they have not ended, or not well."
