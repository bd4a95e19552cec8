"""What a cell costs, and which cell that may be as good costs least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

CellKey = tuple[str, int, str]
_CELL = ("model", "resolution", "n_train")


@dataclass(frozen=True)
class Cost:
    """What one cell costs; None where it was not measured.

    Attributes
    ----------
    latency_sec
        Median time a sample by batch size, in seconds, ascending.
    train_time_sec
        Median over the runs.
    """

    cell: CellKey
    latency_sec: dict[int, float]
    parameters: int | None
    flops_per_sample: float | None
    device: str | None
    threads: int | None
    train_time_sec: float | None
    train_devices: tuple[str, ...]

    @property
    def smallest_batch(self) -> int | None:
        """The smallest batch whose time was measured."""
        return min(self.latency_sec, default=None)


def costs_of(frame: pd.DataFrame, batch_sizes: Sequence[int]) -> dict[CellKey, Cost]:
    """Return what each cell costs, from those of its runs that ended well."""
    groups = frame[frame["status"] == "ok"].groupby(list(_CELL), sort=False)
    keyed = ((cast(CellKey, key), own) for key, own in groups)
    return {key: _cost(key, own, batch_sizes) for key, own in keyed}


def _cost(cell: CellKey, own: pd.DataFrame, batch_sizes: Sequence[int]) -> Cost:
    row: dict[Any, Any] = own.iloc[0].to_dict()
    latency = {
        size: value
        for size in sorted(batch_sizes)
        if (value := _number(row, f"profile_b{size}_median_sec_per_sample")) is not None
    }
    parameters = _number(row, "profile_parameters") or _number(row, "parameters")
    threads = _number(row, "profile_threads")
    times = own["train_time_sec"].dropna()
    device = row.get("profile_device")
    return Cost(
        cell=cell,
        latency_sec=latency,
        parameters=None if parameters is None else int(parameters),
        flops_per_sample=_number(row, "profile_flops_per_sample"),
        device=device if isinstance(device, str) else None,
        threads=None if threads is None else int(threads),
        train_time_sec=float(times.median()) if len(times) else None,
        train_devices=tuple(sorted(set(own["train_device"].dropna()))),
    )


def _number(row: Mapping[Any, Any], name: str) -> float | None:
    value = row.get(name)
    return None if value is None or pd.isna(value) else float(value)


def cheapest(costs: list[Cost], best: Cost) -> Cost | None:
    """Return the cost of least latency among those measured as that of the best cell was.

    That is on the same device, at its smallest batch size; of equals the one that trained
    faster. None where the best cell has no latency.
    """
    size = best.smallest_batch
    if size is None:
        return None
    same = [cost for cost in costs if cost.device == best.device and size in cost.latency_sec]
    return min(
        [*same, best],
        key=lambda cost: (
            cost.latency_sec[size],
            float("inf") if cost.train_time_sec is None else cost.train_time_sec,
        ),
    )
