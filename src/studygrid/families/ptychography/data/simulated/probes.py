"""Probes: the wave that lights the object, in the window of a patch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.ptychography.data.simulated.options import (
    DiskOptions,
    GaussianOptions,
    SimulatedScansOptions,
    ZonePlateOptions,
)
from studygrid.families.ptychography.data.simulated.sampling import (
    defocus_m,
    distance_m,
    focal_length_m,
    object_pixel_m,
    sampling_fault,
)

# A probe is computed in a window as many times as wide, and what falls outside is cut off.
_WIDER = 4
_MOST_CUT = 0.05
# In the outermost sixteenth of the detector on either side the bare probe has no light to speak of.
_BORDER = 16
_MOST_AT_BORDER = 0.01
_NM, _UM = 1e-9, 1e-6

Wave = NDArray[np.complex128]


def make_probe(options: SimulatedScansOptions, resolution: int) -> NDArray[np.complex64]:
    """Return the probe, complex64 of shape (N, N), its middle at N/2, its energy 1.

    Raises
    ------
    DataError
        If the detector does not hold its light, or the window of a patch does not.
    """
    if options.probe == "zone_plate":
        wide = zone_plate_wave(options.zone_plate, resolution)
    elif options.probe == "disk":
        wide = disk_wave(options.disk, resolution)
    else:
        wide = gaussian_wave(options.gaussian, resolution)
    first = (len(wide) - resolution) // 2
    window = slice(first, first + resolution)
    probe = wide[window, window]
    inside = _energy(probe)
    _check_window(1 - inside / _energy(wide), options.probe, resolution)
    _check_detector(probe, options.probe, resolution)
    normalised: NDArray[np.complex64] = (probe / np.sqrt(inside)).astype(np.complex64)
    return normalised


def zone_plate_wave(plate: ZonePlateOptions, resolution: int) -> Wave:
    """Return the wave behind a zone plate and out of its focus, in a wide window.

    Its far field is an open ring between stop and rim, with the phase
    ``-pi wavelength defocus (u^2 + v^2)`` of Fresnel propagation. Source: Goodman, Introduction
    to Fourier Optics, section 4.2, for the transfer function.

    Raises
    ------
    DataError
        If the detector does not hold its cone of light.
    """
    fault = sampling_fault(plate, resolution)
    if fault:
        raise DataError(f"dataset.zone_plate: {fault}")
    wavelength = plate.wavelength_nm * _NM
    frequency = np.fft.fftfreq(_WIDER * resolution, object_pixel_m(plate, resolution))
    squared = np.square(frequency)[:, None] + np.square(frequency)[None, :]
    # Where light of that direction crosses the plate, as distance from its middle.
    radius = wavelength * np.sqrt(squared) * focal_length_m(plate)
    is_open = (radius < plate.diameter_um * _UM / 2) & (radius > plate.central_stop_um * _UM / 2)
    phase = -np.pi * wavelength * defocus_m(plate, resolution) * squared
    return np.fft.fftshift(np.fft.ifft2(np.where(is_open, np.exp(1j * phase), 0)))


def disk_wave(disk: DiskOptions, resolution: int) -> Wave:
    """Return a disk with a rim that falls as a logistic curve, and a curved wave front."""
    radius, distance = disk.diameter * resolution / 2, _distance(resolution)
    width = disk.edge * resolution
    # tanh does not overflow, as exp does far from the rim.
    amplitude = 0.5 * (1 - np.tanh((distance - radius) / (2 * width)))
    phase = disk.curvature_rad * np.square(distance / radius)
    wave: Wave = amplitude.astype(np.complex128) * np.exp(1j * phase)
    return wave


def gaussian_wave(gaussian: GaussianOptions, resolution: int) -> Wave:
    """Return a Gaussian whose intensity is 1/e^2 at the radius, with a curved wave front."""
    squared = np.square(_distance(resolution) / (gaussian.diameter * resolution / 2))
    wave: Wave = np.exp((1j * gaussian.curvature_rad - 1) * squared)
    return wave


def probe_facts(options: SimulatedScansOptions) -> dict[str, Any]:
    """Return what the record tells of the probe: its kind and its options."""
    chosen = getattr(options, options.probe)
    return {"kind": options.probe, **chosen.model_dump(mode="json")}


def sampling_facts(options: SimulatedScansOptions, resolution: int) -> dict[str, Any]:
    """Return sizes in metres, where the probe has them."""
    if options.probe != "zone_plate":
        return {"object_pixel_m": None}
    plate = options.zone_plate
    return {
        "object_pixel_m": object_pixel_m(plate, resolution),
        "distance_m": distance_m(plate, resolution),
        "wavelength_m": plate.wavelength_nm * _NM,
        "detector_pixel_m": plate.detector_pixel_um * _UM,
        "focal_length_m": focal_length_m(plate),
        "defocus_m": defocus_m(plate, resolution),
    }


def _distance(resolution: int) -> NDArray[np.float64]:
    """Return the distance of each px of a wide window from its middle, px."""
    along = np.arange(_WIDER * resolution) - _WIDER * resolution // 2
    return np.hypot(along[:, None], along[None, :])


def _energy(wave: Wave) -> float:
    return float(np.square(np.abs(wave)).sum())


def _check_window(cut: float, kind: str, resolution: int) -> None:
    if cut <= _MOST_CUT:
        return
    way = (
        "bring `zone_plate.defocus_um` nearer to 0, or raise `zone_plate.distance_m` or "
        "grid.resolution"
        if kind == "zone_plate"
        else f"lower `{kind}.diameter`"
    )
    raise DataError(
        f"dataset.{kind}: {cut:.1%} of the probe's light falls outside the window of "
        f"{resolution} px, at most {_MOST_CUT:.0%} may; {way}"
    )


def _check_detector(probe: Wave, kind: str, resolution: int) -> None:
    far_field = np.fft.fftshift(np.fft.fft2(probe))
    border = max(1, resolution // _BORDER)
    inner = far_field[border:-border, border:-border]
    share = 1 - _energy(inner) / _energy(far_field)
    if share <= _MOST_AT_BORDER:
        return
    way = (
        "lower `zone_plate.distance_m` or raise `zone_plate.outer_zone_nm`"
        if kind == "zone_plate"
        else f"bring `{kind}.curvature_rad` nearer to 0, or raise `{kind}.diameter`"
    )
    raise DataError(
        f"dataset.{kind}: {share:.1%} of the bare probe's light falls on the outermost {border} px "
        f"of the detector, at most {_MOST_AT_BORDER:.0%} may, or it is sampled too coarsely; {way}"
    )
