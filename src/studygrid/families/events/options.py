"""Config options that only event tokenizers have."""

from __future__ import annotations

from pydantic import Field, NonNegativeFloat

from studygrid.study import Section


class LossOptions(Section):
    """The loss of the autoencoders, and what their anomaly score is made of.

    Of an event: mean squared error of its tokens + `class_weight` times the cross-entropy of their
    classes + `globals_weight` times the mean squared error of the globals.
    """

    training_alone = ("commitment",)

    globals_weight: NonNegativeFloat = Field(
        0.1,
        description="Weight of the globals' mean squared error, in the loss and in the anomaly "
        "score; 0 leaves the globals out of both.",
    )
    class_weight: NonNegativeFloat = Field(
        0.1, description="Weight of the cross-entropy of the tokens' particle classes, in nats."
    )
    commitment: NonNegativeFloat = Field(
        0.25,
        description="Of the tokenizer `vq`: weight of the mean squared distance of latent tokens "
        "from their codes, in training. Validation and test do not count it, so that the loss of "
        "all tokenizers is one.",
    )


class AugmentationOptions(Section):
    """None: an event that is turned is another one where the detector is not round."""
