"""Mean and standard deviation of the training split's tokens and globals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Scaling = dict[str, list[float]]
Floats = NDArray[np.float64]

_EVENTS_AT_ONCE = 4096


def token_scaling(
    tokens: NDArray[np.float32], mask: NDArray[np.bool_], indices: NDArray[np.int64]
) -> Scaling:
    """Return mean and standard deviation of each feature over the valid tokens of some events.

    Parameters
    ----------
    tokens, mask
        Shapes (n, R, 3) and (n, R).
    indices
        The events, shape (m,).

    Returns
    -------
    dict
        ``mean`` and ``sd``, a number a feature, in the feature's unit; an sd of 0 is given as 1.
    """
    return _scaling(_Chunks(tokens, mask, indices))


def global_scaling(values: NDArray[np.float32], indices: NDArray[np.int64]) -> Scaling:
    """Return mean and standard deviation of each global over some events.

    Parameters
    ----------
    values
        Shape (n, G).
    indices
        The events, shape (m,).
    """
    return _scaling(_Chunks(values, None, indices))


class _Chunks:
    """Rows of numbers, in pieces that fit into memory, as often as they are asked for."""

    def __init__(
        self,
        values: NDArray[np.float32],
        mask: NDArray[np.bool_] | None,
        indices: NDArray[np.int64],
    ) -> None:
        self._values, self._mask, self._indices = values, mask, indices

    def __iter__(self) -> Iterator[Floats]:
        for start in range(0, len(self._indices), _EVENTS_AT_ONCE):
            chosen = self._indices[start : start + _EVENTS_AT_ONCE]
            rows = self._values[chosen]
            yield (rows if self._mask is None else rows[self._mask[chosen]]).astype(np.float64)


def _scaling(chunks: _Chunks) -> Scaling:
    # Twice over the rows: a difference of large sums would lose the spread of a narrow feature.
    count = sum(len(rows) for rows in chunks)
    mean: Floats = np.sum([rows.sum(axis=0) for rows in chunks], axis=0) / count
    squares = np.sum([np.square(rows - mean).sum(axis=0) for rows in chunks], axis=0)
    sd: Floats = np.sqrt(squares / count)
    # What is the same in all events, but for rounding, has no spread to divide by.
    flat = sd <= 1e-6 * np.abs(mean)
    return {"mean": mean.tolist(), "sd": np.where(flat, 1.0, sd).tolist()}
