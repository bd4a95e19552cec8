"""Errors and losses of rebuilt events, and the scores of an epoch's training batches."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from studygrid.families.events.models.event_model import Reconstruction
from studygrid.families.events.options import LossOptions
from studygrid.families.events.samples import Events

# Of `training_sums`, before the use of each code.
_SUMS = 5


class EventErrors(NamedTuple):
    """How far rebuilt events are from what they are, each of shape (batch,), float32.

    Attributes
    ----------
    token_mse, token_mae
        Mean over an event's valid tokens and their standardised features.
    cross_entropy
        Mean over its valid tokens, in nats.
    globals_mse
        Mean over its standardised globals.
    hits, tokens
        Valid tokens whose class is the most likely one, and all valid tokens.
    """

    token_mse: Tensor
    token_mae: Tensor
    cross_entropy: Tensor
    globals_mse: Tensor
    hits: Tensor
    tokens: Tensor


def event_errors(found: Reconstruction, events: Events) -> EventErrors:
    """Return the errors of each event; what stands where there is no token counts nowhere."""
    absent = ~events.mask
    tokens = events.mask.sum(dim=1).float()
    difference = (found.features.float() - events.features).masked_fill(absent[..., None], 0)
    numbers = tokens * difference.shape[-1]
    # Class 0 is padding, which no model has to tell.
    classes = (events.classes.long() - 1).clamp(min=0)
    logits = found.class_logits.float()
    entropy = functional.cross_entropy(logits.flatten(0, 1), classes.flatten(), reduction="none")
    entropy = entropy.view_as(classes).masked_fill(absent, 0)
    hits = (logits.argmax(dim=-1) == classes) & events.mask
    return EventErrors(
        token_mse=difference.square().sum(dim=(1, 2)) / numbers,
        token_mae=difference.abs().sum(dim=(1, 2)) / numbers,
        cross_entropy=entropy.sum(dim=1) / tokens,
        globals_mse=(found.globals.float() - events.globals).square().mean(dim=1),
        hits=hits.sum(dim=1).float(),
        tokens=tokens,
    )


class EventLoss:
    """The loss of an event, and its anomaly score.

    The tokens' mean squared error, the classes' cross-entropy and the globals' mean squared
    error, weighted; in training with the distance of latent tokens from their codes: van den Oord
    et al., Neural discrete representation learning, NeurIPS 2017, equation 3, whose codebook term
    the moving averages stand for.
    """

    def __init__(self, options: LossOptions) -> None:
        self._options = options

    def __call__(self, errors: EventErrors) -> Tensor:
        """Return the loss of each event, shape (batch,)."""
        options = self._options
        return (
            self.score(errors.token_mse, errors.globals_mse)
            + options.class_weight * errors.cross_entropy
        )

    def in_training(self, errors: EventErrors, found: Reconstruction) -> Tensor:
        """Return the mean loss of a batch, as it is optimised."""
        loss = self(errors)
        if found.codes is not None:
            loss = loss + self._options.commitment * found.commitment
        return loss.mean()

    def score(self, token_mse: Tensor, globals_mse: Tensor) -> Tensor:
        """Return the anomaly score of each event: higher is stranger."""
        return token_mse + self._options.globals_weight * globals_mse

    def describe(self, *, has_codebook: bool) -> dict[str, Any]:
        """Return the loss as it is in force."""
        weights = self._options.model_dump(exclude=set() if has_codebook else {"commitment"})
        return {"class": type(self).__name__, **weights, "units": "standard deviations squared"}


def training_sums(errors: EventErrors, found: Reconstruction, codes: int) -> Tensor:
    """Return what `training_scores` needs of a batch, to be added up.

    Parameters
    ----------
    codes
        Size of the codebook; 0 where there is none.

    Returns
    -------
    Shape (5 + codes,), float64: events, their token MSE and globals MSE, tokens whose class was
        found, tokens, and how often each code was used.
    """
    sums = (
        torch.full_like(errors.token_mse[0], len(errors.token_mse)),
        errors.token_mse.sum(),
        errors.globals_mse.sum(),
        errors.hits.sum(),
        errors.tokens.sum(),
    )
    added = torch.stack([value.detach().double() for value in sums])
    if found.codes is None:
        return added
    return torch.cat([added, code_counts(found.codes, codes).double()])


def code_counts(used: Tensor, codes: int) -> Tensor:
    """Return how often each code was used, int64 (codes,); `used` is int64 of any shape."""
    # Counted by comparison: those of bincount on CUDA have no deterministic algorithm.
    numbers = torch.arange(codes, device=used.device)
    return (used.flatten()[:, None] == numbers).sum(dim=0)


def training_scores(sums: Tensor) -> dict[str, float | None]:
    """Return the scores of an epoch's training batches, pooled.

    They are of the events as they were rebuilt in training, by weights and codes that changed
    from step to step.

    Parameters
    ----------
    sums
        What `training_sums` returned, added up.

    Returns
    -------
    ``token_mse``, ``globals_mse``, ``class_accuracy``, and with a codebook ``perplexity`` and
        ``codebook_use``, as the metrics of these names.
    """
    events, token_mse, globals_mse, hits, tokens = sums[:_SUMS].tolist()
    scores: dict[str, float | None] = {
        "token_mse": token_mse / events,
        "globals_mse": globals_mse / events,
        "class_accuracy": hits / tokens,
    }
    counts = sums[_SUMS:]
    if len(counts):
        entropy = torch.special.entr(counts / counts.sum()).sum()
        scores["perplexity"] = float(torch.exp(entropy))
        scores["codebook_use"] = float((counts > 0).double().mean())
    return scores
