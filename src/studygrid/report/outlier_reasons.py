"""What else is unusual in the records of a run: found by rule, and said without a guess why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import pandas as pd

from studygrid.axes import AXES
from studygrid.report.curve_rules import curve_verdicts
from studygrid.report.judged_runs import judged_runs
from studygrid.report.numbers import number
from studygrid.results.study_results import StudyResults

_CELL = list(AXES[:-1])
_NOTHING = "nothing"
# Judged by the same rule as the score.
_NUMBERS = {
    "best_validation_loss": "best validation loss",
    "final_train_loss": "training loss of the last epoch",
    "best_epoch": "kept epoch",
    "epochs": "number of epochs",
}
# Unusual where the other runs of the cell agree on another value.
_NAMED: Mapping[str, Callable[[Any], str]] = {
    "stopped_by": lambda value: f"stopped by {str(value).replace('_', ' ')}",
    "train_device": lambda value: f"trained on {value}",
    "precision": lambda value: f"trained in {value}",
    "batch_size": lambda value: f"batches of {value:.0f}",
    "train_code": lambda value: f"trained by code {value}",
}
_CURVE = {
    "overfits": "overfits by its curve",
    "improving": "still improving at its end",
    "never_better": "never better than after its first epoch",
}

COMPARED = (
    f"{', '.join(_NUMBERS.values())} (by the same rule), and how it was stopped, device, "
    "precision, batch size, code and the verdicts on its curve (where the other runs of its cell "
    "agree on another)"
)


class Reasons:
    """What is unusual in the records of runs, beside those of their cells."""

    def __init__(self, study: StudyResults) -> None:
        self._study = study
        codes = {
            (run.model, run.resolution, str(run.n_train), run.seed): facts.origin.train_code
            for run, facts in study.facts.items()
        }
        frame = study.frame.loc[study.frame["status"] == "ok"]
        keys = frame[list(AXES)].itertuples(index=False, name=None)
        found = pd.Series([codes.get(key) for key in keys], index=frame.index, dtype=object)
        self._frame = frame.assign(train_code=found)

    def of(self, run: Mapping[Any, Any]) -> str:
        """Return what is unusual in the records of a run, of which the axes are given."""
        own, others = _beside(self._frame, run)
        record = own.iloc[0]
        found = [
            *self._numbers(run, record, others),
            *_named(record, others),
            *_curve(*_beside(self._verdicts, run)),
        ]
        return "; ".join(found) or _NOTHING

    def _numbers(
        self, run: Mapping[Any, Any], record: pd.Series[Any], others: pd.DataFrame
    ) -> list[str]:
        words = []
        for column, name in _NUMBERS.items():
            if _beside(self._outliers[column], run)[0].empty:
                continue
            ends = [_written(others[column].min()), _written(others[column].max())]
            words.append(
                f"{name} {_written(record[column])} (the others {' to '.join(dict.fromkeys(ends))})"
            )
        return words

    @cached_property
    def _outliers(self) -> dict[str, pd.DataFrame]:
        """The runs that are outliers in each of the numbers."""
        judged = {column: judged_runs(self._frame, column).runs for column in _NUMBERS}
        return {column: runs.loc[runs["outside"].astype(bool)] for column, runs in judged.items()}

    @cached_property
    def _verdicts(self) -> pd.DataFrame:
        return curve_verdicts(self._study)


def _beside(frame: pd.DataFrame, run: Mapping[Any, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the row of a run, and those of the other runs of its cell."""
    cell = frame.loc[(frame[_CELL] == [run[axis] for axis in _CELL]).all(axis=1)]
    is_own = cell["seed"] == run["seed"]
    return cell.loc[is_own], cell.loc[~is_own]


def _written(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else number(float(value))


def _named(record: pd.Series[Any], others: pd.DataFrame) -> list[str]:
    words = []
    for column, say in _NAMED.items():
        values = set(others[column].dropna())
        own = record[column]
        if len(values) == 1 and not pd.isna(own) and own not in values:
            words.append(f"{say(own)} (the others {say(values.pop())})")
    return words


def _curve(own: pd.DataFrame, others: pd.DataFrame) -> list[str]:
    """Return what the curve of a run is, and that of no other run of its cell."""
    if own.empty or others.empty:
        return []
    return [
        f"{words}, unlike the others"
        for column, words in _CURVE.items()
        if own[column].eq(True).iloc[0] and not others[column].eq(True).any()
    ]
