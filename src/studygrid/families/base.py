"""What a family is: the protocol between a kind of task and the rest of studygrid.

A family is declared by one `Family` value. The declaration is cheap to import: what needs
PyTorch stands behind a reference ``"module:name"`` and is loaded only in the job that runs it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from studygrid.study import Section

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

    from studygrid.families.prepared import PreparedData
    from studygrid.spec import ModelSpec, TrainSpec

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
Batch = tuple["torch.Tensor", ...]


def load_reference(reference: str) -> Any:
    """Import the object that ``"package.module:name"`` names."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def module_of(reference: str) -> str:
    """Return the module part of a reference."""
    return reference.partition(":")[0]


@dataclass(frozen=True)
class Metric:
    """A score of one split, pooled over all its samples.

    Attributes
    ----------
    compute
        Reference to ``f(predictions: Predictions) -> float``; it raises `Undefined` with the
        reason where the metric has no value.
    chance
        From the class shares of what is scored (samples, or pixels) to the score of a guesser
        that ignores the input; None where there is no such number.
    bounds
        Its lowest and its highest value, where it has both.
    same_as
        Name of a metric that it always equals, so that a ranking counts the two once.
    group
        Heading that reports put it under, where the family has many metrics.
    caution
        Why the best value of it is no merit by itself, where that is so.
    of_loss
        Whether it is in units of the loss that a model is trained with: of models with different
        losses such a number says nothing, so they are not ranked by it.
    """

    name: str
    label: str
    higher_is_better: bool
    unit: str
    definition: str
    source: str
    undefined: str
    compute: str
    chance: Callable[[Sequence[float]], float] | None = None
    bounds: tuple[float, float] | None = None
    same_as: str | None = None
    group: str = ""
    caution: str = ""
    of_loss: bool = False


class Undefined(Exception):  # noqa: N818 (a result, not an error)
    """A metric has no value here; the message says why."""


@dataclass(frozen=True)
class Shard:
    """A piece of raw data that a job of its own makes; all resolutions share it.

    Attributes
    ----------
    name
        A name in the dataset; the file's name has the hash of all that decides its content too.
    options
        What decides its content, in plain values.
    samples
        How many samples it is asked for: what its job costs.
    """

    name: str
    options: Mapping[str, Any]
    samples: int


def no_shards(options: Any) -> Sequence[Shard]:
    """Return no shard: of data that is there already."""
    return ()


@dataclass(frozen=True)
class Dataset:
    """A source of data.

    Attributes
    ----------
    options
        The config keys of the dataset beside its name.
    prepare
        Reference to ``f(options, resolution, folder, workers) -> PreparedParts``, which writes
        the arrays, in up to so many processes.
    train_size
        From the options to the size of the training split, without reading images.
    source
        From the options and a cache folder to text that changes when the raw data changes.
    check
        From the options to what is wrong with them, key and message, without reading images.
    refuses
        From the options and an architecture to why it cannot be trained on this data, without
        reading images; a config with such a run is refused.
    largest
        From the options to the largest resolution that it can be prepared at, and the key that
        says so; None where none is known without reading the data.
    workers
        Processes that its preparation can use.
    shards
        From the options to the pieces that are made before it is prepared. Where there are any,
        `prepare` takes their files too, ``shards={name: path}``.
    make_shard
        Reference to ``f(options: Mapping, file: Path) -> dict`` that writes a shard, as NPZ, and
        returns facts of it, the versions of what made it among them.
    """

    name: str
    options: type[Section]
    prepare: str
    train_size: Callable[[Any], int | None]
    source: Callable[[Any, Path], str]
    licence: str
    citation: str
    check: Callable[[Any], Sequence[tuple[str, str]]] = lambda options: ()
    refuses: Callable[[Any, Architecture], str | None] = lambda options, architecture: None
    largest: Callable[[Any], tuple[int, str] | None] = lambda options: None
    workers: int = 1
    shards: Callable[[Any], Sequence[Shard]] = no_shards
    make_shard: str = ""


@dataclass(frozen=True)
class Architecture:
    """A model's code: `build` refers to what the family's task calls to make the model.

    Attributes
    ----------
    fits
        Whether the model is made from the training subset at once (`FittingTask.fit`), without
        gradients: its run is one epoch of no steps, whatever the training section says.
    check
        From the options and a resolution to why the model cannot be built for it, as far as that
        can be told without importing a library; a config with such a run is refused.
    impossible
        Why it cannot be built at all.
    learns
        Whether it makes anything of the training subset. One that does not, like an iterative
        engine that works on the test data alone, is the same at each training-set size.
    loss
        Name of the loss, where the architecture decides which it is trained with.
    reads_loss
        Whether any option of the config's loss section is of that loss.
    """

    name: str
    build: str
    options: type[Section]
    fits: bool = False
    learns: bool = True
    loss: str = ""
    reads_loss: bool = True
    check: Callable[[Any, int], str | None] = lambda options, resolution: None
    impossible: str | None = None


@dataclass(frozen=True)
class Scores:
    """Scores of one split: each metric has a value or a reason why it has none.

    Attributes
    ----------
    class_shares
        Shares of the classes in what is scored, where there are classes.
    chance
        What a guesser that ignores the input scores, of metrics for which `Metric.chance` cannot
        tell it from class shares.
    facts
        What else a reader of the scores must know: a threshold that was chosen, say.
    tables
        Numbers in rows that figures are drawn from.
    per_sample
        Arrays that are kept beside the record where `evaluation.save_scores` says so.
    examples
        Small arrays that are always kept beside it: what a model made of a few samples.
    """

    values: dict[str, float | None]
    undefined: dict[str, str] = field(default_factory=dict)
    class_shares: tuple[float, ...] | None = None
    chance: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[list[int | float]]] = field(default_factory=dict)
    per_sample: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    examples: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class AppliedTask:
    """What a task really does in training; goes into the record's `applied`."""

    loss: dict[str, Any]
    augmentation: dict[str, Any]
    data_on_device: bool


class Task(Protocol):
    """A family's problem on one device, as training, evaluation and profiling see it."""

    def __init__(
        self, family: Family, spec: ModelSpec, data: PreparedData, device: torch.device
    ) -> None: ...

    def build_model(self) -> nn.Module:
        """Return a freshly initialised model, on the CPU."""
        ...

    def start_training(self, spec: TrainSpec, subset: np.ndarray[Any, Any]) -> None:
        """Load the training subset (indices into the arrays) and the loss that `spec` names."""
        ...

    def training_batch(self, positions: torch.Tensor, generator: torch.Generator) -> Batch:
        """Return the augmented samples at `positions` of the subset, on the device."""
        ...

    def training_loss(
        self, model: nn.Module, batch: Batch, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean loss of a batch, as it is optimised, and sums for `training_scores`.

        The sums, a vector of any length, are added up over the batches of an epoch, in float64.
        `progress` is the share of the run's steps that are made, from 0 to below 1.
        """
        ...

    def training_scores(self, sums: torch.Tensor) -> dict[str, float | None]:
        """Return the scores of an epoch's training batches from their added sums."""
        ...

    def score(
        self,
        model: nn.Module,
        split: Split,
        metrics: Sequence[str],
        batch_size: int,
        *,
        details: bool = True,
    ) -> Scores:
        """Score a model (in evaluation mode) on a whole split; `loss` is a metric too.

        Without `details` the values alone are wanted, as after each epoch.
        """
        ...

    def example(self, batch_size: int) -> Batch:
        """Return a made-up input of the model's shape, on the device."""
        ...

    def applied(self) -> AppliedTask:
        """Return the loss and augmentation in force, read back from the objects."""
        ...


class FittingTask(Task, Protocol):
    """A task some of whose architectures are fitted at once, and not trained in steps."""

    def fit(self, model: nn.Module) -> None:
        """Set what a model on the device is made of from the training subset."""
        ...


@dataclass(frozen=True)
class PixelMemory:
    """What networks that score each pixel keep: numbers for each pixel, whatever its channels.

    They are estimates, for the memory that a job on a CPU asks for.

    Attributes
    ----------
    trained
        Kept for the gradient.
    scored
        Kept at the peak of a pass without a gradient.
    at_once
        Pixels of all images that are scored at once, at most.
    """

    trained: int
    scored: int
    at_once: int


@dataclass(frozen=True)
class Family:
    """A kind of task that a study runs.

    One of its metrics is called ``loss``; training watches it for divergence.

    Attributes
    ----------
    find_architecture
        From a name to the architecture, or None; `architecture_names` are for suggestions.
    task
        Reference to the class that implements `Task`.
    resolution_is_task
        Whether another resolution makes another task, as another vocabulary does: scores are then
        ranked at one resolution alone.
    needs
        Modules that must be installed beside studygrid's own, and their packages.
    epoch_metrics
        Names of the metrics that are scored on the validation split after each epoch, beside
        the loss and the one that is monitored.
    stratum
        Name of the prepared array by whose values training subsets are stratified, or None.
    strata
        Names of these values where they are not the classes of the data.
    subset_facts
        Reference to ``f(data: PreparedData, indices) -> dict`` of what else a reader must know of
        a training subset (indices into the arrays), or None.
    tables
        References to what is kept of the test predictions beside the metrics, as numbers in
        rows: a confusion matrix, say.
    figures
        References to ``f(study: StudyResults) -> Drawing`` of the figures that only it has.
    sections
        References to ``f(study: StudyResults) -> Section | None`` of the sections that it adds
        to the report.
    pixel_memory
        Of a family whose networks score each pixel.
    """

    name: str
    title: str
    resolution_label: str
    resolution_unit: str
    datasets: Mapping[str, Dataset]
    find_architecture: Callable[[str], Architecture | None]
    architecture_names: Callable[[], Sequence[str]]
    loss: type[Section]
    augmentation: type[Section]
    metrics: tuple[Metric, ...]
    primary_metric: str
    task: str
    resolution_is_task: bool = False
    needs: Mapping[str, str] = field(default_factory=dict)
    epoch_metrics: tuple[str, ...] = ()
    stratum: str | None = None
    strata: tuple[str, ...] = ()
    subset_facts: str | None = None
    tables: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, str] = field(default_factory=dict)
    pixel_memory: PixelMemory | None = None

    def metric(self, name: str) -> Metric:
        """Return the metric of that name."""
        return next(metric for metric in self.metrics if metric.name == name)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of all metrics, in the order of the declaration."""
        return tuple(metric.name for metric in self.metrics)
