"""The numbers that the figure of pairs shows, one row a mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from studygrid.figures.pair_numbers import PairDifference

TABLE_COLUMNS = [
    "metric",
    "kind",
    "first",
    "second",
    "resolution",
    "n_train",
    "samples",
    "seed",
    "difference",
    "ci_low",
    "ci_high",
    "samples_ci_low",
    "samples_ci_high",
    "open_below",
    "open_above",
    "n",
    "planned",
]


def pair_table(every: Sequence[PairDifference]) -> pd.DataFrame:
    """Return one row a mark, in the columns of `TABLE_COLUMNS`: see `pair_difference`."""
    parts = [pd.DataFrame(rows) for one in every for rows in _rows(one) if rows]
    table = pd.concat([part.reindex(columns=TABLE_COLUMNS) for part in parts], ignore_index=True)
    floats = ["samples", "difference", "ci_low", "ci_high", "samples_ci_low", "samples_ci_high"]
    whole = dict.fromkeys(["resolution", "seed", "n", "planned"], "Int64")
    is_open = dict.fromkeys(["open_below", "open_above"], "boolean")
    return table.astype({**dict.fromkeys(floats, float), **whole, **is_open})


def _rows(one: PairDifference) -> list[list[dict[str, Any]]]:
    axes = {
        "metric": one.metric.name,
        "first": one.pair.first,
        "second": one.pair.second,
        "resolution": one.resolution,
    }
    crossover = one.crossover
    place = {
        samples: (size, planned)
        for size, samples, planned in zip(one.sizes, one.samples, one.planned, strict=True)
    }
    means = [
        {
            **axes,
            "kind": "mean",
            "n_train": place[samples][0],
            "samples": samples,
            "difference": cell.mean,
            "ci_low": cell.ci_low,
            "ci_high": cell.ci_high,
            "n": cell.n,
            "planned": place[samples][1],
        }
        for samples, cell in zip(crossover.sizes, crossover.cells, strict=True)
    ]
    seeds = [
        {
            **axes,
            "kind": "seed",
            "n_train": size,
            "samples": samples,
            "seed": seed,
            "difference": value,
        }
        for size, samples, row in zip(one.sizes, one.samples, one.values, strict=True)
        for seed, value in zip(one.seeds, row.tolist(), strict=True)
        if one.has_dots and not np.isnan(value)
    ]
    crossings = [
        {
            **axes,
            "kind": "crossing",
            "samples": crossing.size,
            "difference": 0.0,
            "samples_ci_low": None if crossing.interval is None else crossing.interval.low,
            "samples_ci_high": None if crossing.interval is None else crossing.interval.high,
            "open_below": crossing.open_below,
            "open_above": crossing.open_above,
        }
        for crossing in crossover.crossings
    ]
    return [means, seeds, crossings]
