"""Config options of the dataset `kradfile`."""

from __future__ import annotations

from pydantic import Field, PositiveInt

from studygrid.families.tagvae.data.options import MIN_ROW_TAGS, MIN_TAG_ROWS, RowOptions


class KradfileOptions(RowOptions):
    """Kanji with their components as tags, from the installed package jamdict."""

    min_tag_rows: PositiveInt = Field(20, description=MIN_TAG_ROWS)
    min_row_tags: PositiveInt = Field(2, description=MIN_ROW_TAGS)
