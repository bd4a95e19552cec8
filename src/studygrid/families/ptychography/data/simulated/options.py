"""Config options of the dataset `simulated_scans`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    ValidationInfo,
    field_validator,
)

from studygrid.config_errors import nearest
from studygrid.families.ptychography.data.options import GroupOptions
from studygrid.families.ptychography.data.simulated.pictures import (
    GENERATED,
    PHOTOGRAPHS,
    is_picture,
)
from studygrid.section import Section

ProbeKind = Literal["zone_plate", "disk", "gaussian"]

_Pair = list[str]
_Diameter = Annotated[float, Field(gt=0, le=0.6)]
_Range = Annotated[list[float], Field(min_length=2, max_length=2)]


class ZonePlateOptions(Section):
    """A Fresnel zone plate with a central stop, and the object out of its focus."""

    wavelength_nm: PositiveFloat = Field(0.14, description="Wavelength of the light, nm.")
    distance_m: PositiveFloat | None = Field(
        None,
        description="From the object to the detector, m; null: resolution / 64, so that a pixel "
        "of the object is as large at every resolution.",
    )
    detector_pixel_um: PositiveFloat = Field(55.0, description="Pixel of the detector, um.")
    diameter_um: PositiveFloat = Field(180.0, description="Diameter of the zone plate, um.")
    outer_zone_nm: PositiveFloat = Field(70.0, description="Width of its outermost zone, nm.")
    central_stop_um: NonNegativeFloat = Field(80.0, description="Diameter of its stop, um.")
    defocus_um: float | None = Field(
        None,
        description="From its focus to the object, um; null: 7 resolution, so that the probe "
        "fills as much of the window of a patch at every resolution.",
    )


class DiskOptions(Section):
    """A disk with a soft rim and a curved wave front."""

    diameter: _Diameter = Field(
        0.4,
        description="Of the disk to where its amplitude is half, as share of the pattern's side.",
    )
    edge: Annotated[float, Field(gt=0, le=0.2)] = Field(
        0.02, description="Width over which its rim falls, as share of the pattern's side."
    )
    curvature_rad: float = Field(
        2.0, description="Phase of the wave at the rim against the middle, rad."
    )


class GaussianOptions(Section):
    """A Gaussian beam with a curved wave front."""

    diameter: _Diameter = Field(
        0.4, description="Of its intensity at 1/e^2, as share of the pattern's side."
    )
    curvature_rad: float = Field(
        2.0, description="Phase of the wave at 1/e^2 of the intensity against the middle, rad."
    )


class SimulatedScansOptions(GroupOptions):
    """Scans of objects that are made of two pictures each, one split an object."""

    train: list[_Pair] = Field(
        [
            ["astronaut", "gravel"],
            ["coffee", "immunohistochemistry"],
            ["grass", "retina"],
            ["rocket", "hubble_deep_field"],
        ],
        min_length=1,
        description="Objects of the training split: pairs of pictures, the first makes the "
        f"amplitude, the second the phase. Photographs are {', '.join(PHOTOGRAPHS)}; "
        f"{' and '.join(GENERATED)} are drawn, each number another: lines:3.",
    )
    validation: list[_Pair] = Field(
        [["brick", "chelsea"]], min_length=1, description="Objects of the validation split."
    )
    test: list[_Pair] = Field(
        [["camera", "coins"]],
        min_length=1,
        description="Objects of the test split. No picture may be in two splits.",
    )
    scan_px: Annotated[int, Field(ge=4)] = Field(
        192,
        description="Side of the square that the first pixels of the patches lie in, px; an "
        "object's side is this and the side of a pattern.",
    )
    amplitude: _Range = Field(
        [0.75, 1.0], description="Least and greatest amplitude of an object, before it is scaled."
    )
    phase_rad: _Range = Field(
        [-0.785, 0.785], description="Least and greatest phase of an object, rad."
    )
    probe: ProbeKind = Field("zone_plate", description="What lights the object.")
    zone_plate: ZonePlateOptions = Field(
        ZonePlateOptions.model_validate({}), description="Where `probe` is zone_plate."
    )
    disk: DiskOptions = Field(DiskOptions.model_validate({}), description="Where `probe` is disk.")
    gaussian: GaussianOptions = Field(
        GaussianOptions.model_validate({}), description="Where `probe` is gaussian."
    )
    step_px: Annotated[float, Field(ge=1)] | None = Field(
        None,
        description="Step of the raster along rows and columns, px; null: as `overlap` asks for, "
        "or 8 where that is null too.",
    )
    overlap: Annotated[float, Field(ge=0, le=0.95)] | None = Field(
        None,
        description="In place of `step_px`: 1 - step / diameter of the probe, which is 4 standard "
        "deviations of its intensity.",
    )
    jitter: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.3,
        description="How far a position lies off the raster at most, along rows and columns, as "
        "share of the step.",
    )
    photons: PositiveFloat = Field(1e6, description="Mean counts of a pattern of a scan.")
    seed: NonNegativeInt = Field(
        0, description="Seed of positions, noise and drawn pictures; not the seed of a run."
    )

    @field_validator("train", "validation", "test")
    @classmethod
    def _are_pairs(cls, pairs: list[_Pair]) -> list[_Pair]:
        for pair in pairs:
            if len(pair) != 2 or pair[0] == pair[1]:
                raise ValueError(
                    f"{pair} should name two different pictures: [amplitude, phase]; with one "
                    "picture for both, the phase could be told from the amplitude"
                )
            for name in pair:
                if not is_picture(name):
                    known = [*PHOTOGRAPHS, *(f"{kind}:0" for kind in GENERATED)]
                    hint = nearest(name, known) or f"valid: {', '.join(known)}"
                    raise ValueError(f"{name!r} is no picture; {hint}")
        return pairs

    @field_validator("amplitude", "phase_rad")
    @classmethod
    def _is_range(cls, values: Sequence[float]) -> Sequence[float]:
        if values[0] > values[1]:
            raise ValueError("the first number must not be greater than the second")
        return values

    @field_validator("amplitude")
    @classmethod
    def _lets_light_through(cls, values: Sequence[float]) -> Sequence[float]:
        if values[0] < 0 or values[1] == 0:
            raise ValueError("should be 0 or more, and the second number above 0")
        return values

    @field_validator("overlap")
    @classmethod
    def _is_in_place_of_step(cls, overlap: float | None, info: ValidationInfo) -> float | None:
        if overlap is not None and info.data.get("step_px") is not None:
            raise ValueError("stands in place of `step_px`, which is given too; leave one out")
        return overlap

    @field_validator("zone_plate")
    @classmethod
    def _is_open(cls, plate: ZonePlateOptions) -> ZonePlateOptions:
        if plate.central_stop_um >= plate.diameter_um:
            raise ValueError(
                f"`central_stop_um` ({plate.central_stop_um:g}) should be below `diameter_um` "
                f"({plate.diameter_um:g}), or no light passes"
            )
        return plate
