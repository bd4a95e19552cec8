"""Config options of the dataset `cracks`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from studygrid.section import Probability, Section

Background = Literal["concrete", "brick", "gravel", "grass", "cells"]
_Width = Annotated[float, Field(ge=0.002, le=0.2)]
_Contrast = Annotated[float, Field(gt=0, lt=1)]


class CracksOptions(Section):
    """Cracked surfaces that are drawn, one seed an image; the mask of each is exact."""

    train: PositiveInt = Field(1600, description="Images of the training split.")
    validation: PositiveInt = Field(200, description="Images of the validation split.")
    test: PositiveInt = Field(400, description="Images of the test split.")
    seed: NonNegativeInt = Field(0, description="Seed of all images; not the seed of a run.")
    backgrounds: list[Background] = Field(
        ["concrete", "brick", "gravel", "grass", "cells"],
        min_length=1,
        description="What the cracks run through, one drawn for each image: concrete is made up, "
        "brick, gravel and grass are parts of photographs in scikit-image, cells are photovoltaic "
        "cells without defects from elpv-dataset.",
    )
    empty_fraction: Annotated[Probability, Field(lt=1)] = Field(
        0.1, description="Probability of an image with no crack."
    )
    width: list[_Width] = Field(
        [0.016, 0.045],
        min_length=2,
        max_length=2,
        description="Least and greatest width of a crack where it starts, as share of the image's "
        "side; branches are thinner.",
    )
    contrast: list[_Contrast] = Field(
        [0.3, 0.75],
        min_length=2,
        max_length=2,
        description="Least and greatest share of the light that a crack takes away.",
    )
    distractors: Probability = Field(
        0.35,
        description="Probability, for each of them, of stains, a shadow, scratches and joints, "
        "which are no cracks.",
    )

    @field_validator("width", "contrast")
    @classmethod
    def _is_range(cls, values: list[float]) -> list[float]:
        if values[0] > values[1]:
            raise ValueError("the first number must not be greater than the second")
        return values

    @field_validator("backgrounds")
    @classmethod
    def _is_named_once(cls, names: list[Background]) -> list[Background]:
        if len(set(names)) < len(names):
            raise ValueError("names a background twice")
        return names
