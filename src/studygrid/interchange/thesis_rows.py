"""One run of the facts layout in plain values, and its row in the table of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd

from studygrid.interchange.thesis import BASE_COLUMNS, METRIC

# The columns that every table of runs has, in this order; those of overrides come after.
COLUMNS: Final = (
    "run_dir",
    "encoder",
    "tokenizer",
    "seed",
    "latent_dim",
    "epochs",
    "best_epoch",
    "loss.total_best",
    "loss.total_final",
    "loss.recon_best",
    "loss.rec_globals_best",
    "total_time_s",
    "throughput_mean",
    "max_memory_mib_max",
    "metric_perplex_final",
    "model",
    "resolution",
    "n_train",
    "globals_weight",
    "loss_kind",
    "codebook_size",
    "dataset_name",
    "family",
    "study",
    "kept_epoch",
    "run_id",
    "git_commit",
    "device",
    "config_sha1",
    "train_record",
    "data_record",
)
TEST: Final = "test_"
# Metrics that are the reconstruction's part of a loss: the first that a run has counts.
_RECONSTRUCTION: Final = ("rec_tokens", "recon", "bce")
_GLOBALS: Final = ("rec_globals",)


@dataclass(frozen=True)
class FactsRun:
    """A run that has ended.

    Attributes
    ----------
    epochs
        One row an epoch and split: `BASE_COLUMNS` and ``metric_<name>``. Epochs count from 0.
    said
        What its config and records say, by `COLUMNS`.
    overrides
        Settings that have a column in any case, by dotted key: ``loss.globals_weight``.
    settings
        Those that have one only where runs differ in them.
    test
        Scores on the test split, by name.
    total_time_s
        Time of training in seconds; None where nothing says it.
    fallback_best
        The best validation loss, for a run whose epochs are gone.
    problems
        What is wrong with its files beside, each as a file's path in its folder and the reason.
    meaningless
        Columns that are null, whatever its epochs say: the loss of a model that has one of its
        own, say, which no other run's can be compared with.
    """

    run_dir: str
    epochs: pd.DataFrame
    said: Mapping[str, Any]
    overrides: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    test: Mapping[str, float | None] = field(default_factory=dict)
    total_time_s: float | None = None
    fallback_best: float | None = None
    problems: Sequence[tuple[Path, str]] = ()
    meaningless: Sequence[str] = ()


def epochs_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows of epochs as a frame with all base columns; what is not said is NaN."""
    names = dict.fromkeys([*BASE_COLUMNS, *(name for row in rows for name in row)])
    frame = pd.DataFrame([dict(row) for row in rows], columns=list(names))
    numbers = [name for name in names if name not in ("epoch", "split")]
    frame = frame.astype({"epoch": int, **dict.fromkeys(numbers, float)})
    return frame.reset_index(drop=True)


def runs_frame(runs: Sequence[FactsRun]) -> pd.DataFrame:
    """Return one row a run: `COLUMNS`, ``test_<metric>``, and a column for each override."""
    names = _override_columns(runs)
    scores = dict.fromkeys(name for run in runs for name in run.test)
    rows = []
    for run in runs:
        row = _row(run)
        row |= {f"{TEST}{name}": run.test.get(name) for name in scores}
        every = {**run.settings, **run.overrides}
        rows.append(row | {name: every.get(key) for key, name in names.items()})
    frame = pd.DataFrame(rows, columns=None if rows else list(COLUMNS))
    empty = [name for name in frame if frame[name].isna().all()]
    return frame.astype(dict.fromkeys(empty, float))


def _row(run: FactsRun) -> dict[str, Any]:
    row: dict[str, Any] = {**dict.fromkeys(COLUMNS), **run.said, "run_dir": run.run_dir}
    val = run.epochs.loc[run.epochs["split"] == "val"].sort_values("epoch", kind="stable")
    losses = val["val_loss"].dropna()
    row["epochs"] = run.epochs["epoch"].nunique()
    row["loss.total_best"] = run.fallback_best
    if len(losses):
        best = val.iloc[int(val["val_loss"].argmin())]
        row["best_epoch"] = int(best["epoch"])
        row["loss.total_best"] = float(best["val_loss"])
        row["loss.total_final"] = _number(val["val_loss"].iloc[-1])
        row["loss.recon_best"] = _first(best, _RECONSTRUCTION)
        row["loss.rec_globals_best"] = _first(best, _GLOBALS)
    if len(val):
        row["metric_perplex_final"] = _first(val.iloc[-1], ("perplex",))
    timed = val if len(val) else run.epochs
    row["total_time_s"] = run.total_time_s
    if run.total_time_s is None and timed["epoch_time_s"].notna().any():
        row["total_time_s"] = float(timed["epoch_time_s"].sum())
    row["throughput_mean"] = _mean_throughput(timed)
    row["max_memory_mib_max"] = _number(run.epochs["max_memory_mib"].max())
    return row | dict.fromkeys(run.meaningless)


def _mean_throughput(epochs: pd.DataFrame) -> float | None:
    """Return samples a second over all epochs: weighted by time, where the times are known."""
    known = epochs.loc[epochs["throughput"].notna()]
    times = known["epoch_time_s"]
    if times.notna().all() and times.sum() > 0:
        return float((known["throughput"] * times).sum() / times.sum())
    return _number(known["throughput"].mean())


def _first(row: pd.Series[Any], names: Iterable[str]) -> float | None:
    found = (_number(row[f"{METRIC}{name}"]) for name in names if f"{METRIC}{name}" in row)
    return next(found, None)


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _override_columns(runs: Sequence[FactsRun]) -> dict[str, str]:
    """Return the column of each override: its last word where that is free, else its key."""
    keys = dict.fromkeys(key for run in runs for key in run.overrides)
    keys |= dict.fromkeys(key for key in _differing(runs) if key not in keys)
    words = {key: key.replace("/", ".").rpartition(".")[2] for key in keys}
    counts = Counter(words.values())
    columns = {}
    for key, word in words.items():
        if word in COLUMNS:
            if not _says_the_same(runs, key, word):
                columns[key] = key
        else:
            columns[key] = word if counts[word] == 1 and not word.startswith(TEST) else key
    return columns


def _says_the_same(runs: Sequence[FactsRun], key: str, column: str) -> bool:
    """Tell whether an override repeats a column that every table has."""
    found = [(run.overrides.get(key), run.said.get(column)) for run in runs]
    return all(own is None or str(own) == str(said) for own, said in found)


def _differing(runs: Sequence[FactsRun]) -> list[str]:
    values: dict[str, set[str]] = {}
    for run in runs:
        for key, value in run.settings.items():
            values.setdefault(key, set()).add(repr(value))
    return [key for key, found in values.items() if len(found) > 1]
