"""Times and rates are of one device alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

_COLUMNS = ("device", "train_device", "device_name", "cuda_info", "hostname")


@dataclass(frozen=True)
class OneDevice:
    """The runs of the device that most runs were trained on.

    Attributes
    ----------
    name
        The device; None where no file says it.
    is_own
        Which runs are of it; all where none says theirs.
    """

    name: str | None
    is_own: pd.Series[bool]

    def words(self, what: str) -> str:
        """Return what device a time or rate is of, as a sentence."""
        if self.name is None:
            return f"The files do not say on which device: compare {what} with care."
        others = int((~self.is_own).sum())
        if not others:
            return f"{what[:1].upper()}{what[1:]} are of {self.name}."
        runs = "1 run on another device is" if others == 1 else f"{others} runs on others are"
        return f"{what[:1].upper()}{what[1:]} are of {self.name} alone: {runs} not drawn."


def one_device(runs: pd.DataFrame, columns: Sequence[str] = _COLUMNS) -> OneDevice:
    """Return the device of most runs; of equally many the first."""
    for column in columns:
        if column in runs and runs[column].notna().any():
            names = runs[column].astype(object).where(runs[column].notna(), "an unknown device")
            counts = names.value_counts(sort=False)
            name = str(counts.index[counts == counts.max()][0])
            return OneDevice(name, names.astype(str) == name)
    return OneDevice(None, pd.Series(True, runs.index))
