"""Autoencoders of events: a set of particles to latent tokens and back."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from studygrid.families.events.models.blocks import AttentionPooling, FeedForward
from studygrid.families.events.models.event_model import FEATURES, EventShape, Reconstruction
from studygrid.families.events.models.options import AutoencoderOptions
from studygrid.families.events.models.tokenizers import make_tokenizer

# Numbers of the decoder's layers, as multiples of those of a particle.
_DECODER = 4


class Autoencoder(nn.Module):
    """Embedding, encoder, pooling to latent tokens, tokenizer, decoder and globals head.

    What the latent tokens are does not depend on the order of the particles, nor on what stands
    where there is none. The decoder rebuilds the particles in their order of pT.

    Parameters
    ----------
    encoder
        From tokens (batch, R, width), their angles in rad (batch, R, 2) and the mask (batch, R)
        to tokens of the same shape, in any order of the particles.
    """

    angle_scale: Tensor

    def __init__(self, shape: EventShape, options: AutoencoderOptions, encoder: nn.Module) -> None:
        super().__init__()
        self._classes = shape.classes
        width, tokens = options.width, options.latent_tokens
        self.register_buffer("angle_scale", torch.tensor(shape.angle_scale), persistent=False)
        self.embedding = nn.Linear(FEATURES + shape.classes, width)
        self.encoder = encoder
        self.pooling = AttentionPooling(width, options.heads, tokens)
        self.norm = nn.LayerNorm(width)
        self.tokenizer = make_tokenizer(options)
        self.decoder = Decoder(shape, tokens * width, _DECODER * width, options.depth)

    def forward(self, features: Tensor, classes: Tensor, mask: Tensor) -> Reconstruction:
        """Rebuild events.

        Parameters
        ----------
        features
            Standardised, shape (batch, R, 3), float32.
        classes
            Of the particles, shape (batch, R), any integers: 0 is padding.
        mask
            Which particles are there, bool (batch, R), one an event at least.
        """
        there = mask[..., None]
        features = features.masked_fill(~there, 0)
        tokens = self.embedding(torch.cat([features, self._one_hot(classes, mask)], dim=-1))
        tokens = self.encoder(tokens, features[..., 1:] * self.angle_scale, mask)
        latent, coded = self.tokenizer(self.norm(self.pooling(tokens, mask)))
        rebuilt, logits, values = self.decoder(latent)
        if coded is None:
            return Reconstruction(rebuilt, logits, values, rebuilt.new_zeros(len(rebuilt)), None)
        return Reconstruction(rebuilt, logits, values, coded.commitment.mean(dim=1), coded.codes)

    def _one_hot(self, classes: Tensor, mask: Tensor) -> Tensor:
        """Return shape (batch, R, classes), float32; zeros where no particle is.

        A linear layer on it is an embedding, whose gradient on CUDA is the same bits twice.
        """
        classes = classes.long().masked_fill(~mask, 0)
        return functional.one_hot(classes, self._classes + 1)[..., 1:].float()


class Decoder(nn.Module):
    """Latent tokens of an event to its R particles, in their order of pT, and to its globals."""

    def __init__(self, shape: EventShape, latent: int, width: int, depth: int) -> None:
        super().__init__()
        self._shape = shape
        self.stem = nn.Linear(latent, width)
        self.blocks = nn.Sequential(*(FeedForward(width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.tokens = nn.Linear(width, shape.tokens * (FEATURES + shape.classes))
        self.globals = nn.Sequential(
            nn.Linear(latent, width), nn.GELU(), nn.Linear(width, shape.globals)
        )

    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return features, class logits and globals, float32, as `Reconstruction` has them.

        Parameters
        ----------
        latent
            Shape (batch, L, width).
        """
        latent = latent.flatten(1)
        tokens = self.tokens(self.norm(self.blocks(self.stem(latent)))).float()
        tokens = tokens.view(len(latent), self._shape.tokens, -1)
        features, logits = tokens.split([FEATURES, self._shape.classes], dim=-1)
        return features, logits, self.globals(latent).float()
