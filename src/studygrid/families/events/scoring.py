"""What a model makes of a whole split, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from studygrid.families.base import Split
from studygrid.families.events.losses import EventErrors, EventLoss, code_counts, event_errors
from studygrid.families.events.models.event_model import Reconstruction, ScoringModel
from studygrid.families.events.predictions import BACKGROUND, Predictions
from studygrid.families.events.samples import Events, EventSamples
from studygrid.families.prepared import PreparedData

MJJ = "mjj"
# Of a token: its features and its class, as float32.
_BITS_A_TOKEN = 4 * 32
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SplitEvents:
    """The events of a split.

    Attributes
    ----------
    indices
        Within the prepared arrays, (n,).
    samples
        The events themselves.
    label
        (n,), int64; 0 is background.
    signals
        Names of labels 1, 2 and so on.
    tokens
        How many each event has, (n,), int64.
    mjj
        In GeV, (n,); None where the data has none.
    corrupted
        The background events, in their order, by the way in which they are corrupted.
    """

    indices: NDArray[np.int64]
    samples: EventSamples
    label: NDArray[np.int64]
    signals: tuple[str, ...]
    tokens: NDArray[np.int64]
    mjj: Floats | None
    corrupted: dict[str, EventSamples] = field(default_factory=dict)

    @property
    def background(self) -> NDArray[np.bool_]:
        """Which events are background, (n,)."""
        return np.equal(self.label, BACKGROUND)


def split_events(data: PreparedData, split: Split, device: torch.device) -> SplitEvents:
    """Return the events of a split, none corrupted."""
    facts, indices = data.record.facts, data.indices(split)
    names = [each["name"] for each in facts["globals"]]
    mjj = None
    if MJJ in names:
        mjj = np.asarray(data.array("globals")[indices, names.index(MJJ)], dtype=np.float64)
    return SplitEvents(
        indices=indices,
        samples=EventSamples(data, indices, device),
        label=np.asarray(data.array("label")[indices], dtype=np.int64),
        signals=tuple(facts["signals"]),
        tokens=np.asarray(data.array("mask")[indices]).sum(axis=1, dtype=np.int64),
        mjj=mjj,
    )


@dataclass(frozen=True)
class Latent:
    """What the task knows of an autoencoder's latent tokens: bits an event, and the codes."""

    bits: float
    codes: int


def predict(
    model: nn.Module, split: SplitEvents, loss: EventLoss, latent: Latent, batch_size: int
) -> Predictions:
    """Return what an autoencoder makes of a split; reports are of its background alone."""
    found = _Rebuilt(latent.codes)
    for events, counts in _batches(split, batch_size):
        rebuilt: Reconstruction = model(events.features, events.classes, events.mask)
        found.add(event_errors(rebuilt, events), rebuilt, loss, counts)
    background = split.background
    token_mse, globals_mse = found.of("token_mse"), found.of("globals_mse")
    return Predictions(
        token_mse=token_mse,
        token_mae=found.of("token_mae"),
        globals_mse=globals_mse,
        class_correct=_share(found.of("hits")[background], found.of("tokens")[background]),
        score=found.of("score"),
        label=split.label,
        signals=split.signals,
        loss=_mean(found.of("loss")[background]),
        code_counts=found.code_counts,
        bits_per_event=latent.bits,
        input_bits=_mean(split.tokens[background].astype(np.float64) * _BITS_A_TOKEN),
        corrupted={
            name: _scores(model, samples, loss, batch_size)
            for name, samples in split.corrupted.items()
        },
        mjj=split.mjj,
    )


def predict_scores(model: ScoringModel, split: SplitEvents, batch_size: int) -> Predictions:
    """Return what a model that knows the globals alone makes of a split."""
    parts = [model(events.globals) for events, _ in _batches(split, batch_size)]
    scores = torch.cat(parts).double()
    losses: Floats = model.losses(scores).cpu().numpy()
    background = split.background
    return Predictions(
        token_mse=None,
        token_mae=None,
        globals_mse=None,
        class_correct=None,
        score=scores.cpu().numpy(),
        label=split.label,
        signals=split.signals,
        loss=_mean(losses[background]),
        code_counts=None,
        bits_per_event=None,
        input_bits=_mean(split.tokens[background].astype(np.float64) * _BITS_A_TOKEN),
        mjj=split.mjj,
    )


class _Rebuilt:
    """Numbers of each event, collected over the batches."""

    def __init__(self, codes: int) -> None:
        self._parts: dict[str, list[torch.Tensor]] = {}
        self._codes, self._counts = codes, torch.zeros(codes, dtype=torch.int64)

    def add(
        self, errors: EventErrors, rebuilt: Reconstruction, loss: EventLoss, kept: torch.Tensor
    ) -> None:
        """Add a batch; `kept` says on the CPU which of its events count for the codes."""
        own = {**errors._asdict(), "loss": loss(errors)}
        own["score"] = loss.score(errors.token_mse.double(), errors.globals_mse.double())
        for name, values in own.items():
            self._parts.setdefault(name, []).append(values)
        if rebuilt.codes is not None:
            used = rebuilt.codes[kept.to(rebuilt.codes.device)]
            self._counts = self._counts.to(used.device) + code_counts(used, self._codes)

    def of(self, name: str) -> Floats:
        """Return one number of all events, (n,)."""
        found: Floats = torch.cat(self._parts[name]).double().cpu().numpy()
        return found

    @property
    def code_counts(self) -> NDArray[np.int64] | None:
        """How often each code was used; None without a codebook."""
        return self._counts.cpu().numpy() if self._codes else None


def _batches(split: SplitEvents, size: int) -> Iterator[tuple[Events, torch.Tensor]]:
    """Yield the events in order, and which of them are background (on the CPU)."""
    background = torch.from_numpy(split.background)
    for positions in torch.split(torch.arange(len(split.label)), size):
        yield split.samples.take(positions), background[positions]


def _scores(model: nn.Module, samples: EventSamples, loss: EventLoss, size: int) -> Floats:
    """Return the anomaly scores of events."""
    parts = []
    for positions in torch.split(torch.arange(len(samples)), size):
        events = samples.take(positions)
        errors = event_errors(model(events.features, events.classes, events.mask), events)
        parts.append(loss.score(errors.token_mse.double(), errors.globals_mse.double()))
    found: Floats = torch.cat(parts).cpu().numpy() if parts else np.zeros(0)
    return found


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _share(part: Floats, whole: Floats) -> float | None:
    return float(part.sum() / whole.sum()) if len(whole) else None
