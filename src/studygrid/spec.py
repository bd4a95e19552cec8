"""The resolved spec of each job: everything that decides its result, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from studygrid.grid import Run
from studygrid.study import Evaluation, Profiling, Size, Training


class Spec(BaseModel):
    """A spec, carried as JSON on the job's command line."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def to_json(self) -> str:
        """Return the spec as one line of JSON with sorted keys, the same for equal specs."""
        return to_json(self.model_dump(mode="json"))


def to_json(content: Any) -> str:
    """Return one line of JSON with sorted keys."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


class DataSpec(Spec):
    """What `prepare` needs; `source` changes when the raw data changes."""

    family: str
    dataset: str
    options: dict[str, Any]
    resolution: PositiveInt
    source: str


class ModelSpec(Spec):
    """A model at a resolution."""

    family: str
    model: str
    architecture: str
    options: dict[str, Any]
    resolution: PositiveInt


class TrainSpec(ModelSpec):
    """A run."""

    n_train: Size
    seed: NonNegativeInt
    training: Training
    loss: dict[str, Any]
    augmentation: dict[str, Any]

    @property
    def run(self) -> Run:
        """The run that it is of."""
        return Run(self.model, self.resolution, self.n_train, self.seed)


class EvaluateSpec(Spec):
    """How a run's kept weights are scored; which weights, its train record says."""

    metrics: list[str]
    evaluation: Evaluation


class ProfileSpec(ModelSpec):
    """A model at a resolution, and how to measure it."""

    channels_last: bool
    profiling: Profiling
