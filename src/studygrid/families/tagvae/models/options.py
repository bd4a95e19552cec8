"""Config options of the architectures of tag VAEs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from studygrid.section import Section, Share


class MlpVaeOptions(Section):
    """Options of mlp_vae."""

    latent: PositiveInt = Field(32, description="Units of the latent space.")
    hidden: Annotated[list[PositiveInt], Field(min_length=1)] = Field(
        [128],
        description="Widths of the encoder's hidden layers; the decoder has them in reverse.",
    )
    dropout: Share = Field(
        0.3, description="Share of a row's tags, present and absent, that the encoder misses."
    )
    batch_norm: bool = Field(
        False,
        description="Batch normalisation of each hidden layer; each part of a batch then needs "
        "two rows.",
    )
    temperature: PositiveFloat = Field(
        1.0,
        description="Divides the logits where rows are drawn from the prior, and nowhere else: "
        "below 1 nearer to each tag's more likely value, above 1 nearer to a coin's.",
    )


class BaselineOptions(Section):
    """Options of independent_bernoulli and of nearest_neighbour: none."""
