"""Config options that only ptychography has."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat, model_validator

from studygrid.study import Section


class LossOptions(Section):
    """The loss of `baseline`, whose labels are the object's patches; `pinn` has no options."""

    amplitude: NonNegativeFloat = Field(
        1.0, description="Of `baseline`: weight of the mean absolute error of the amplitude."
    )
    phase: NonNegativeFloat = Field(
        1.0,
        description="Of `baseline`: weight of the mean absolute error of the phase in rad.",
    )
    phase_origin: Literal["group", "object"] = Field(
        "group",
        description="Of `baseline`: `group` counts the phases of its labels from their mean where "
        "the probe lights the group, since no pattern tells more; `object` leaves them as they "
        "are in the object.",
    )

    @model_validator(mode="after")
    def _some_weight(self) -> LossOptions:
        if self.amplitude == self.phase == 0:
            raise ValueError("the loss is empty; give `amplitude` or `phase` a weight above 0")
        return self


class AugmentationOptions(Section):
    """None: a diffraction pattern that is turned or flipped is not of the same probe."""
