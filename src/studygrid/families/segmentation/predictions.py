"""What the metrics of segmentation are functions of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Predictions:
    """Predictions on a whole split, as counts of each image; class 0 is the background.

    Attributes
    ----------
    confusion
        Pixels of each image, shape (n, classes, classes), int64: rows true, columns predicted;
        at threshold 0.5 with two classes, else by the most probable class.
    tuned
        The same at `threshold`, shape (n, 2, 2), int64; None where none was chosen.
    threshold
        Foreground probability from which a pixel counts as foreground, as chosen on the
        validation split; None with more than two classes.
    boundary
        Pixels on boundaries, shape (n, classes - 1, 4), int64: those of the prediction within
        2 px of a true one, those of the prediction, true ones within 2 px of one of the
        prediction, true ones; see `boundary.boundary_counts`.
    losses
        Loss of each image by itself, shape (n,), float64.
    """

    confusion: NDArray[np.int64]
    tuned: NDArray[np.int64] | None
    threshold: float | None
    boundary: NDArray[np.int64]
    losses: NDArray[np.float64]

    @property
    def classes(self) -> int:
        """Number of classes with the background, whether present or not."""
        return int(self.confusion.shape[1])

    @property
    def pooled(self) -> NDArray[np.int64]:
        """Pixels of the whole split, shape (classes, classes)."""
        return np.asarray(self.confusion.sum(axis=0), dtype=np.int64)

    @property
    def foreground_px(self) -> NDArray[np.int64]:
        """Foreground pixels of each mask, of any class, shape (n,)."""
        return np.asarray(self.confusion[:, 1:].sum(axis=(1, 2)), dtype=np.int64)

    @property
    def predicted_px(self) -> NDArray[np.int64]:
        """Pixels of each image that are predicted to be foreground, of any class, shape (n,)."""
        return np.asarray(self.confusion[:, :, 1:].sum(axis=(1, 2)), dtype=np.int64)

    @property
    def true_positive_px(self) -> NDArray[np.int64]:
        """Foreground pixels of each image that are found, as their own class, shape (n,)."""
        diagonal = np.diagonal(self.confusion, axis1=1, axis2=2)
        return np.asarray(diagonal[:, 1:].sum(axis=1), dtype=np.int64)

    @property
    def empty_masks(self) -> int:
        """Number of images without foreground."""
        return int((self.foreground_px == 0).sum())

    @property
    def empty_predictions(self) -> int:
        """Number of images in which no foreground is predicted."""
        return int((self.predicted_px == 0).sum())
