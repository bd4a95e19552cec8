"""Config options that all datasets of tags have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt

from studygrid.section import Section

Fraction = Annotated[float, Field(gt=0, lt=0.5)]

MIN_TAG_ROWS = (
    "Rows that a tag must be in, or it is left out; counted before equal rows are removed."
)
MIN_ROW_TAGS = (
    "Tags that a row must have, or it is left out; counted among the tags that are kept, and "
    "again among those of the vocabulary."
)


class RowOptions(Section):
    """How rows are chosen and split."""

    min_tag_rows: PositiveInt = Field(1, description=MIN_TAG_ROWS)
    min_row_tags: PositiveInt = Field(1, description=MIN_ROW_TAGS)
    validation_fraction: Fraction = Field(0.15, description="Share of the validation split.")
    test_fraction: Fraction = Field(0.15, description="Share of the test split.")
    split_seed: NonNegativeInt = Field(
        0,
        description="Seed of the split. A row's own tags and this number alone decide which split "
        "it is in.",
    )
