"""How large the latent tokens of an event are."""

from __future__ import annotations

import math

from studygrid.families.events.models.options import AutoencoderOptions

_BITS_A_NUMBER = 32


def bits_per_event(options: AutoencoderOptions) -> float:
    """Return the size of an event's latent tokens.

    32 bits a number, and log2(codes) a token with a codebook: its number, in a code of equal
    lengths. With the tokenizer `none` a token has `width` numbers, which `latent_dim` is then.
    """
    if options.tokenizer == "vq":
        return options.latent_tokens * math.log2(options.codes)
    return float(options.latent_tokens * options.latent_dim * _BITS_A_NUMBER)
