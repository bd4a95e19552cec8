"""mlp: each particle by itself through a network, until they are pooled."""

from __future__ import annotations

from torch import Tensor, nn

from studygrid.families.events.models.autoencoder import Autoencoder
from studygrid.families.events.models.blocks import FeedForward
from studygrid.families.events.models.event_model import EventShape
from studygrid.families.events.models.options import MlpOptions


def build(shape: EventShape, options: MlpOptions, architecture: str) -> nn.Module:
    """Return a freshly initialised autoencoder whose encoder is a ParticleMlp."""
    return Autoencoder(shape, options, ParticleMlp(options))


class ParticleMlp(nn.Module):
    """Particles that know nothing of one another: Zaheer et al., Deep Sets, NeurIPS 2017."""

    def __init__(self, options: MlpOptions) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(FeedForward(options.width) for _ in range(options.depth))

    def forward(self, tokens: Tensor, angles: Tensor, mask: Tensor) -> Tensor:
        """Return particles of the same shape, (batch, R, width)."""
        for block in self.blocks:
            tokens = block(tokens)
        return tokens
