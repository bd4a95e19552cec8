"""The config of a study as typed models: the only home of defaults and descriptions."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from studygrid.axes import AXES as AXES
from studygrid.axes import Axes, BatchSizes, Names, Resolutions, SeedList, Seeds, Sizes
from studygrid.axes import Size as Size
from studygrid.section import Probability as Probability
from studygrid.section import Section as Section
from studygrid.section import Share, read_number

Weight = Annotated[PositiveFloat, BeforeValidator(read_number)]


class AxisValues(Section):
    """Values of some axes; several keys mean AND, a list means any of its values."""

    model: Names | None = Field(None, description="Models or presets.")
    resolution: Resolutions | None = Field(None, description="Resolutions.")
    n_train: Sizes | None = Field(None, description="Training-set sizes.")
    seed: SeedList | None = Field(None, description="Seeds, each by its number.")

    @model_validator(mode="after")
    def _not_empty(self) -> AxisValues:
        if all(getattr(self, axis) is None for axis in AXES):
            raise ValueError(f"should name at least one axis of {', '.join(AXES)}")
        return self


class Grid(Section):
    """The axes of the study, and which of their combinations are run."""

    model: Names = Field(
        ["all"], description="Models or presets to run, in this order; `all` is every model."
    )
    resolution: Resolutions = Field(
        ..., description="What the family calls its resolution: the image side in px, say."
    )
    n_train: Sizes = Field(
        ["all"], description="Training-set sizes; `all` is the whole training split."
    )
    seed: Seeds = Field(list(range(3)), description="A count (3 means 0, 1, 2) or a list of seeds.")
    zip: Axes = Field(
        [], description="Axes of equal length that move together in place of being multiplied."
    )
    exclude: list[AxisValues] = Field(
        [], description="Combinations to leave out; several keys in one entry mean AND."
    )
    include: list[AxisValues] = Field(
        [],
        description="Combinations to add after `exclude`; an axis that is not named takes "
        "all its values.",
    )


class EarlyStopping(Section):
    """When to stop before the budget is spent."""

    patience: PositiveInt | None = Field(
        None, description="Epochs without improvement before stopping; null never stops early."
    )
    warmup: NonNegativeInt = Field(0, description="Epochs in which patience is not counted.")
    min_delta: NonNegativeFloat = Field(0.0, description="The least change that is an improvement.")


class FixedStreams(Section):
    """Streams of random numbers held at a seed of their own in every run."""

    initialisation: NonNegativeInt | None = Field(None, description="Initial weights.")
    order: NonNegativeInt | None = Field(None, description="Order of the training samples.")
    augmentation: NonNegativeInt | None = Field(None, description="Augmentation and dropout.")
    subset: NonNegativeInt | None = Field(None, description="Which samples are trained on.")


class Training(Section):
    """How every model is trained, unless it overrides an option."""

    epochs: PositiveInt | None = Field(
        20, description="Budget in passes over the training subset. Give this or `steps`."
    )
    steps: PositiveInt | None = Field(
        None,
        description="Budget in optimiser steps, equal for every training-set size. An epoch is "
        "then `steps / validations` steps.",
    )
    validations: PositiveInt = Field(
        10, description="With `steps`: how many epochs (each ends in a validation) to cut it into."
    )
    batch_size: PositiveInt = Field(
        32, description="Samples an optimiser step; never more than the training subset has."
    )
    accumulation: PositiveInt = Field(
        1, description="Parts that a batch is cut into; the gradient is of the whole batch."
    )
    optimizer: Literal["sgd", "adam", "adamw"] = Field("adamw", description="Optimiser.")
    learning_rate: PositiveFloat = Field(1e-3, description="Peak learning rate.")
    momentum: Share = Field(0.9, description="Momentum of `sgd`.")
    weight_decay: NonNegativeFloat = Field(1e-4, description="Weight decay of the optimiser.")
    schedule: Literal["constant", "cosine", "step"] = Field(
        "cosine", description="Learning rate after warm-up: constant, cosine to zero, or steps."
    )
    step_epochs: PositiveInt = Field(
        10, description="With `schedule: step`: epochs between two steps."
    )
    step_factor: Annotated[float, Field(gt=0, le=1)] = Field(
        0.1, description="With `schedule: step`: what each step multiplies the rate by."
    )
    warmup: Share = Field(
        0.0, description="Part of the budget in which the learning rate rises linearly."
    )
    on_oom: Literal["result", "halve"] = Field(
        "result",
        description="When the device's memory runs out: `result` ends the run so; `halve` starts "
        "it again with micro-batches of half the size and gradients of the same batch.",
    )
    gradient_clip: PositiveFloat | None = Field(
        None, description="Largest gradient norm; null does not clip."
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="`auto`: bfloat16 on a CUDA device that has it, else float32."
    )
    channels_last: bool = Field(False, description="Memory layout of images and convolutions.")
    compile: bool = Field(False, description="Compile the model with torch.compile.")
    deterministic: bool = Field(
        True, description="Only algorithms that give the same bits twice (slower on CUDA)."
    )
    monitor: str = Field(
        "loss",
        description="Validation score that picks the weights to keep: `loss`, or a metric.",
    )
    early_stopping: EarlyStopping = Field(EarlyStopping(), description=EarlyStopping.__doc__)
    fixed_streams: FixedStreams = Field(FixedStreams(), description=FixedStreams.__doc__)

    @model_validator(mode="before")
    @classmethod
    def _steps_replace_default_epochs(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("steps") is not None:
            return {"epochs": None, **values}
        return values

    @model_validator(mode="after")
    def _one_budget(self) -> Training:
        if self.epochs is not None and self.steps is not None:
            raise ValueError(
                f"`epochs` ({self.epochs}) and `steps` ({self.steps}) are both given; keep one"
            )
        if self.epochs is None and self.steps is None:
            raise ValueError("the budget is missing; give `epochs` or `steps`")
        if self.steps is not None and self.validations > self.steps:
            raise ValueError(
                f"`validations` ({self.validations}) should not exceed `steps` ({self.steps})"
            )
        if self.accumulation > self.batch_size:
            raise ValueError(
                f"`accumulation` ({self.accumulation}) should not exceed `batch_size` "
                f"({self.batch_size})"
            )
        return self


class ModelConfig(Section):
    """A named configuration: an architecture and what it changes of the sections below."""

    architecture: str | None = Field(
        None, description="The architecture; the model's own name when left out."
    )
    options: dict[str, Any] = Field({}, description="Options of the architecture.")
    training: dict[str, Any] = Field({}, description="Training options that differ for this model.")
    loss: dict[str, Any] = Field({}, description="Loss options that differ for this model.")
    augmentation: dict[str, Any] = Field(
        {}, description="Augmentation options that differ for this model."
    )


class Evaluation(Section):
    """How the kept weights are scored on the test split."""

    batch_size: PositiveInt = Field(256, description="Samples scored at once.")
    save_scores: bool = Field(False, description="Keep every sample's scores as scores.npz.")


def _whole_name(value: Any) -> Any:
    return {"val": "validation"}.get(value, value) if isinstance(value, str) else value


class Inference(Section):
    """How the kept weights are scored once more, on any split, without training."""

    enabled: bool = Field(False, description="Whether `all` does this too.")
    batch_size: PositiveInt = Field(
        512, description="Samples scored at once; no score depends on it."
    )
    autocast: Literal["auto", True, False] = Field(
        "auto",
        description="Whether networks compute in bfloat16; `auto`: on a CUDA device that has it. "
        "What that changes is measured and recorded.",
    )
    dataset_split: Annotated[
        Literal["test", "validation", "train"], BeforeValidator(_whole_name)
    ] = Field("test", description="Split to score; `val` is `validation`, `train` all of it.")
    persist_raw_scores: bool = Field(
        False, description="Keep every sample's scores as inference_scores.npz."
    )


class Profiling(Section):
    """How the cost of inference is measured."""

    enabled: bool = Field(True, description="Whether to profile at all.")
    batch_sizes: BatchSizes = Field([1, 32], description="Batch sizes to measure.")
    threads: PositiveInt = Field(1, description="CPU threads while measuring.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="As in `training`."
    )
    measure_sec: PositiveFloat = Field(
        0.5, description="Time to spend on each batch size, after warm-up."
    )
    min_repeats: PositiveInt = Field(20, description="Least number of timed batches.")
    warmup_sec: PositiveFloat = Field(
        2.0, description="Longest warm-up; it ends sooner once the times are steady."
    )


class Ranking(Section):
    """How the report ranks cells by several metrics at once."""

    weights: dict[str, Weight] = Field(
        {},
        description="Metrics and their weights, such as `{f1: 2, recall: 1}`: only what they are "
        "to each other counts. Without any, cells are ranked by `report.metric` alone.",
    )


class Report(Section):
    """What the tables and figures show."""

    metric: str | None = Field(
        None, description="The test metric of the figures; the family's own when left out."
    )
    figures: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="The figures to draw, in this order; all when left out."
    )
    threshold: float | None = Field(
        None,
        description="Validation score of the figure time_to_threshold; when left out, the one "
        "that three quarters of the runs reach.",
    )
    ranking: Ranking = Field(Ranking(), description=Ranking.__doc__)


def _folder(value: str) -> str:
    path = posixpath.normpath(value)
    if not path.strip("./ "):
        raise ValueError("should be a folder of its own, such as results")
    if re.search(r"[{}\\\x00-\x1f\x7f]|^[~-]|:/", path):
        raise ValueError(
            "should be a folder's path, without braces, backslashes and control characters, "
            "and without ~ or - at its start"
        )
    return path


class Execution(Section):
    """How jobs run; nothing here changes a result, and none but `shards` re-runs a job."""

    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="`auto`: CUDA where there is one."
    )
    runs_per_gpu: PositiveInt = Field(
        1, description="Jobs that share a GPU at most, on a machine without a scheduler's say."
    )
    resume_share: Share = Field(
        0.05,
        description="Part of the training time that resume points may take: one is written after "
        "each epoch, or after fewer where that takes longer. 0 writes one only when stopped.",
    )
    warm_workers: bool = Field(
        True, description="Fork local jobs from a process that has PyTorch loaded already."
    )
    shards: Annotated[str, AfterValidator(_folder)] = Field(
        "data/shards",
        description="Folder of generated shards, which all studies share: a shard's name holds "
        "the hash of all that decides it. Another folder is filled anew, and the study run again.",
    )


class Study(Section):
    """One config file, one results folder."""

    name: str = Field("study", description="Title of the tables and figures.")
    family: str = Field(
        ..., description="A family's name, or `path/to/file.py:NAME` for a family of your own."
    )
    dataset: dict[str, Any] = Field(..., description="The dataset's `name` and its options.")
    models: Annotated[dict[str, ModelConfig | None], Field(min_length=1)] = Field(
        ..., description="Named configurations."
    )
    presets: dict[str, Names] = Field({}, description="Named subsets of the models.")
    grid: Grid = Field(..., description=Grid.__doc__)
    training: Training = Field(Training(), description=Training.__doc__)
    loss: dict[str, Any] = Field({}, description="Options of the family's loss.")
    augmentation: dict[str, Any] = Field({}, description="Options of the family's augmentation.")
    evaluation: Evaluation = Field(Evaluation(), description=Evaluation.__doc__)
    inference: Inference = Field(Inference(), description=Inference.__doc__)
    profiling: Profiling = Field(Profiling(), description=Profiling.__doc__)
    report: Report = Field(Report(), description=Report.__doc__)
    execution: Execution = Field(Execution(), description=Execution.__doc__)
    results: Annotated[str, AfterValidator(_folder)] = Field(
        "results", description="Folder of everything that the study writes."
    )
