"""The resolved spec of each job: everything that decides its result, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from studygrid.grid import Run
from studygrid.study import Evaluation, Inference, Profiling, Size, Training


class Spec(BaseModel):
    """A spec, carried as JSON on the job's command line."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def to_json(self) -> str:
        """Return the spec as one line of JSON with sorted keys, the same for equal specs."""
        return to_json(self.model_dump(mode="json"))


def to_json(content: Any) -> str:
    """Return one line of JSON with sorted keys."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


class ShardSpec(Spec):
    """What `shard` needs: all that decides a shard, the fingerprint of its code among it."""

    family: str
    dataset: str
    name: str
    options: dict[str, Any]
    samples: NonNegativeInt
    code: str

    @property
    def stem(self) -> str:
        """Its files' name: one that is there is the right one, whichever study made it."""
        return f"{self.name}-{hashlib.sha256(self.to_json().encode()).hexdigest()[:16]}"


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


class InferSpec(Spec):
    """How a run's kept weights are scored again; which weights, its train record says."""

    metrics: list[str]
    split: Literal["test", "validation", "train"]
    batch_size: PositiveInt
    autocast: Literal["auto", True, False]
    persist_raw_scores: bool

    @classmethod
    def of(cls, settings: Inference, metrics: Iterable[str]) -> InferSpec:
        """Return the spec of an inference with a config's settings."""
        return cls(
            metrics=list(metrics),
            split=settings.dataset_split,
            batch_size=settings.batch_size,
            autocast=settings.autocast,
            persist_raw_scores=settings.persist_raw_scores,
        )


class ProfileSpec(ModelSpec):
    """A model at a resolution, and how to measure it."""

    channels_last: bool
    profiling: Profiling
