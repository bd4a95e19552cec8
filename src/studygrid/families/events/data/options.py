"""Config options that all datasets of events have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt

from studygrid.section import Section, Share

Fraction = Annotated[float, Field(gt=0, lt=0.5)]


class EventOptions(Section):
    """How events are split, and what of them no model is given."""

    left_out: list[str] = Field(
        ["mjj"],
        description="Globals that no model is given and no score is made of; they are kept beside "
        "the data. By default the mass of the two jets, which the generator's cuts shape.",
    )
    validation_fraction: Fraction = Field(
        0.1, description="Share of the background events in the validation split."
    )
    test_fraction: Fraction = Field(
        0.25, description="Share of the background events in the test split."
    )
    reference_fraction: Share = Field(
        0.5,
        description="Share of each signal's events that the architecture `supervised` is trained "
        "with; they are in no split, the others are in the test split.",
    )
    split_seed: NonNegativeInt = Field(0, description="Seed of the splits; not the seed of a run.")
