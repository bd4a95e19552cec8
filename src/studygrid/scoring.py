"""What the jobs that score a run's kept weights share: its model, chance, arrays in files."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from studygrid.errors import RecordError
from studygrid.families import load_family
from studygrid.families.base import Family, Scores, Task, load_reference
from studygrid.families.prepared import PreparedData
from studygrid.records import TrainRecord, read_record, write_atomically
from studygrid.training.checkpoints import load


@dataclass(frozen=True)
class Kept:
    """A run's train record, and the data that it was trained on."""

    path: Path
    train: TrainRecord
    data: PreparedData

    @property
    def family(self) -> Family:
        """The run's family."""
        return load_family(self.train.spec.family)

    @classmethod
    def read(cls, train: Path, data: Path) -> Kept:
        """Read the two records.

        Raises
        ------
        RecordError
            If one of them cannot be used, or the run was trained on other data.
        """
        kept = cls(train, read_record(train, TrainRecord), PreparedData(data))
        if kept.train.data_sha256 != kept.data.record.sha256:
            raise RecordError(
                f"{train}: was trained on other data than {data} describes; "
                "delete it to train again"
            )
        return kept

    def task_and_model(
        self, device: torch.device, checkpoint: Path | None = None
    ) -> tuple[Task, nn.Module]:
        """Return the task and the model with the kept weights, on a device, to be scored.

        Parameters
        ----------
        checkpoint
            The file of the weights, where it does not lie beside the train record.

        Raises
        ------
        RecordError
            If the weights are missing, are other ones than the record names, cannot be read, or
            do not fit the model.
        """
        if self.train.checkpoint is None:
            raise RecordError(f"{self.path}: names no checkpoint; delete it to train again")
        path = checkpoint or self.path.parent / self.train.checkpoint.file
        task: Task = load_reference(self.family.task)(
            self.family, self.train.spec, self.data, device
        )
        model = task.build_model()
        weights = load(path, self.train.checkpoint.sha256)
        try:
            model.load_state_dict(weights["model"])
        except (RuntimeError, KeyError) as error:
            first = str(error).strip().splitlines()[:2]
            raise RecordError(
                f"{path}: does not fit the model {self.train.spec.model} "
                f"({self.train.spec.architecture}) as the code now builds it "
                f"({' '.join(map(str.strip, first))}); delete {self.path} to train again"
            ) from None
        model.to(device).eval()
        return task, model


def chance_of(family: Family, metrics: Iterable[str], scores: Scores) -> dict[str, float]:
    """Return what a guesser would score on the split, of metrics with such a number."""
    shares = scores.class_shares
    if shares is None:
        return scores.chance
    found = (family.metric(name) for name in metrics)
    of_shares = {metric.name: metric.chance(shares) for metric in found if metric.chance}
    return {**of_shares, **scores.chance}


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> str | None:
    """Write arrays as NPZ; without any, remove the file. Return its name, if there is one."""
    path.unlink(missing_ok=True)
    if not arrays:
        return None
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())
    return path.name
