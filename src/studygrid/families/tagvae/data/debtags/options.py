"""Config options of the dataset `debtags`."""

from __future__ import annotations

from pydantic import Field, PositiveInt

from studygrid.families.tagvae.data.options import MIN_ROW_TAGS, MIN_TAG_ROWS, RowOptions


class DebtagsOptions(RowOptions):
    """Software packages with their tags, from Debian's package debtags."""

    path: str | None = Field(
        None,
        description="tags-current.gz, or the folder that debtags was unpacked into; null: where "
        "Debian installs it.",
    )
    min_tag_rows: PositiveInt = Field(50, description=MIN_TAG_ROWS)
    min_row_tags: PositiveInt = Field(3, description=MIN_ROW_TAGS)
