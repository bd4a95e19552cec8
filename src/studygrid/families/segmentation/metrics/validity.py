"""What every metric of segmentation asks of its predictions."""

from __future__ import annotations

import numpy as np

from studygrid.families.base import Undefined
from studygrid.families.segmentation.predictions import Predictions


def require_valid(predictions: Predictions) -> None:
    """Refuse predictions of which no metric has a value.

    Counts of pixels do not show an output that is no number (it is foreground at no threshold);
    the loss of such an image does.

    Raises
    ------
    Undefined
        If the split is empty, or the loss of an image is NaN or infinite.
    """
    losses = predictions.losses
    if len(losses) == 0:
        raise Undefined("the split has no images")
    broken = int((~np.isfinite(losses)).sum())
    if broken:
        raise Undefined(f"{broken} of {len(losses)} images have a loss that is not finite")
