"""Config options of every network."""

from __future__ import annotations

from pydantic import Field

from studygrid.study import Section


class NetworkOptions(Section):
    """Options of every architecture."""

    weights: str | None = Field(
        None,
        description="File of a state dict to start from; a head of another size is left out.",
    )
