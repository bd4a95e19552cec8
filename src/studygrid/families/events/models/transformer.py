"""transformer: every particle of an event attends to every other."""

from __future__ import annotations

from torch import Tensor, nn

from studygrid.families.events.models.autoencoder import Autoencoder
from studygrid.families.events.models.blocks import Attention, FeedForward
from studygrid.families.events.models.event_model import EventShape
from studygrid.families.events.models.options import TransformerOptions


def build(shape: EventShape, options: TransformerOptions, architecture: str) -> nn.Module:
    """Return a freshly initialised autoencoder whose encoder is a ParticleTransformer."""
    return Autoencoder(shape, options, ParticleTransformer(options))


class ParticleTransformer(nn.Module):
    """Blocks of masked self-attention without places: the order of the particles is not known.

    Vaswani et al., Attention is all you need, NeurIPS 2017, figure 1, left, with the
    normalisation before each part: Xiong et al., On layer normalization in the transformer
    architecture, ICML 2020.
    """

    def __init__(self, options: TransformerOptions) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            _Block(options.width, options.heads) for _ in range(options.depth)
        )

    def forward(self, tokens: Tensor, angles: Tensor, mask: Tensor) -> Tensor:
        """Return particles of the same shape, (batch, R, width)."""
        for block in self.blocks:
            tokens = block(tokens, mask)
        return tokens


class _Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.feed_forward = FeedForward(width)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        normalised = self.norm(tokens)
        tokens = tokens + self.attention(normalised, normalised, mask)
        result: Tensor = self.feed_forward(tokens)
        return result
