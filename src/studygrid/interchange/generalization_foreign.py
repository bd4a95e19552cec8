"""What the tables of the guide's own program hold that is another quantity than ours.

Its PSNR is of the peak 255, whatever the values, and so 48.13 dB more than of the peak 1. Its
crossings of the Fourier ring correlation are numbers of rings, which depend on the image's side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

from studygrid.interchange.generalization_table import Measured

_PEAKS: Final = (255.0, 1.0)
_ROUNDED: Final = 0.5e-6  # the tables have six decimals
_SLACK_DB: Final = 1e-3
RINGS: Final = ("frc50", "frc1over7")


def is_foreign(one: Measured) -> bool:
    """Tell whether a number is of a table without our columns."""
    return one.unit is None


def psnr_peaks(rows: Iterable[Measured]) -> dict[tuple[str, int | None, str], float | None]:
    """Return the peak of each PSNR of a table, by model, seed and part.

    It follows from the MSE beside it: PSNR = 10 log10(peak² / MSE). None where that is neither
    255 nor 1, or there is no MSE.
    """
    found = list(rows)
    errors = {_place(one): one.value for one in found if one.metric == "mse"}
    return {
        _place(one): _peak(one.value, errors.get(_place(one)))
        for one in found
        if one.metric == "psnr"
    }


def _place(one: Measured) -> tuple[str, int | None, str]:
    return one.model, one.seed, one.part


def _peak(psnr: float | None, mse: float | None) -> float | None:
    if psnr is None or mse is None or mse <= 0:
        return None
    slack = _SLACK_DB + 10 / math.log(10) * _ROUNDED / mse
    for peak in _PEAKS:
        if abs(psnr - 10 * math.log10(peak**2 / mse)) <= slack:
            return peak
    return None


def foreign_unit(
    one: Measured, peaks: Mapping[tuple[str, int | None, str], float | None]
) -> str | None:
    """Return what a number of such a table is in, where that must be known; else None."""
    if one.metric in RINGS:
        return "ring"
    if one.metric == "psnr":
        peak = peaks.get(_place(one))
        return "dB, peak not known" if peak is None else f"dB, peak {peak:g}"
    return None


def foreign_column(
    one: Measured, peaks: Mapping[tuple[str, int | None, str], float | None]
) -> str | None:
    """Return the name of a column for a number that is no metric of ours; None if it is one."""
    if one.metric in RINGS:
        return f"{one.part}_{one.metric}_ring"
    if one.metric == "psnr":
        peak = peaks.get(_place(one))
        return f"{one.part}_psnr_peak_{'unknown' if peak is None else f'{peak:g}'}"
    return None
