"""Config options of the architectures of event tokenizers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from studygrid.section import Section, Share

Tokenizer = Literal["none", "linear", "vq"]
Width = Annotated[int, Field(ge=1, le=4096)]

OF_VQ = ("codes", "codebook_decay", "restart_below")


class AutoencoderOptions(Section):
    """Options of every autoencoder, whatever its encoder."""

    tokenizer: Tokenizer = Field(
        "vq",
        description="What a latent token is: `none` its `width` numbers as the encoder gives them, "
        "`linear` `latent_dim` numbers, `vq` the nearest of `codes` vectors of `latent_dim` "
        "numbers.",
    )
    latent_tokens: Annotated[int, Field(ge=1, le=1024)] = Field(
        4, description="Latent tokens of an event."
    )
    latent_dim: Width = Field(
        8, description="Numbers of a latent token; with the tokenizer `none` it is `width`."
    )
    codes: Annotated[int, Field(ge=2, le=65536)] = Field(
        256, description="Of `vq`: vectors of the codebook."
    )
    codebook_decay: Share = Field(
        0.99,
        description="Of `vq`: what the moving averages that make the codebook keep at each pass "
        "of a (micro-)batch.",
    )
    restart_below: Share = Field(
        0.1,
        description="Of `vq`: a code that is used less than this share of what equal use would be, "
        "by the moving average, starts again at a latent token of the batch; 0 restarts none. At "
        "the first training batch all codes start so.",
    )
    width: Width = Field(64, description="Numbers of a particle within the networks.")
    depth: Annotated[int, Field(ge=1, le=64)] = Field(
        2, description="Blocks of the encoder, and of the decoder."
    )
    heads: PositiveInt = Field(4, description="Heads of each attention; they divide `width`.")

    @model_validator(mode="before")
    @classmethod
    def _without_a_bottleneck(cls, values: Any) -> Any:
        """Set `latent_dim` of the tokenizer `none`, whose size is no choice of its own."""
        if not isinstance(values, dict) or values.get("tokenizer") != "none":
            return values
        width = values.get("width", cls.model_fields["width"].default)
        return {**values, "latent_dim": values.get("latent_dim", width)}

    @model_validator(mode="after")
    def _has_a_codebook(self) -> AutoencoderOptions:
        if self.tokenizer == "vq":
            return self
        fields = type(self).model_fields
        unread = [name for name in OF_VQ if getattr(self, name) != fields[name].default]
        if unread:
            raise ValueError(
                f"`{unread[0]}` is of the tokenizer vq, and this one is {self.tokenizer}, which "
                "has no codebook; leave it out"
            )
        return self

    @model_validator(mode="after")
    def _sizes_agree(self) -> AutoencoderOptions:
        if self.tokenizer == "none" and self.latent_dim != self.width:
            raise ValueError(
                f"`latent_dim` is {self.latent_dim}, but with the tokenizer `none` a latent token "
                f"has all {self.width} numbers of `width`; leave `latent_dim` out"
            )
        if self.width % self.heads:
            raise ValueError(
                f"`width` is {self.width}, which {self.heads} heads do not divide; choose `heads` "
                "or `width` so that they do"
            )
        return self


class MlpOptions(AutoencoderOptions):
    """Options of mlp: each particle by itself, until they are pooled."""


class TransformerOptions(AutoencoderOptions):
    """Options of transformer: every particle attends to every other."""


class GnnOptions(AutoencoderOptions):
    """Options of gnn: particles get messages from their nearest neighbours."""

    neighbours: Annotated[int, Field(ge=1, le=256)] = Field(
        8,
        description="Nearest other particles by distance in eta and phi; fewer where an event has "
        "no more.",
    )


class IsolationForestOptions(Section):
    """Options of isolation_forest, which works on the globals; see scikit-learn."""

    trees: PositiveInt = Field(200, description="Trees of the forest.")
    events_per_tree: Annotated[int, Field(ge=2)] = Field(
        256, description="Training events that each tree is grown on; all where there are fewer."
    )


class SupervisedOptions(Section):
    """Options of supervised: boosted trees on the globals, trained with the reference signals."""

    trees: PositiveInt = Field(200, description="Rounds of boosting, each of one tree.")
    leaves: Annotated[int, Field(ge=2, le=255)] = Field(15, description="Most leaves of a tree.")
    learning_rate: PositiveFloat = Field(0.05, description="Share that each tree adds.")
    events_per_leaf: PositiveInt = Field(20, description="Fewest training events of a leaf.")
