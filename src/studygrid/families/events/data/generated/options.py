"""Config options of the dataset `generated_events`, and what a shard of it is made by."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from studygrid.families.events.data.options import EventOptions
from studygrid.section import Section


class SignalEvents(Section):
    """Events of each signal that pass the selection; 0 leaves a signal out."""

    xy: NonNegativeInt = Field(
        2000, description="W' -> X Y, and each to two quarks: two jets of two prongs."
    )
    wz: NonNegativeInt = Field(2000, description="W' -> W Z, both to quarks.")
    tt: NonNegativeInt = Field(2000, description="Z' -> t tbar, with all decays of the top quark.")


class GeneratorOptions(Section):
    """Settings of Pythia; all others are its own."""

    beams_gev: PositiveFloat = Field(
        13000.0, description="Energy of the two protons together (Beams:eCM), GeV."
    )
    pt_hat_min_gev: PositiveFloat = Field(
        1150.0,
        description="Least transverse momentum of the hard process of the background "
        "(PhaseSpace:pTHatMin), GeV. Far below the selection's, few events pass; above it, the "
        "background lacks events that the selection keeps.",
    )
    resonance_mass_gev: PositiveFloat = Field(3500.0, description="Mass of W' and Z', GeV.")
    x_mass_gev: Annotated[float, Field(ge=50)] = Field(500.0, description="Mass of X, GeV.")
    y_mass_gev: Annotated[float, Field(ge=30)] = Field(100.0, description="Mass of Y, GeV.")
    extra: list[str] = Field(
        [],
        description="Further lines for Pythia, read last and for every sample, such as "
        "`PartonLevel:MPI = off`.",
    )

    @model_validator(mode="after")
    def _decays(self) -> GeneratorOptions:
        together, least = self.x_mass_gev + self.y_mass_gev, 0.8 * self.resonance_mass_gev
        if together >= least:
            raise ValueError(
                f"`x_mass_gev` and `y_mass_gev` are {together:g} together and should be below "
                f"{least:g}, the least mass of a W' (0.8 of `resonance_mass_gev`)"
            )
        return self


class SelectionOptions(Section):
    """Which particles are seen, how they make jets, and which events are kept."""

    particle_pt_min_gev: PositiveFloat = Field(
        0.5, description="Least transverse momentum of a particle, GeV."
    )
    particle_eta_max: PositiveFloat = Field(
        2.5, description="Greatest pseudorapidity of a particle, on both sides."
    )
    jet_radius: Annotated[float, Field(gt=0, le=1.5)] = Field(
        1.0, description="R of the anti-kT jets; also R0 of the N-subjettiness."
    )
    leading_jet_pt_min_gev: PositiveFloat = Field(
        1000.0, description="Least transverse momentum of the leading jet, GeV."
    )
    jet_pt_min_gev: PositiveFloat = Field(
        200.0, description="Least transverse momentum of the second jet, GeV."
    )


class GeneratedEventsOptions(EventOptions):
    """Events of Pythia, clustered by FastJet, without a detector."""

    background: Annotated[int, Field(ge=10)] = Field(
        20000, description="Background events (QCD jets) that pass the selection."
    )
    signals: SignalEvents = Field(
        SignalEvents.model_validate({}), description="Events of each signal."
    )
    shard_events: PositiveInt = Field(
        2000,
        description="Events of a shard. A shard is a job; those that are made are used again by "
        "every study that asks for the same.",
    )
    max_particles: PositiveInt = Field(
        256, description="Hardest particles of an event that a shard keeps: the largest resolution."
    )
    # Seeds of shards are told apart by arithmetic, and Pythia takes them up to 900,000,000.
    seed: Annotated[int, Field(ge=0, le=4000)] = Field(
        0, description="Seed of the events; not the seed of a run."
    )
    generator: GeneratorOptions = Field(
        GeneratorOptions.model_validate({}), description="Settings of Pythia."
    )
    selection: SelectionOptions = Field(
        SelectionOptions.model_validate({}), description="Which events and particles are kept."
    )


class ShardOptions(Section):
    """All that decides a shard's content.

    Attributes
    ----------
    sample
        Name of the process.
    lines
        What Pythia is told, but its seed.
    versions
        Of the packages that make it.
    """

    sample: str
    events: PositiveInt
    random_seed: PositiveInt
    lines: list[str]
    selection: SelectionOptions
    max_particles: PositiveInt
    versions: dict[str, str]
