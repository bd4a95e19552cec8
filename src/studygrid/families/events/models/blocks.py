"""Parts that the encoders and the decoder are made of."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_EXPANSION = 2


class FeedForward(nn.Module):
    """Two layers on each token by itself, added to it: ``x + W2 gelu(W1 norm(x))``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, _EXPANSION * width),
            nn.GELU(),
            nn.Linear(_EXPANSION * width, width),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens of the same shape, (batch, n, width)."""
        result: Tensor = tokens + self.layers(tokens)
        return result


class Attention(nn.Module):
    """Multi-head attention: Vaswani et al., Attention is all you need, NeurIPS 2017, section 3.2.

    Written out: of so few tokens it costs no more than PyTorch's fused kernels, whose gradient on
    CUDA is not the same bits twice.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Tensor, others: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return what tokens take from others, of the shape of the tokens.

        Parameters
        ----------
        tokens, others
            Shape (batch, n, width) and (batch, m, width).
        mask
            Which of the others are there, bool (batch, m), one an event at least; all if left out.
        """
        query = self._split(self.query(tokens))
        key, value = (self._split(part) for part in self.key_value(others).chunk(2, dim=-1))
        weights = (query @ key.transpose(-2, -1)) / math.sqrt(query.shape[-1])
        if mask is not None:
            weights = weights.masked_fill(~mask[:, None, None, :], -torch.inf)
        found = weights.softmax(dim=-1) @ value
        result: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return result

    def _split(self, tokens: Tensor) -> Tensor:
        """Return shape (batch, heads, n, width of a head)."""
        return tokens.view(*tokens.shape[:2], self._heads, -1).transpose(1, 2)


class AttentionPooling(nn.Module):
    """A fixed number of tokens from a set: learned queries attend to those that are there.

    Lee et al., Set Transformer, ICML 2019, section 3.2: a sum over the set, so its order changes
    nothing.
    """

    def __init__(self, width: int, heads: int, pooled: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(pooled, width) / math.sqrt(width))
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.feed_forward = FeedForward(width)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return shape (batch, pooled, width) from (batch, n, width) and a mask (batch, n)."""
        queries = self.queries.expand(len(tokens), -1, -1)
        pooled = queries + self.attention(queries, self.norm(tokens), mask)
        result: Tensor = self.feed_forward(pooled)
        return result
