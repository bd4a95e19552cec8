"""Predictions of tag VAEs, made for tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import ArrayLike, NDArray

from studygrid.families.base import load_reference
from studygrid.families.tagvae.metrics import METRICS
from studygrid.families.tagvae.predictions import Predictions

Rows = NDArray[np.uint8]

COMPUTE: dict[str, Callable[[Predictions], float]] = {
    metric.name: load_reference(metric.compute) for metric in METRICS
}


def rows_of(table: ArrayLike) -> Rows:
    """Return rows of tags as they are prepared."""
    return np.asarray(table, dtype=np.uint8)


def predictions_of(
    tags: ArrayLike,
    reconstructed: ArrayLike,
    samples: ArrayLike | None = None,
    codes: ArrayLike | None = None,
    beta: float = 1.0,
) -> Predictions:
    """Return predictions whose reconstructions, samples and codes are given."""
    rows = rows_of(tags)
    n = len(rows)
    return Predictions(
        tags=rows,
        probabilities=np.where(rows_of(reconstructed), 0.9, 0.2).astype(np.float32),
        bce=np.linspace(1, 3, n),
        kl=np.linspace(0.5, 2, n),
        beta=beta,
        codes=None if codes is None else np.asarray(codes, dtype=np.float32),
        samples=None if samples is None else rows_of(samples),
    )


def drawn(n: int = 200, size: int = 9, units: int = 5, seed: int = 0) -> Predictions:
    """Return predictions that agree with the rows in part; falling frequency by column."""
    random = np.random.default_rng(seed)
    shares = np.linspace(0.6, 0.1, size)
    tags = (random.random((n, size)) < shares).astype(np.uint8)
    samples = (random.random((n, size)) < shares).astype(np.uint8)
    samples[:, 1] |= samples[:, 0]
    noise = random.random((n, size))
    return Predictions(
        tags=tags,
        probabilities=(0.35 * tags + 0.6 * noise).astype(np.float32),
        bce=random.gamma(2, 3, n),
        kl=random.gamma(2, 1, n),
        beta=4.0,
        codes=(random.normal(size=(n, units)) * np.geomspace(1, 0.01, units)).astype(np.float32),
        samples=samples,
    )


def any_rows(least: int = 1) -> st.SearchStrategy[Rows]:
    """Return rows of any small shape with at least so many rows."""
    shape = st.tuples(st.integers(least, 12), st.integers(1, 6))
    return shape.flatmap(lambda sides: arrays.arrays(np.uint8, sides, elements=st.integers(0, 1)))


def two_of_rows() -> st.SearchStrategy[tuple[Rows, Rows]]:
    """Return two tables of rows of the same tags."""
    shape = st.tuples(st.integers(1, 12), st.integers(1, 6))
    return shape.flatmap(
        lambda sides: st.tuples(
            arrays.arrays(np.uint8, sides, elements=st.integers(0, 1)),
            arrays.arrays(np.uint8, sides, elements=st.integers(0, 1)),
        )
    )
