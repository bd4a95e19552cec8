"""What the metrics of classification are functions of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Predictions:
    """Predictions on a whole split.

    Attributes
    ----------
    labels
        True class numbers, shape (n,), int64.
    probabilities
        Class probabilities, shape (n, classes), float64, rows summing to 1.
    log_probabilities
        Their logarithms, shape (n, classes), float64; from the logits, so that they stay finite
        where a probability rounds to zero.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    log_probabilities: NDArray[np.float64]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Most probable class of each sample, shape (n,); the first where two are equal."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @property
    def classes(self) -> int:
        """Number of classes, whether present or not."""
        return int(self.probabilities.shape[1])
