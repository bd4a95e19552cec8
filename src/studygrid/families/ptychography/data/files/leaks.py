"""Whether a test object is one that is trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from scipy.signal import fftconvolve

from studygrid.errors import DataError
from studygrid.families.ptychography.data.files.reading import ScanFile
from studygrid.families.ptychography.data.groups import scanned_box

SAME = 0.99
_MOST_PX = 256
_FLAT = 1e-6  # of the largest variance: rounding


def refuse_same_object(test: ScanFile, other: ScanFile) -> None:
    """Refuse a test object that is another scan's, whole or in part, at whole px.

    A window in the middle of what either scan sees is looked for in the other's object. A complex
    factor makes no difference. Not found are an object that is turned, mirrored, resized or moved
    by parts of a px, or reconstructed once more, and parts that miss both windows.

    Raises
    ------
    DataError
        If it is.
    """
    for scan, where in ((test, other), (other, test)):
        likeness = likeness_of(_window(scan, where.object.shape), where.object)
        if likeness > SAME:
            raise DataError(
                f"{test.path}: its `objectGuess` is the object of {other.path}, or a part of it "
                f"(correlation {likeness:.4f} over a window of what was scanned); a test on what "
                "was trained on says nothing of other objects, so give a test scan of another "
                "object"
            )


def likeness_of(window: NDArray[np.complex64], within: NDArray[np.complex64]) -> float:
    """Return the largest normalised cross-correlation of a window at whole px, from 0 to 1.

    ``|sum conj(w - mean w) (o - mean o)| / (n std(w) std(o))`` at each place of the window in the
    object; 0 where either is flat. Source: Lewis, Fast Normalized Cross-Correlation, Vision
    Interface 1995.

    Parameters
    ----------
    window
        Shape (h, w), not larger than `within`.
    """
    template = window.astype(np.complex128) - window.mean(dtype=np.complex128)
    energy = float(np.square(np.abs(template)).sum())
    if energy <= _FLAT * float(np.square(np.abs(window)).sum(dtype=np.float64)):
        return 0.0
    whole = within.astype(np.complex128)
    products = np.abs(fftconvolve(whole, template.conj()[::-1, ::-1], mode="valid"))
    variances = template.size * _variances(whole, window.shape)
    lit = variances > _FLAT * variances.max(initial=0)
    if not lit.any():
        return 0.0
    return float((products[lit] / np.sqrt(energy * variances[lit])).max())


def _variances(whole: NDArray[np.complex128], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the variance within each place of a window of that shape."""
    height, width = shape
    rows = slice(height // 2, whole.shape[0] - (height - 1) // 2)
    columns = slice(width // 2, whole.shape[1] - (width - 1) // 2)
    means = uniform_filter(whole.real, shape) + 1j * uniform_filter(whole.imag, shape)
    squares = uniform_filter(np.square(np.abs(whole)), shape)
    found: NDArray[np.float64] = (squares - np.square(np.abs(means)))[rows, columns]
    return found


def _window(scan: ScanFile, most: tuple[int, ...]) -> NDArray[np.complex64]:
    """Return the middle of what a scan sees of its object, at most so large."""
    top, bottom, left, right = scanned_box(scan.positions, scan.patterns.shape[-1])
    height, width = min(bottom - top, most[0], _MOST_PX), min(right - left, most[1], _MOST_PX)
    row, column = (top + bottom - height) // 2, (left + right - width) // 2
    return scan.object[row : row + height, column : column + width]
