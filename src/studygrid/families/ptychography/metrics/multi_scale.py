"""Structural similarity over several scales, which no library that studygrid needs has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW_PX = 11
LEAST_SIDE_PX = WINDOW_PX * 2 ** (len(SCALES) - 1)
_SIGMA_PX = 1.5
_RADIUS_PX = WINDOW_PX // 2
_K1, _K2 = 0.01, 0.03

Real = NDArray[np.float64]


def multi_scale_similarity(truth: Real, found: Real, data_range: float) -> float:
    """Return the MS-SSIM of two images, between 0 and 1.

    Product over five scales of the mean contrast-structure term, at the coarsest one of the mean
    of SSIM, each to the power of its published weight. Between scales the images are averaged
    over 2 x 2 px. A mean that is negative has no such power: it counts 0, and so does the whole.

    Source: Wang, Simoncelli and Bovik, Asilomar 2003, equation 7, with the weights that
    they found.

    Parameters
    ----------
    truth, found
        Shape (height, width), each side `LEAST_SIDE_PX` px or more.
    """
    product = 1.0
    for scale, weight in enumerate(SCALES):
        similarity, contrast = _means(truth, found, data_range)
        last = scale == len(SCALES) - 1
        product *= max(similarity if last else contrast, 0.0) ** weight
        truth, found = _halved(truth), _halved(found)
    return product


def _means(truth: Real, found: Real, data_range: float) -> tuple[float, float]:
    """Return the means of SSIM and of its contrast-structure term, where windows fit whole."""
    mean_true, mean_ours = _blurred(truth), _blurred(found)
    variances = _blurred(truth**2) - mean_true**2 + _blurred(found**2) - mean_ours**2
    covariance = _blurred(truth * found) - mean_true * mean_ours
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    contrast = (2 * covariance + c2) / (variances + c2)
    luminance = (2 * mean_true * mean_ours + c1) / (mean_true**2 + mean_ours**2 + c1)
    return float((luminance * contrast).mean()), float(contrast.mean())


def _blurred(image: Real) -> Real:
    blurred = ndimage.gaussian_filter(image, _SIGMA_PX, radius=_RADIUS_PX)
    cut = slice(_RADIUS_PX, -_RADIUS_PX)
    return np.asarray(blurred[cut, cut], dtype=np.float64)


def _halved(image: Real) -> Real:
    height, width = (size // 2 for size in image.shape)
    blocks = image[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float64)
