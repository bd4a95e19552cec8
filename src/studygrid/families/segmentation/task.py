"""Segmentation as the training loop sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from studygrid.families.base import (
    AppliedTask,
    Batch,
    Family,
    Scores,
    Split,
    load_reference,
)
from studygrid.families.networks.shape import InputShape
from studygrid.families.prepared import PreparedData
from studygrid.families.resident import Samples
from studygrid.families.scoring import Table, metric_values, tables_of
from studygrid.families.segmentation import counting
from studygrid.families.segmentation.augmentation import Augmentation
from studygrid.families.segmentation.losses import SegmentationLoss
from studygrid.families.segmentation.memory import PX_AT_ONCE
from studygrid.families.segmentation.options import AugmentationOptions, LossOptions
from studygrid.families.segmentation.overlap import image_scores
from studygrid.families.segmentation.predictions import Predictions
from studygrid.families.segmentation.scoring import (
    SplitCounts,
    choose_examples,
    count_split,
)
from studygrid.families.segmentation.thresholds import (
    ChosenThreshold,
    choose_threshold,
    confusion_at,
    precision_recall_rows,
)
from studygrid.families.segmentation.widths import iou_by_width_rows, mask_width_px
from studygrid.spec import ModelSpec, TrainSpec


class SegmentationTask:
    """Images to a class for each pixel; see `studygrid.families.base.Task`.

    Parameters
    ----------
    family
        The declaration of this family: its architectures and metrics by name.
    spec
        The model and its resolution.
    data
        Prepared `images`, uint8 (samples, channels, side, side), and `masks`, uint8 (samples,
        side, side).
    device
        Where the model runs.
    """

    def __init__(
        self, family: Family, spec: ModelSpec, data: PreparedData, device: torch.device
    ) -> None:
        facts = data.record.facts
        self._family, self._spec = family, spec
        self._data, self._device = data, device
        self._images, self._masks = data.array("images"), data.array("masks")
        self._classes, self._channels = len(facts["classes"]), int(facts["channels"])
        self._mean, self._std = (
            torch.tensor(facts[key], dtype=torch.float32, device=device).view(1, -1, 1, 1)
            for key in ("mean", "std")
        )
        loss = spec.loss if isinstance(spec, TrainSpec) else {}
        self._loss = SegmentationLoss(LossOptions.model_validate(loss), self._classes)
        self._splits: dict[str, tuple[Samples, Samples]] = {}

    def build_model(self) -> nn.Module:
        """Return a freshly initialised model, on the CPU."""
        architecture = self._family.find_architecture(self._spec.architecture)
        assert architecture is not None
        outputs = 1 if self._classes == 2 else self._classes
        shape = InputShape(self._channels, outputs, self._spec.resolution)
        options = architecture.options.model_validate(self._spec.options)
        model: nn.Module = load_reference(architecture.build)(shape, options, architecture.name)
        return model

    def start_training(self, spec: TrainSpec, subset: np.ndarray[Any, Any]) -> None:
        """Load the training subset."""
        self._train_images = Samples(self._images, subset, self._device)
        self._train_masks = Samples(self._masks, subset, self._device)
        self._augmentation = Augmentation(AugmentationOptions.model_validate(spec.augmentation))

    def training_batch(self, positions: torch.Tensor, generator: torch.Generator) -> Batch:
        """Return normalised, augmented images and their masks."""
        images = self._normalised(self._train_images.take(positions))
        return self._augmentation(images, self._train_masks.take(positions), generator)

    def training_loss(
        self, model: nn.Module, batch: Batch, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean of the images' losses, and the pixels of each class taken for each."""
        images, masks = batch
        logits = model(images)
        loss: torch.Tensor = self._loss(logits, masks)
        return loss.mean(), counting.training_sums(logits, masks, self._classes)

    def training_scores(self, sums: torch.Tensor) -> dict[str, float | None]:
        """Return the scores of an epoch's augmented training images, pooled."""
        return counting.training_scores(sums, self._classes)

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
        # A curve and a threshold are of the probability of one foreground class.
        tuned = self._classes == 2 and any(name.endswith("_tuned") for name in metrics)
        counts = self._count(
            model,
            split,
            batch_size,
            boundaries=any(name.startswith("boundary") for name in metrics),
            histograms=tuned,
        )
        threshold = None
        if tuned:
            own = counts if split == "validation" else None
            threshold = self._choose_threshold(model, batch_size, own)
        predictions = _predictions(counts, threshold)
        values, undefined = metric_values(self._family, metrics, predictions)
        if not details:
            return Scores(values, undefined)
        return Scores(
            values,
            undefined,
            class_shares=_class_shares(predictions),
            facts=_facts(predictions, threshold),
            tables=self._tables(split, predictions, counts),
            per_sample=self._per_sample(split, predictions),
            examples=self._examples(model, split, predictions),
        )

    def _count(
        self,
        model: nn.Module,
        split: Split,
        batch_size: int,
        *,
        boundaries: bool = False,
        histograms: bool = False,
    ) -> SplitCounts:
        return count_split(
            model,
            self._batches(split, batch_size),
            self._loss,
            self._classes,
            boundaries=boundaries,
            histograms=histograms,
        )

    def _choose_threshold(
        self, model: nn.Module, batch_size: int, counts: SplitCounts | None
    ) -> ChosenThreshold:
        counts = counts or self._count(model, "validation", batch_size, histograms=True)
        assert counts.histograms is not None
        return choose_threshold(counts.histograms)

    def _batches(
        self, split: Split, batch_size: int
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        images, masks = self._samples(split)
        most = max(1, PX_AT_ONCE // self._spec.resolution**2)
        for positions in torch.split(torch.arange(len(images)), min(batch_size, most)):
            yield self._normalised(images.take(positions)), masks.take(positions)

    def _samples(self, split: Split) -> tuple[Samples, Samples]:
        if split not in self._splits:
            indices = self._data.indices(split)
            self._splits[split] = (
                Samples(self._images, indices, self._device),
                Samples(self._masks, indices, self._device),
            )
        return self._splits[split]

    def _tables(
        self, split: Split, predictions: Predictions, counts: SplitCounts
    ) -> dict[str, Table]:
        tables = tables_of(self._family, predictions)
        if tables:
            shares = self._widths(split, predictions) / self._spec.resolution
            tables["iou_by_width"] = iou_by_width_rows(shares, predictions.confusion)
            if counts.histograms is not None:
                tables["precision_recall"] = precision_recall_rows(counts.histograms)
        return tables

    def _widths(self, split: Split, predictions: Predictions) -> np.ndarray[Any, Any]:
        """Return the width of each mask; those of the test split were measured when prepared."""
        indices = self._data.indices(split)
        widths = np.array(self._data.array("width_px")[indices])
        for position in np.flatnonzero(np.isnan(widths) & (predictions.foreground_px > 0)):
            widths[position] = mask_width_px(self._masks[indices[position]])
        return widths

    def _per_sample(
        self, split: Split, predictions: Predictions
    ) -> dict[str, np.ndarray[Any, Any]]:
        return {
            "index": self._data.indices(split),
            "loss": predictions.losses,
            "iou": image_scores("iou", predictions.confusion),
            "f1": image_scores("f1", predictions.confusion),
            "foreground_px": predictions.foreground_px,
            "predicted_px": predictions.predicted_px,
            "true_positive_px": predictions.true_positive_px,
            "width_px": self._widths(split, predictions),
        }

    def _examples(
        self, model: nn.Module, split: Split, predictions: Predictions
    ) -> dict[str, np.ndarray[Any, Any]]:
        """Return what the model makes of the best, the median and the worst images."""
        ious = image_scores("iou", predictions.confusion)
        chosen = choose_examples(ious, predictions.foreground_px)
        if not chosen:
            return {}
        positions = torch.tensor([position for _, position in chosen])
        images = self._samples(split)[0]
        # One by one: a batch of them may not fit where training's did.
        predicted = [
            counting.predicted_classes(model(self._normalised(images.take(position))))
            for position in torch.split(positions, 1)
        ]
        return {
            "index": self._data.indices(split)[positions.numpy()],
            "kind": np.array([kind for kind, _ in chosen], dtype="U6"),
            "iou": ious[positions.numpy()],
            "predictions": torch.cat(predicted).cpu().numpy(),
        }

    def example(self, batch_size: int) -> Batch:
        """Return images of random pixels."""
        side = self._spec.resolution
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(batch_size, self._channels, side, side, generator=generator)
        return (images.to(self._device),)

    def applied(self) -> AppliedTask:
        """Return the loss, the augmentation and where the training images lie."""
        return AppliedTask(
            loss=self._loss.describe(),
            augmentation=self._augmentation.describe(),
            data_on_device=self._train_images.on_device and self._train_masks.on_device,
        )

    def _normalised(self, images: torch.Tensor) -> torch.Tensor:
        # At least a grey level: a channel that is constant in training has no spread.
        return (images.float() - self._mean) / self._std.clamp(min=1.0)


def _predictions(counts: SplitCounts, threshold: ChosenThreshold | None) -> Predictions:
    confusion, tuned = counts.confusion, None
    if threshold is not None and counts.histograms is not None:
        tuned = confusion_at(counts.histograms, threshold.threshold)
    boundary = counts.boundary
    if boundary is None:  # no metric asks for it
        boundary = np.zeros((len(confusion), confusion.shape[1] - 1, 4), np.int64)
    chosen = None if threshold is None else threshold.threshold
    return Predictions(confusion, tuned, chosen, boundary, counts.losses)


def _class_shares(predictions: Predictions) -> tuple[float, ...]:
    pixels = predictions.pooled.sum(axis=1)
    return tuple((pixels / max(1, int(pixels.sum()))).tolist())


def _facts(predictions: Predictions, threshold: ChosenThreshold | None) -> dict[str, Any]:
    return {
        **({} if threshold is None else threshold.facts()),
        "images": len(predictions.losses),
        "empty_masks": predictions.empty_masks,
        "empty_predictions": predictions.empty_predictions,
    }
