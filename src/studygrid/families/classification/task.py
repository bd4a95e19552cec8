"""Classification as the training loop sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from studygrid.families.base import (
    AppliedTask,
    Batch,
    Family,
    Scores,
    Split,
    load_reference,
)
from studygrid.families.classification.augmentation import Augmentation
from studygrid.families.classification.predictions import Predictions
from studygrid.families.networks.shape import InputShape
from studygrid.families.prepared import PreparedData
from studygrid.families.resident import Samples
from studygrid.families.scoring import metric_values, tables_of
from studygrid.spec import ModelSpec, TrainSpec


class ClassificationTask:
    """Images to one class each; see `studygrid.families.base.Task`.

    Parameters
    ----------
    family
        The declaration of this family: its architectures and metrics by name.
    spec
        The model and its resolution.
    data
        Prepared `images`, uint8 (samples, channels, side, side), and `labels`, int64 (samples,).
    device
        Where the model runs.
    """

    def __init__(
        self, family: Family, spec: ModelSpec, data: PreparedData, device: torch.device
    ) -> None:
        facts = data.record.facts
        self._family, self._spec = family, spec
        self._data, self._device = data, device
        self._images, self._labels = data.array("images"), data.array("labels")
        self._classes, self._channels = len(facts["classes"]), int(facts["channels"])
        self._mean, self._std = (
            torch.tensor(facts[key], dtype=torch.float32, device=device).view(1, -1, 1, 1)
            for key in ("mean", "std")
        )
        self._splits: dict[str, Samples] = {}

    def build_model(self) -> nn.Module:
        """Return a freshly initialised model, on the CPU."""
        architecture = self._family.find_architecture(self._spec.architecture)
        assert architecture is not None
        shape = InputShape(self._channels, self._classes, self._spec.resolution)
        options = architecture.options.model_validate(self._spec.options)
        model: nn.Module = load_reference(architecture.build)(shape, options, architecture.name)
        return model

    def start_training(self, spec: TrainSpec, subset: np.ndarray[Any, Any]) -> None:
        """Load the training subset and the loss."""
        self._train_images = Samples(self._images, subset, self._device)
        labels = torch.from_numpy(np.asarray(self._labels[subset])).to(self._device)
        self._train_labels = labels
        weight = None
        if spec.loss["class_weights"] == "balanced":
            counts = torch.bincount(labels, minlength=self._classes).float()
            weight = len(labels) / (counts.count_nonzero() * counts.clamp(min=1))
        self._loss = nn.CrossEntropyLoss(
            weight, label_smoothing=spec.loss["label_smoothing"], reduction="none"
        )
        self._augmentation = Augmentation(**spec.augmentation)

    def training_batch(self, positions: torch.Tensor, generator: torch.Generator) -> Batch:
        """Return normalised, augmented images and their labels."""
        images = self._normalised(self._train_images.take(positions))
        return self._augmentation(images, generator), self._train_labels[positions.to(self._device)]

    def training_loss(
        self, model: nn.Module, batch: Batch, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean cross-entropy of a batch; how many are right, and of how many.

        Class weights, whose mean over the subset is 1, are not normalised by each batch: its
        loss is then the mean of its parts' losses, whatever classes each part holds.
        """
        images, labels = batch
        logits = model(images)
        losses: torch.Tensor = self._loss(logits, labels)
        right = (logits.detach().argmax(dim=1) == labels).sum()
        return losses.mean(), torch.stack([right, torch.full_like(right, len(labels))])

    def training_scores(self, sums: torch.Tensor) -> dict[str, float | None]:
        """Return the share of the epoch's augmented training samples that were right."""
        right, count = sums.tolist()
        return {"accuracy": right / count}

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
        """Score a model on a whole split, in float32."""
        predictions = self._predict(model, split, batch_size)
        values, undefined = metric_values(self._family, metrics, predictions)
        if not details:
            return Scores(values, undefined)
        counts = np.bincount(predictions.labels, minlength=self._classes)
        per_sample = {
            "index": self._data.indices(split),
            "label": predictions.labels,
            "probabilities": predictions.probabilities.astype(np.float32),
        }
        return Scores(
            values,
            undefined,
            class_shares=tuple(float(share) for share in counts / counts.sum()),
            tables=tables_of(self._family, predictions),
            per_sample=per_sample,
        )

    def _predict(self, model: nn.Module, split: Split, batch_size: int) -> Predictions:
        if split not in self._splits:
            indices = self._data.indices(split)
            self._splits[split] = Samples(self._images, indices, self._device)
        samples = self._splits[split]
        logits = torch.cat(
            [
                model(self._normalised(samples.take(positions))).float()
                for positions in torch.split(torch.arange(len(samples)), batch_size)
            ]
        )
        log_probabilities = functional.log_softmax(logits.double(), dim=1).cpu().numpy()
        labels = np.asarray(self._labels[self._data.indices(split)])
        return Predictions(labels, np.exp(log_probabilities), log_probabilities)

    def example(self, batch_size: int) -> Batch:
        """Return images of random pixels."""
        side = self._spec.resolution
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(batch_size, self._channels, side, side, generator=generator)
        return (images.to(self._device),)

    def applied(self) -> AppliedTask:
        """Return the loss, the augmentation and where the training images lie."""
        weight = self._loss.weight
        return AppliedTask(
            loss={
                "class": type(self._loss).__name__,
                "label_smoothing": self._loss.label_smoothing,
                "class_weights": None if weight is None else weight.tolist(),
            },
            augmentation=self._augmentation.describe(),
            data_on_device=self._train_images.on_device,
        )

    def _normalised(self, images: torch.Tensor) -> torch.Tensor:
        # At least a grey level: a channel that is constant in training has no spread.
        return (images.float() - self._mean) / self._std.clamp(min=1.0)
