"""What a zone plate's geometry means for the pixels, in numbers alone. Cheap to import."""

from __future__ import annotations

from studygrid.families.ptychography.data.simulated.options import ZonePlateOptions

_NM, _UM = 1e-9, 1e-6
# What is taken where nothing is given, m, for each px of the pattern's side.
_DISTANCE_M_PER_PX = 1 / 64
_DEFOCUS_M_PER_PX = 7e-6


def distance_m(plate: ZonePlateOptions, resolution: int) -> float:
    """Return the distance from the object to the detector, m."""
    return resolution * _DISTANCE_M_PER_PX if plate.distance_m is None else plate.distance_m


def defocus_m(plate: ZonePlateOptions, resolution: int) -> float:
    """Return the distance from the focus to the object, m."""
    return resolution * _DEFOCUS_M_PER_PX if plate.defocus_um is None else plate.defocus_um * _UM


def object_pixel_m(plate: ZonePlateOptions, resolution: int) -> float:
    """Return the side of a pixel of the object, m: ``dx = wavelength z / (N detector_pixel)``."""
    width = resolution * plate.detector_pixel_um * _UM
    return plate.wavelength_nm * _NM * distance_m(plate, resolution) / width


def focal_length_m(plate: ZonePlateOptions) -> float:
    """Return the focal length, m: ``diameter outer_zone / wavelength``.

    Source: Attwood and Sakdinawat, X-Rays and Extreme Ultraviolet Radiation, 2nd edition,
    chapter 10.
    """
    return plate.diameter_um * _UM * plate.outer_zone_nm / plate.wavelength_nm


def sampling_fault(plate: ZonePlateOptions, resolution: int) -> str | None:
    """Return why the detector does not hold the light of the bare zone plate, or None.

    The plate lights angles up to ``wavelength / (2 outer_zone)``, the detector holds those below
    ``N detector_pixel / (2 z)``; beyond it the probe would be sampled too coarsely.
    """
    wavelength, zone = plate.wavelength_nm * _NM, plate.outer_zone_nm * _NM
    distance, width = distance_m(plate, resolution), resolution * plate.detector_pixel_um * _UM
    cone = distance * wavelength / zone
    if cone < width:
        return None
    least_zone = wavelength * distance / width / _NM
    ways = [f"`zone_plate.outer_zone_nm` above {least_zone:.4g}"]
    if plate.distance_m is not None:
        ways.append(f"`zone_plate.distance_m` below {width * zone / wavelength:.4g}")
        least_px = int(cone / (plate.detector_pixel_um * _UM)) + 1
        ways.append(f"grid.resolution {least_px + least_px % 2} or more")
    else:
        ways.append(f"`zone_plate.wavelength_nm` below {width * zone / distance / _NM:.4g}")
    return (
        f"at {distance:g} m the zone plate's cone of light is {cone * 1e3:.4g} mm wide, and the "
        f"detector of {resolution} px only {width * 1e3:.4g} mm; set {' or '.join(ways)}"
    )
