"""What a latent token is: what of it is passed on to the decoder."""

from __future__ import annotations

from torch import Tensor, nn

from studygrid.families.events.models.codebook import Codebook, Coded
from studygrid.families.events.models.options import AutoencoderOptions


class NoTokenizer(nn.Module):
    """Latent tokens as the encoder gives them."""

    def forward(self, latent: Tensor) -> tuple[Tensor, Coded | None]:
        """Return the latent tokens, shape (batch, L, width)."""
        return latent, None


class LinearTokenizer(nn.Module):
    """Latent tokens of fewer numbers: a linear layer down, and one up for the decoder."""

    def __init__(self, width: int, numbers: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, numbers), nn.Linear(numbers, width)

    def forward(self, latent: Tensor) -> tuple[Tensor, Coded | None]:
        """Return latent tokens of the same shape, (batch, L, width)."""
        return self.up(self.down(latent)), None


class VqTokenizer(nn.Module):
    """Latent tokens that are one of so many vectors: a codebook between the two linear layers."""

    def __init__(self, options: AutoencoderOptions) -> None:
        super().__init__()
        width, numbers = options.width, options.latent_dim
        self.down, self.up = nn.Linear(width, numbers), nn.Linear(numbers, width)
        self.codebook = Codebook(
            options.codes, numbers, options.codebook_decay, options.restart_below
        )

    def forward(self, latent: Tensor) -> tuple[Tensor, Coded | None]:
        """Return latent tokens of the same shape, (batch, L, width), and what they are coded by."""
        coded: Coded = self.codebook(self.down(latent))
        return self.up(coded.vectors), coded


def make_tokenizer(options: AutoencoderOptions) -> nn.Module:
    """Return the tokenizer that the options name."""
    if options.tokenizer == "none":
        return NoTokenizer()
    if options.tokenizer == "linear":
        return LinearTokenizer(options.width, options.latent_dim)
    return VqTokenizer(options)
