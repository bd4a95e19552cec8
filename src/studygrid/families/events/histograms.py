"""How the anomaly scores of several kinds of events are distributed, in shared bins."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from studygrid.families.scoring import Table

Floats = NDArray[np.float64]

BINS = 50
_LOW, _HIGH = 0.5, 99  # percentiles: a long tail is one bin beyond them


def shared_edges(samples: Mapping[int, Floats], bins: int = BINS) -> Floats:
    """Return edges of bins that hold every value of every sample.

    Equal bins lie between the least 0.5 % and the greatest 99 % quantile of a sample; what is
    beyond is one more bin on each side.

    Parameters
    ----------
    samples
        Finite values, shapes (n,), each at least 1.

    Returns
    -------
    numpy.ndarray
        Shape (k + 1,), rising; twice the same edge where all values are equal.
    """
    low = min(float(np.percentile(values, _LOW)) for values in samples.values())
    high = max(float(np.percentile(values, _HIGH)) for values in samples.values())
    least = min(float(values.min()) for values in samples.values())
    most = max(float(values.max()) for values in samples.values())
    if least == most:
        return np.array([least, most])
    if low == high:
        low, high = least, most
    inner = np.linspace(low, high, bins + 1)
    return np.unique(np.concatenate([[least], inner, [most]]))


def histogram_rows(samples: Mapping[int, Floats]) -> Table:
    """Return a row a label and bin: label, lower edge, upper edge, share of the label's values.

    A bin has its lower edge, the last one its upper edge too.

    Parameters
    ----------
    samples
        By label; as for `shared_edges`.
    """
    edges = shared_edges(samples)
    return [
        [label, float(low), float(high), float(share)]
        for label, values in samples.items()
        for low, high, share in zip(edges, edges[1:], _shares(values, edges), strict=False)
    ]


def _shares(values: Floats, edges: Floats) -> Floats:
    if edges[0] == edges[-1]:
        return np.ones(1)
    counts, _ = np.histogram(values, edges)
    shares: Floats = counts / len(values)
    return shares
