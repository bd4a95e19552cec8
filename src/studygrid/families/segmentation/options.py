"""Config options that only segmentation has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, model_validator

from studygrid.study import Probability, Section

_WEIGHTS = ("bce", "dice", "focal")


class LossOptions(Section):
    """A weighted sum of losses; naming any weight sets the weights that are not named to 0."""

    together = _WEIGHTS

    bce: NonNegativeFloat = Field(
        0.5, description="Weight of cross-entropy: binary with two classes, else over all classes."
    )
    dice: NonNegativeFloat = Field(0.5, description="Weight of the soft Dice loss.")
    focal: NonNegativeFloat = Field(0.0, description="Weight of the focal loss.")
    positive_weight: PositiveFloat | None = Field(
        None, description="Of cross-entropy with two classes: what a foreground pixel counts."
    )
    focal_gamma: NonNegativeFloat = Field(
        2.0, description="Of the focal loss: how far pixels that are right already are left out."
    )
    focal_alpha: Probability | None = Field(
        None,
        description="Of the focal loss: what a foreground pixel counts; one of the background "
        "counts 1 minus that. null: each counts 1.",
    )
    dice_smooth: PositiveFloat = Field(
        1.0, description="Of the Dice loss: pixels added to the overlap and to the sum of areas."
    )

    @model_validator(mode="before")
    @classmethod
    def _named_weights_replace_the_defaults(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and any(name in values for name in _WEIGHTS):
            return {**dict.fromkeys(_WEIGHTS, 0.0), **values}
        return values

    @model_validator(mode="after")
    def _some_weight(self) -> LossOptions:
        if self.bce == self.dice == self.focal == 0:
            raise ValueError("the loss is empty; give `bce`, `dice` or `focal` a weight above 0")
        return self


class AugmentationOptions(Section):
    """Random changes of training images and their masks, drawn anew each time one is used."""

    horizontal_flip: Probability = Field(0.0, description="Probability of a left-right flip.")
    vertical_flip: Probability = Field(0.0, description="Probability of an up-down flip.")
    quarter_turns: bool = Field(
        False, description="Turn by 0, 90, 180 or 270 degrees, each as often."
    )
    crop_padding: NonNegativeInt = Field(
        0,
        description="Pixels of padding on each side, background in the mask and the mean of the "
        "training images, before a random crop to size; 0: none.",
    )
    brightness: NonNegativeFloat = Field(
        0.0,
        description="Largest shift of an image's values, up or down, in standard deviations of "
        "the training images.",
    )
    contrast: Probability = Field(
        0.0,
        description="Largest change of an image's spread about its own mean: 0.2 multiplies it "
        "by 0.8 to 1.2.",
    )
    noise: NonNegativeFloat = Field(
        0.0,
        description="Standard deviation of the normal noise added to each value, in standard "
        "deviations of the training images.",
    )
