"""Config options of the user's own table of tags."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt, model_validator

from studygrid.families.tagvae.data.options import MIN_TAG_ROWS, RowOptions

Column = Annotated[str, Field(min_length=1)]


class TagTableOptions(RowOptions):
    """A CSV, Parquet or NPZ file of 0 and 1, one column a tag, or of one list of tags a row."""

    file: str = Field(..., description="The file: .csv, .tsv, .parquet or .npz.")
    tags_column: Column | None = Field(
        None,
        description="Column that holds a list of tags; null: each column is a tag, 0 or 1. Not "
        "for .npz.",
    )
    separator: Annotated[str, Field(min_length=1)] = Field(
        ",", description="With `tags_column`: what stands between two tags of a list."
    )
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        None,
        description="What stands between two cells of a line; null: a comma in .csv, a tab in "
        ".tsv.",
    )
    id_column: Column | None = Field(
        None, description="Column of a row's own name, by which errors tell it. It is no tag."
    )
    split_column: Column | None = Field(
        None,
        description="Column of train, validation and test; null: split here. An .npz has an "
        "array `split` for it.",
    )
    leave_out: list[Column] = Field([], description="Other columns that are no tags.")
    min_tag_rows: PositiveInt = Field(10, description=MIN_TAG_ROWS)

    @model_validator(mode="after")
    def _each_column_has_one_part(self) -> TagTableOptions:
        named = [self.tags_column, self.id_column, self.split_column, *self.leave_out]
        given = [name for name in named if name is not None]
        twice = sorted({name for name in given if given.count(name) > 1})
        if twice:
            raise ValueError(
                f"the column {twice[0]!r} is named twice among `tags_column`, `id_column`, "
                "`split_column` and `leave_out`"
            )
        return self
