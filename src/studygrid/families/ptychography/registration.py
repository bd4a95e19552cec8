"""How far an object lies beside another, and moving it by parts of a px."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.signal import windows
from skimage.registration import phase_cross_correlation

STEP_PX = 0.02
_UPSAMPLING = 50
_NO_STRUCTURE = 1e-5

Complex = NDArray[np.complex128]
Shift = tuple[float, float]


def shift_onto(truth: Complex, found: Complex) -> Shift | None:
    """Return by how many px `found` has to be moved to lie on `truth`, in steps of 0.02 px.

    It is the peak of the cross-correlation of the two complex objects less their means, under a
    Hann window. The correlation is not whitened (``normalization=None``): whitening gives the
    frequencies that a reconstruction lacks, and its noise, the same say as what it has got right.
    As the window does not move along, a shift is found too small; ask again after moving.

    Source: Guizar-Sicairos, Thurman and Fienup, Optics Letters 33 (2008) 156.

    Parameters
    ----------
    found, truth
        Shape (height, width), alike but for the shift: without a ramp between them.

    Returns
    -------
    Down the rows and along the columns; None where one of the two has no structure.
    """
    ours, true = _structure(found), _structure(truth)
    if ours is None or true is None:
        return None
    shift, _, _ = phase_cross_correlation(  # type: ignore[no-untyped-call]
        true, ours, upsample_factor=_UPSAMPLING, normalization=None
    )
    return float(shift[0]), float(shift[1])


def _structure(image: Complex) -> Complex | None:
    window = np.multiply.outer(*(_hann(size) for size in image.shape))
    mean = (window * image).sum() / window.sum()
    structure: Complex = window * (image - mean)
    # What is left of a constant object is the rounding of complex64.
    if np.linalg.norm(structure) <= _NO_STRUCTURE * np.linalg.norm(window * image):
        return None
    return structure


def _hann(size: int) -> NDArray[np.float64]:
    # Without the two zeros at its ends, so that a side of one or two px is not wiped out.
    return np.asarray(windows.hann(size + 2)[1:-1], dtype=np.float64)


def moved(image: Complex, shift: Shift) -> Complex:
    """Return an image moved by parts of a px, by a phase ramp on its spectrum.

    The image is mirrored at its edges first, so that the shift brings in what lies next to them
    and not the other side, and no jump rings through it.
    """
    if shift == (0.0, 0.0):
        return image
    height, width = image.shape
    mirrored = np.pad(image, ((0, height), (0, width)), mode="symmetric")
    spectrum = ndimage.fourier_shift(fft.fft2(mirrored), shift)
    return np.asarray(fft.ifft2(spectrum)[:height, :width], dtype=np.complex128)
