"""Config options of the architectures of ptychography."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt

from studygrid.section import Section


class NetworkOptions(Section):
    """Options of pinn and of baseline, which are the same network."""

    width: Annotated[int, Field(ge=1, le=512)] = Field(
        16,
        description="Channels of the first level, at half the pattern's side; each level below "
        "has twice as many.",
    )
    depth: Annotated[int, Field(ge=1, le=6)] = Field(
        3, description="How often the pattern is halved; its side must be a multiple of 2^depth."
    )
    phase_passes: NonNegativeInt = Field(
        20,
        description="Passes in which the phases of patches are made to agree where the object is "
        "assembled, in validation and test; 0 takes them as predicted.",
    )


class EngineOptions(Section):
    """Options of iterative, which works on the patterns that are scored, and learns nothing."""

    iterations: PositiveInt = Field(
        100, description="Steps of the object, each from all patterns of a scan."
    )
