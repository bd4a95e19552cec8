"""The statistics of one cell: location, spread, and the interval of the mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit  # scipy.stats takes far longer to import


@dataclass(frozen=True)
class Summary:
    """A sample in numbers; None where the sample is too small for one.

    Attributes
    ----------
    sd
        Standard deviation with n - 1, of two values or more.
    ci_low, ci_high
        Interval of the mean, of two values or more.
    """

    n: int
    mean: float | None = None
    sd: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    median: float | None = None
    minimum: float | None = None
    maximum: float | None = None


def summarise(values: Sequence[float] | NDArray[np.floating], confidence: float = 0.95) -> Summary:
    """Summarise the runs of a cell, with Student's t interval of the mean.

    The interval is mean ± t · sd / √n, with t the quantile (1 + confidence) / 2 of Student's
    distribution with n - 1 degrees of freedom (Student, The probable error of a mean,
    Biometrika 6, 1908). It keeps its coverage at n = 2 where the values are normal; a
    percentile bootstrap of three values covers about 73 % in place of 95 %.

    Parameters
    ----------
    values
        One value a run, shape (n,); n may be 0.
    confidence
        Coverage of the interval, between 0 and 1.

    Raises
    ------
    ValueError
        If a value is NaN or infinite, if `values` has not one dimension, or if `confidence` is
        not between 0 and 1.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1:
        raise ValueError(f"values should have one dimension, not the shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ValueError("values should be finite: leave out runs without a value beforehand")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence should lie between 0 and 1, not be {confidence}")
    n = len(sample)
    if n == 0:
        return Summary(0)
    minimum, maximum = float(sample.min()), float(sample.max())
    # Rounding must not push the mean of equal values off them, nor give them a spread.
    mean = min(max(float(sample.mean()), minimum), maximum)
    median = float(np.median(sample))
    if n == 1:
        return Summary(n, mean, median=median, minimum=minimum, maximum=maximum)
    sd = math.sqrt(float(((sample - mean) ** 2).sum()) / (n - 1))
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * sd / math.sqrt(n)
    return Summary(n, mean, sd, mean - half, mean + half, median, minimum, maximum)
