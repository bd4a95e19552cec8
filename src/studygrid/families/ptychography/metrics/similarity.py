"""Structural similarity, at one scale and at five."""

from __future__ import annotations

from skimage.metrics import structural_similarity

from studygrid.families.base import Undefined
from studygrid.families.ptychography.aligned import Part
from studygrid.families.ptychography.metrics.multi_scale import (
    LEAST_SIDE_PX,
    WINDOW_PX,
    multi_scale_similarity,
)
from studygrid.families.ptychography.metrics.over_scans import (
    mean_of_amplitude,
    mean_of_phase,
    require_range,
)
from studygrid.families.ptychography.predictions import Predictions


def ssim(part: Part) -> float:
    """Return the SSIM with a Gaussian window of sigma 1.5 px, between -1 and 1.

    Source: Wang et al., IEEE TIP 13 (2004), with its constants.

    Raises
    ------
    Undefined
        If a side is below 11 px or the truth is constant.
    """
    _require_side(part, WINDOW_PX, "SSIM")
    return float(
        structural_similarity(  # type: ignore[no-untyped-call]
            part.truth,
            part.found,
            data_range=require_range(part),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def ms_ssim(part: Part) -> float:
    """Return the MS-SSIM over five scales, between 0 and 1; see `multi_scale`.

    Raises
    ------
    Undefined
        If a side is below 176 px or the truth is constant.
    """
    _require_side(part, LEAST_SIDE_PX, "MS-SSIM of five scales")
    return multi_scale_similarity(part.truth, part.found, require_range(part))


def amplitude_ssim(predictions: Predictions) -> float:
    """Return the structural similarity of the amplitude."""
    return mean_of_amplitude(ssim, predictions)


def amplitude_ms_ssim(predictions: Predictions) -> float:
    """Return the structural similarity of the amplitude over five scales."""
    return mean_of_amplitude(ms_ssim, predictions)


def phase_ssim(predictions: Predictions) -> float:
    """Return the structural similarity of the phase."""
    return mean_of_phase(_phase_ssim, predictions)


def phase_ms_ssim(predictions: Predictions) -> float:
    """Return the structural similarity of the phase over five scales."""
    return mean_of_phase(_phase_ms_ssim, predictions)


def _phase_ssim(part: Part) -> float:
    return ssim(_from_least(part))


def _phase_ms_ssim(part: Part) -> float:
    return ms_ssim(_from_least(part))


def _from_least(part: Part) -> Part:
    """Measure phases from the truth's least one.

    The luminance term compares means as shares of each other, of intensities that start at 0.
    Phases have no zero of their own: around one it would jump between -1 and 1.
    """
    least = part.truth.min()
    return Part(part.scan, part.truth - least, part.found - least, part.error)


def _require_side(part: Part, least: int, name: str) -> None:
    height, width = part.truth.shape
    if min(height, width) < least:
        raise Undefined(
            f"the area of scan {part.scan} is {height} x {width} px; {name} needs {least} x {least}"
        )
