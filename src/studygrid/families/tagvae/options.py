"""Config options that only tag VAEs have."""

from __future__ import annotations

from pydantic import Field, NonNegativeFloat

from studygrid.study import Probability, Section


class LossOptions(Section):
    """The loss of a row in nats: BCE summed over the tags + beta times KL over the units."""

    training_alone = ("beta_warmup",)

    beta: NonNegativeFloat = Field(
        1.0, description="Weight of the KL; 1 is the evidence lower bound, 0 an autoencoder."
    )
    beta_warmup: Probability = Field(
        0.0,
        description="Part of the budget in which beta rises linearly from 0. Validation and test "
        "always count the whole of it.",
    )


class AugmentationOptions(Section):
    """None: rows of tags are not augmented. What is dropped of them is an option of the model."""
