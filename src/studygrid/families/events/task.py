"""Event tokenizers as the training loop sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from studygrid.errors import DataError
from studygrid.families.base import (
    AppliedTask,
    Batch,
    Family,
    Scores,
    Split,
    load_reference,
)
from studygrid.families.events import scoring
from studygrid.families.events.losses import (
    EventLoss,
    event_errors,
    training_scores,
    training_sums,
)
from studygrid.families.events.models.bits import bits_per_event
from studygrid.families.events.models.event_model import (
    FEATURES,
    EventShape,
    Reconstruction,
    ScoringModel,
)
from studygrid.families.events.models.options import AutoencoderOptions
from studygrid.families.events.options import LossOptions
from studygrid.families.events.predictions import Predictions
from studygrid.families.events.samples import Events, EventSamples, kept_globals
from studygrid.families.events.scoring import Latent, SplitEvents
from studygrid.families.prepared import PreparedData
from studygrid.families.scoring import metric_values, tables_of
from studygrid.spec import ModelSpec, TrainSpec

# By reference: no training depends on them. That of an evaluation does so by the family's tables
# and metrics, which name their modules.
_FINDINGS = "studygrid.families.events.findings"
_CORRUPTED = "studygrid.families.events.metrics.corrupted:corrupted"
_OF_CORRUPTED = {"auroc_noise": "noise", "auroc_token_shuffle": "token_shuffle"}
# The only architecture that is given signals.
_SUPERVISED = "supervised"


class EventsTask:
    """Events to themselves, or to a score; see `studygrid.families.base.FittingTask`.

    Parameters
    ----------
    family
        The declaration of this family: its architectures and metrics by name.
    spec
        The model and its resolution, the tokens of an event.
    data
        As `studygrid.families.events.data.parts` writes it.
    device
        Where the model runs.
    """

    def __init__(
        self, family: Family, spec: ModelSpec, data: PreparedData, device: torch.device
    ) -> None:
        architecture = family.find_architecture(spec.architecture)
        assert architecture is not None
        self._family, self._spec, self._architecture = family, spec, architecture
        self._data, self._device = data, device
        self._options = architecture.options.model_validate(spec.options)
        self._loss = EventLoss(
            LossOptions.model_validate(spec.loss) if isinstance(spec, TrainSpec) else LossOptions()
        )
        self._splits: dict[str, SplitEvents] = {}

    @property
    def _shape(self) -> EventShape:
        facts = self._data.record.facts
        _, eta, phi = facts["scaling"]["tokens"]["sd"]
        return EventShape(
            tokens=self._data.array("tokens").shape[1],
            classes=len(facts["classes"]) - 1,
            globals=len(kept_globals(facts)),
            angle_scale=(eta, phi),
        )

    @property
    def _codes(self) -> int:
        """Size of the codebook; 0 without one."""
        options = self._options
        if isinstance(options, AutoencoderOptions) and options.tokenizer == "vq":
            return options.codes
        return 0

    def build_model(self) -> nn.Module:
        """Return a freshly initialised model, on the CPU."""
        build = load_reference(self._architecture.build)
        model: nn.Module = build(self._shape, self._options, self._architecture.name)
        return model

    def start_training(self, spec: TrainSpec, subset: np.ndarray[Any, Any]) -> None:
        """Load the training subset.

        Raises
        ------
        DataError
            If the model learns from signals, and the data keeps none for that.
        """
        is_supervised = self._architecture.name == _SUPERVISED
        if is_supervised and not self._data.record.facts["reference_count"]:
            raise DataError(
                f"model {spec.model} (supervised) is trained with reference signals, and the data "
                "has none: raise dataset.reference_fraction, give signals, or leave the model out "
                "of grid.model"
            )
        self._train = EventSamples(self._data, subset, self._device)

    def fit(self, model: nn.Module) -> None:
        """Set what a model on the device is made of from the globals of the training subset."""
        assert isinstance(model, ScoringModel)
        signal = None
        if self._architecture.name == _SUPERVISED:
            reference = np.array(self._data.array("reference"))
            signal = EventSamples(self._data, reference, self._device).all_globals()
        seed = int(torch.randint(2**31 - 1, ()))
        model.fit(self._train.all_globals(), signal, seed)

    def training_batch(self, positions: torch.Tensor, generator: torch.Generator) -> Batch:
        """Return events; they are not augmented."""
        return tuple(self._train.take(positions))

    def training_loss(
        self, model: nn.Module, batch: Batch, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean loss of the events, and sums for the scores."""
        events = Events(*batch)
        if isinstance(model, ScoringModel):
            loss = model.losses(model(events.globals)).mean()
            return loss, loss.new_zeros(0)
        found: Reconstruction = model(events.features, events.classes, events.mask)
        errors = event_errors(found, events)
        return self._loss.in_training(errors, found), training_sums(errors, found, self._codes)

    def training_scores(self, sums: torch.Tensor) -> dict[str, float | None]:
        """Return the scores of an epoch's training batches as they were in training, pooled."""
        return training_scores(sums) if len(sums) else {}

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
        """Score a model on a whole split, in float32; the loss does not count the commitment."""
        events = self._events(
            split, [way for name, way in _OF_CORRUPTED.items() if name in metrics]
        )
        predictions = self._predict(model, events, batch_size)
        values, undefined = metric_values(self._family, metrics, predictions)
        if not details:
            return Scores(values, undefined)
        return Scores(
            values,
            undefined,
            chance=_finding("chance")(predictions),
            facts=_finding("facts")(predictions),
            tables=tables_of(self._family, predictions),
            per_sample=_finding("per_sample")(predictions, events.indices),
        )

    def _predict(self, model: nn.Module, events: SplitEvents, batch_size: int) -> Predictions:
        if isinstance(model, ScoringModel):
            return scoring.predict_scores(model, events, batch_size)
        assert isinstance(self._options, AutoencoderOptions)
        latent = Latent(bits_per_event(self._options), self._codes)
        return scoring.predict(model, events, self._loss, latent, batch_size)

    def _events(self, split: Split, corruptions: Sequence[str]) -> SplitEvents:
        """Return the events of a split, its background corrupted in these ways too."""
        if split not in self._splits:
            self._splits[split] = scoring.split_events(self._data, split, self._device)
        events = self._splits[split]
        if self._architecture.fits:  # the globals that such a model works on are not corrupted
            return events
        for name in corruptions:
            if name not in events.corrupted:
                events.corrupted[name] = self._corrupted(name, events)
        return replace(events, corrupted={name: events.corrupted[name] for name in corruptions})

    def _corrupted(self, name: str, events: SplitEvents) -> EventSamples:
        indices = events.indices[events.background]
        tokens, mask = (
            np.asarray(self._data.array(array)[indices]) for array in ("tokens", "mask")
        )
        sd = np.array(self._data.record.facts["scaling"]["tokens"]["sd"])
        changed = load_reference(_CORRUPTED)(name, tokens, mask, sd)
        return EventSamples(self._data, indices, self._device, changed)

    def example(self, batch_size: int) -> Batch:
        """Return made-up events of as many tokens as there can be; of a fitted model, globals."""
        shape, generator = self._shape, torch.Generator().manual_seed(0)
        if self._architecture.fits:
            values = torch.randn(batch_size, shape.globals, generator=generator)
            return (values.to(self._device),)
        size = (batch_size, shape.tokens)
        features = torch.randn(*size, FEATURES, generator=generator)
        classes = torch.randint(1, shape.classes + 1, size, generator=generator)
        mask = torch.ones(size, dtype=torch.bool)
        return tuple(part.to(self._device) for part in (features, classes, mask))

    def applied(self) -> AppliedTask:
        """Return the loss in force, and where the training events lie."""
        loss = {"class": self._architecture.loss}
        if not self._architecture.fits:
            loss = self._loss.describe(has_codebook=self._codes > 0)
        return AppliedTask(loss=loss, augmentation={}, data_on_device=self._train.on_device)


def _finding(name: str) -> Any:
    return load_reference(f"{_FINDINGS}:{name}")
