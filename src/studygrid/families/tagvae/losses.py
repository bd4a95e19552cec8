"""The loss of tag VAEs, and the scores of an epoch's training batches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from studygrid.families.tagvae.models.tag_model import Reconstruction
from studygrid.families.tagvae.options import LossOptions


class TagLoss:
    """The negative evidence lower bound of a row in nats, its KL weighted by beta.

    It is summed over tags and units, and averaged over rows alone: the batch size does not scale
    it, and beta 1 is the bound itself, which it would not be with a mean over the tags.
    Source: Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, equation 10; beta of
    Higgins et al., beta-VAE, ICLR 2017, equation 4; its rise of Bowman et al., Generating
    sentences from a continuous space, CoNLL 2016, section 3.1, here linear.
    """

    def __init__(self, options: LossOptions) -> None:
        self.beta, self.beta_warmup = options.beta, options.beta_warmup

    def beta_at(self, progress: float) -> float:
        """Return beta where a share `progress` of the budget, from 0 to below 1, is spent."""
        if progress >= self.beta_warmup:
            return self.beta
        return self.beta * progress / self.beta_warmup

    def __call__(self, bce: Tensor, kl: Tensor, beta: float) -> Tensor:
        """Return the mean over the rows.

        Parameters
        ----------
        bce, kl
            Of each row in nats, shape (batch,).
        beta
            What `beta_at` gives; `beta` itself in validation and test.
        """
        # Not 0 times the KL, which is no number where the KL is infinite.
        return bce.mean() if beta == 0 else bce.mean() + beta * kl.mean()

    def describe(self) -> dict[str, Any]:
        """Return the loss as it is in force."""
        return {
            "class": type(self).__name__,
            "beta": self.beta,
            "beta_warmup": self.beta_warmup,
            "units": "nats a row",
        }


def bce_of_rows(logits: Tensor, tags: Tensor) -> Tensor:
    """Return the binary cross-entropy of each row in nats, a sum over its tags.

    In float32 under autocast, too: a sum of hundreds of terms is not for bfloat16.

    Parameters
    ----------
    logits, tags
        Shape (batch, tags); the tags are 0 and 1, of any type.

    Returns
    -------
    Shape (batch,), float32.
    """
    logits = logits.float()
    losses = functional.binary_cross_entropy_with_logits(
        logits, tags.to(logits.dtype), reduction="none"
    )
    return losses.sum(dim=1)


def training_sums(found: Reconstruction, tags: Tensor, bce: Tensor, kl: Tensor) -> Tensor:
    """Return what `training_scores` needs of a batch, to be added up.

    Returns
    -------
    Shape (7,), float64: rows, tags a row, BCE and KL in nats, and of the tags the true
        positives, the false positives and the false negatives.
    """
    predicted, true = torch.sigmoid(found.logits.detach()) >= 0.5, tags > 0
    bce = bce.detach().double().sum()
    sums = (
        torch.full_like(bce, len(tags)),
        torch.full_like(bce, tags.numel()),
        bce,
        kl.detach().double().sum(),
        (predicted & true).sum().double(),
        (predicted & ~true).sum().double(),
        (~predicted & true).sum().double(),
    )
    return torch.stack(sums)


def training_scores(sums: Tensor) -> dict[str, float | None]:
    """Return the scores of an epoch's training batches, pooled.

    They are of the reconstructions as they were in training: of rows with dropout, at a drawn
    latent vector, by weights that changed from step to step. So they are worse than those of the
    same rows in evaluation, and no measure of overfitting by themselves.

    Parameters
    ----------
    sums
        What `training_sums` returned, added up.

    Returns
    -------
    ``bce`` and ``kl`` in nats a row, ``hamming_loss``, ``jaccard_index`` and ``micro_f1``, as the
        metrics of these names; 1 for the last two where no tag is present and none is predicted.
    """
    rows, cells, bce, kl, hits, added, missed = sums.tolist()
    wrong = added + missed
    nothing = hits + wrong == 0
    return {
        "bce": bce / rows,
        "kl": kl / rows,
        "hamming_loss": wrong / cells,
        "jaccard_index": 1.0 if nothing else hits / (hits + wrong),
        "micro_f1": 1.0 if nothing else 2 * hits / (2 * hits + wrong),
    }
