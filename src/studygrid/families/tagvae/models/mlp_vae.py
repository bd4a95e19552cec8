"""mlp_vae: a variational autoencoder of fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from studygrid.families.tagvae.models.options import MlpVaeOptions
from studygrid.families.tagvae.models.tag_model import Reconstruction, TagModel, TagShape

# A posterior's variance stays within e^-12 and e^12: beyond them lies nothing that a unit could
# use, and a step that is too long ends in a large loss in place of an infinite one.
LOG_VARIANCE_BOUND = 12.0
_ROWS_AT_ONCE = 4096


def build(shape: TagShape, options: MlpVaeOptions, architecture: str) -> TagModel:
    """Return a freshly initialised mlp_vae."""
    return MlpVae(shape.tags, options)


class MlpVae(TagModel):
    """Gaussian posterior of diagonal covariance, standard normal prior, Bernoulli tags.

    Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, appendix C; here with dropout
    of the encoder's input, ReLU, and as many hidden layers as the options name.
    """

    def __init__(self, tags: int, options: MlpVaeOptions) -> None:
        super().__init__()
        self.latent = options.latent
        self._temperature = options.temperature
        down, up = options.hidden, options.hidden[::-1]
        self.dropout = nn.Dropout(options.dropout)
        self.encoder = _layers([tags, *down], options.batch_norm)
        self.mean = nn.Linear(down[-1], options.latent)
        self.log_variance = nn.Linear(down[-1], options.latent)
        self.decoder = _layers([options.latent, *up], options.batch_norm)
        self.head = nn.Linear(up[-1], tags)

    def forward(self, tags: Tensor, noise: Tensor | None = None) -> Reconstruction:
        """Encode rows, place the latent vector within the posterior, and decode it."""
        mean, log_variance = self.encode(tags)
        if noise is None and self.training:
            noise = torch.randn_like(mean)
        latent = mean if noise is None else mean + torch.exp(log_variance / 2) * noise
        return Reconstruction(self.decode(latent), gaussian_kl(mean, log_variance), mean)

    def encode(self, tags: Tensor) -> tuple[Tensor, Tensor]:
        """Return the posterior's mean and log-variance, shape (batch, latent), float32."""
        hidden = self.encoder(self.dropout(tags))
        # Their squares and exponentials are not for the lower precision of autocast.
        mean, log_variance = self.mean(hidden).float(), self.log_variance(hidden).float()
        return mean, log_variance.clamp(-LOG_VARIANCE_BOUND, LOG_VARIANCE_BOUND)

    def decode(self, latent: Tensor) -> Tensor:
        """Return the tags' logits of latent vectors, shape (batch, tags), float32."""
        logits: Tensor = self.head(self.decoder(latent)).float()
        return logits

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Decode latent vectors of the prior, and draw each tag by its own probability."""
        device = self.head.weight.device
        parts = []
        # Always so many at once: what is drawn depends on the generator alone.
        for start in range(0, count, _ROWS_AT_ONCE):
            rows = min(_ROWS_AT_ONCE, count - start)
            latent = torch.randn(rows, self.latent, generator=generator).to(device)
            probability = torch.sigmoid(self.decode(latent) / self._temperature)
            uniform = torch.rand(rows, probability.shape[1], generator=generator).to(device)
            parts.append((uniform < probability).to(torch.uint8))
        return torch.cat(parts)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance) || N(0, 1)) of each unit in nats, of the shape of its input.

    Source: Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, appendix B.
    """
    return (mean.square() + torch.expm1(log_variance) - log_variance) / 2


def _layers(widths: Sequence[int], batch_norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers.append(nn.Linear(inputs, outputs, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm1d(outputs))
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)
