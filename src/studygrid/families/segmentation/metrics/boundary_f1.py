"""F1 of boundaries that agree within 2 px."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import Undefined
from studygrid.families.segmentation.metrics.pooled import NO_FOREGROUND
from studygrid.families.segmentation.metrics.validity import require_valid
from studygrid.families.segmentation.overlap import Values, mean_over_classes
from studygrid.families.segmentation.predictions import Predictions


def boundary_f1(predictions: Predictions) -> float:
    """Return the boundary F1 of a split, pixels of its boundaries pooled over its images.

    Raises
    ------
    Undefined
        If the split is empty or without foreground, or a loss is not finite.
    """
    require_valid(predictions)
    value = float(boundary_scores(predictions.boundary.sum(axis=0)))
    if value != value:
        raise Undefined(NO_FOREGROUND)
    return value


def boundary_f1_image_mean(predictions: Predictions) -> float:
    """Return the mean over the images of their boundary F1; 1 where both are empty.

    Raises
    ------
    Undefined
        If the split is empty or the loss of an image is not finite.
    """
    require_valid(predictions)
    scores = boundary_scores(predictions.boundary)
    return float(np.where(np.isnan(scores), 1.0, scores).mean())


def boundary_scores(counts: NDArray[np.int64]) -> Values:
    """Return the harmonic mean of the boundaries' precision and recall.

    Source: Csurka, Larlus and Perronnin, What is a good evaluation measure for semantic
    segmentation?, BMVC 2013, section 3.2, equation 4.

    Parameters
    ----------
    counts
        Shape (..., foreground classes, 4), as `Predictions.boundary`.

    Returns
    -------
    Shape (...): the mean over the classes that have a boundary in truth or in prediction (0
        where one of the two has none), NaN where no class has.
    """
    near_true, ours, near_ours, true = np.moveaxis(counts, -1, 0)
    # 2 P R / (P + R) with P = near_true / ours and R = near_ours / true, of whole numbers.
    parts = 2 * near_true * near_ours
    wholes = near_true * true + near_ours * ours
    return mean_over_classes(parts, wholes, ours + true > 0)
