"""Tag VAEs as the training loop sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from studygrid.families.base import (
    AppliedTask,
    Batch,
    Family,
    Scores,
    Split,
    load_reference,
)
from studygrid.families.prepared import PreparedData
from studygrid.families.resident import Samples
from studygrid.families.scoring import Table, metric_values, tables_of
from studygrid.families.tagvae import scoring
from studygrid.families.tagvae.losses import TagLoss, bce_of_rows, training_scores, training_sums
from studygrid.families.tagvae.models.tag_model import (
    FittedModel,
    Reconstruction,
    TagModel,
    TagShape,
)
from studygrid.families.tagvae.options import LossOptions
from studygrid.spec import ModelSpec, TrainSpec

# By reference: no training depends on it. That of an evaluation does so by the family's tables,
# which are of the same module.
_FINDINGS = "studygrid.families.tagvae.findings"
_KEPT = ("facts", "latent_units", "per_sample", "examples")
_DENSITY = 0.05


class TagVaeTask:
    """Rows of tags to themselves; see `studygrid.families.base.FittingTask`.

    Parameters
    ----------
    family
        The declaration of this family: its architectures and metrics by name.
    spec
        The model and its resolution, the size of the vocabulary.
    data
        Prepared `tags`, uint8 (rows, tags), 0 and 1.
    device
        Where the model runs.
    """

    def __init__(
        self, family: Family, spec: ModelSpec, data: PreparedData, device: torch.device
    ) -> None:
        self._family, self._spec = family, spec
        self._data, self._device = data, device
        self._tags = data.array("tags")
        self._loss = TagLoss(
            LossOptions.model_validate(spec.loss) if isinstance(spec, TrainSpec) else LossOptions()
        )
        self._splits: dict[str, tuple[NDArray[np.uint8], Samples]] = {}

    def build_model(self) -> nn.Module:
        """Return a freshly initialised model, on the CPU."""
        architecture = self._family.find_architecture(self._spec.architecture)
        assert architecture is not None
        options = architecture.options.model_validate(self._spec.options)
        # Of a model that looks through its training rows a profile measures the most expensive.
        profiled = not isinstance(self._spec, TrainSpec)
        rows = self._data.record.splits["train"].count if profiled else 0
        shape = TagShape(self._tags.shape[1], rows)
        model: TagModel = load_reference(architecture.build)(shape, options, architecture.name)
        return model

    def start_training(self, spec: TrainSpec, subset: np.ndarray[Any, Any]) -> None:
        """Load the training subset."""
        self._train = Samples(self._tags, subset, self._device)

    def fit(self, model: nn.Module) -> None:
        """Set what a model on the device is made of from the training subset."""
        assert isinstance(model, FittedModel)
        model.fit(self._train.take(torch.arange(len(self._train))))

    def training_batch(self, positions: torch.Tensor, generator: torch.Generator) -> Batch:
        """Return rows of tags; the model itself drops some of them."""
        return (self._train.take(positions).float(),)

    def training_loss(
        self, model: nn.Module, batch: Batch, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean loss of the rows at the beta of this moment, and sums for the scores."""
        (tags,) = batch
        found: Reconstruction = model(tags)
        bce, kl = bce_of_rows(found.logits, tags), found.kl.sum(dim=1)
        loss = self._loss(bce, kl, self._loss.beta_at(progress))
        return loss, training_sums(found, tags, bce, kl)

    def training_scores(self, sums: torch.Tensor) -> dict[str, float | None]:
        """Return the scores of an epoch's training batches as they were in training, pooled."""
        return training_scores(sums)

    @torch.inference_mode()
    def score(
        self,
        model: nn.Module,
        split: Split,
        metrics: Sequence[str],
        batch_size: int,
        *,
        details: bool = True,
    ) -> Scores:
        """Score a model on a whole split, in float32; the loss counts the whole of beta."""
        assert isinstance(model, TagModel)
        tags, samples = self._rows(split)
        found = scoring.score_split(
            model,
            _batches(samples, batch_size),
            tags,
            self._loss.beta,
            seed=self._spec.seed if isinstance(self._spec, TrainSpec) else 0,
            samples=any(name.startswith("prior_") for name in metrics),
        )
        values, undefined = metric_values(self._family, metrics, found.predictions)
        if not details:
            return Scores(values, undefined)
        findings = {name: load_reference(f"{_FINDINGS}:{name}") for name in _KEPT}
        tables = tables_of(self._family, found.predictions)
        units: Table | None = findings["latent_units"](found)
        if units is not None:
            tables["latent_units"] = units
        return Scores(
            values,
            undefined,
            facts=findings["facts"](found),
            tables=tables,
            per_sample=findings["per_sample"](found.predictions, self._data.indices(split)),
            examples=findings["examples"](found.predictions),
        )

    def _rows(self, split: Split) -> tuple[NDArray[np.uint8], Samples]:
        """Return the rows of a split, as they are scored and as the model takes them."""
        if split not in self._splits:
            indices = self._data.indices(split)
            tags = np.asarray(self._tags[indices])
            self._splits[split] = tags, Samples(self._tags, indices, self._device)
        return self._splits[split]

    def example(self, batch_size: int) -> Batch:
        """Return rows of random tags."""
        generator = torch.Generator().manual_seed(0)
        uniform = torch.rand(batch_size, self._tags.shape[1], generator=generator)
        return ((uniform < _DENSITY).float().to(self._device),)

    def applied(self) -> AppliedTask:
        """Return the loss in force, and where the training rows lie."""
        return AppliedTask(
            loss=self._loss.describe(), augmentation={}, data_on_device=self._train.on_device
        )


def _batches(samples: Samples, size: int) -> Iterator[torch.Tensor]:
    for positions in torch.split(torch.arange(len(samples)), size):
        yield samples.take(positions).float()
