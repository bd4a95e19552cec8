"""Config options of the dataset `tag_mixture`."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from studygrid.families.tagvae.data.options import RowOptions


class TagMixtureOptions(RowOptions):
    """Rows drawn from topics with known probabilities of each tag and each pair of tags."""

    rows: PositiveInt = Field(4000, description="Rows to draw; more rows begin with the fewer.")
    tags: Annotated[int, Field(ge=2)] = Field(64, description="Tags that there are.")
    topics: PositiveInt = Field(8, description="Topics; each row is of one.")
    tags_per_row: PositiveFloat = Field(6.0, description="Mean number of tags of a row.")
    spread: NonNegativeFloat = Field(
        2.0,
        description="How much a tag's log-odds differ between topics, in standard deviations; 0: "
        "all tags are independent of each other.",
    )
    seed: NonNegativeInt = Field(0, description="Seed of topics and rows; not the seed of a run.")

    @model_validator(mode="after")
    def _fewer_than_all(self) -> TagMixtureOptions:
        if self.tags_per_row >= self.tags:
            raise ValueError(
                f"`tags_per_row` ({self.tags_per_row:g}) should be below `tags` ({self.tags})"
            )
        return self
