"""Predictions on a whole split, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from studygrid.families.tagvae.losses import bce_of_rows
from studygrid.families.tagvae.models.tag_model import TagModel
from studygrid.families.tagvae.predictions import Predictions

# Two streams of a run's seed.
_NOISE, _PRIOR = 0, 1


@dataclass(frozen=True)
class SplitScores:
    """What a model makes of a split.

    Attributes
    ----------
    predictions
        What the metrics are functions of.
    kl_of_units
        Mean over the rows of each latent unit's KL in nats, shape (latent,), float64; None
        without a latent space.
    """

    predictions: Predictions
    kl_of_units: NDArray[np.float64] | None


def score_split(
    model: TagModel,
    batches: Iterator[torch.Tensor],
    tags: NDArray[np.uint8],
    beta: float,
    *,
    seed: int,
    samples: bool,
) -> SplitScores:
    """Reconstruct a split batch by batch, in float32.

    BCE is at one draw of the latent vector a row. Its noise belongs to the row's position in the
    split, and so do the rows drawn from the prior: batch size and device change neither.

    Parameters
    ----------
    model
        In evaluation mode.
    batches
        The rows of the split in order, shape (batch, tags), float32, on the model's device.
    tags
        The same rows, shape (n, tags).
    beta
        Weight of the KL in the loss.
    seed
        Of the run, the same in each of its epochs. Models of one seed get the same draws; those
        of another seed get others, so that an interval over seeds counts what the draws do.
    samples
        Whether to draw as many rows from the prior.
    """
    noise = torch.randn(len(tags), model.latent, generator=_generator(seed, _NOISE))
    found: dict[str, list[torch.Tensor]] = {}
    start = 0
    for rows in batches:
        own = noise[start : start + len(rows)].to(rows.device)
        for name, part in _score_batch(model, rows, own).items():
            found.setdefault(name, []).append(part)
        start += len(rows)
    arrays: dict[str, NDArray[Any]] = {
        name: torch.cat(parts).cpu().numpy() for name, parts in found.items()
    }
    kl = arrays["kl"]
    predictions = Predictions(
        tags=tags,
        probabilities=arrays["probabilities"],
        bce=arrays["bce"],
        kl=kl.sum(axis=1),
        beta=beta,
        codes=arrays.get("codes"),
        samples=_samples(model, len(tags), seed) if samples else None,
    )
    return SplitScores(predictions, kl.mean(axis=0) if model.latent else None)


def _score_batch(
    model: TagModel, rows: torch.Tensor, noise: torch.Tensor
) -> dict[str, torch.Tensor]:
    at_mean = model(rows)
    drawn = model(rows, noise) if model.latent else at_mean
    parts = {
        "probabilities": torch.sigmoid(at_mean.logits),
        "bce": bce_of_rows(drawn.logits, rows).double(),
        "kl": at_mean.kl.double(),
    }
    return parts if at_mean.codes is None else {**parts, "codes": at_mean.codes}


def _generator(seed: int, stream: int) -> torch.Generator:
    state = np.random.SeedSequence((seed, stream)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))


def _samples(model: TagModel, count: int, seed: int) -> NDArray[np.uint8]:
    drawn = model.sample(count, _generator(seed, _PRIOR))
    rows: NDArray[np.uint8] = drawn.cpu().numpy()
    return rows
