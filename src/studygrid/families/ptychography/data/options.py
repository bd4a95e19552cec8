"""Config options that both datasets have: how patterns become groups, and which are taken."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from studygrid.section import Section

Selection = Literal["random", "sequential"]


class GroupOptions(Section):
    """How patterns become groups, and which of them a training subset takes."""

    gridsize: Annotated[int, Field(ge=1, le=4)] = Field(
        1, description="A group is gridsize squared patterns that lie close together."
    )
    neighbours: PositiveInt | None = Field(
        None,
        description="Nearest patterns of a sampled pattern from which the others of its group are "
        "drawn; null: 4 gridsize squared. Without meaning where gridsize is 1.",
    )
    selection: Selection = Field(
        "random",
        description="Which groups a training subset takes: `random` spreads them over the "
        "objects; `sequential` takes the first in scan order, a small part of one object.",
    )
    test_patterns: PositiveInt | None = Field(
        None,
        description="Patterns of the test split: a compact block around the middle of the test "
        "scan, in equal parts of several; the same for all runs. null: all.",
    )
    group_seed: NonNegativeInt = Field(
        0, description="Seed by which groups are drawn; not the seed of a run."
    )

    @model_validator(mode="after")
    def _enough_neighbours(self) -> GroupOptions:
        others = self.gridsize**2 - 1
        if self.neighbours is not None and self.neighbours < others:
            raise ValueError(
                f"`neighbours` ({self.neighbours}) should be at least {others}: with `gridsize` "
                f"{self.gridsize} a group has {others} patterns beside the sampled one"
            )
        return self
