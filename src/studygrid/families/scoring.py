"""From predictions on a split to a family's metrics and tables."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from studygrid.families.base import Family, Undefined, load_reference

Table = list[list[int | float]]


def metric_values(
    family: Family, metrics: Sequence[str], predictions: Any
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Return the values of metrics, and the reasons of those that have none.

    Parameters
    ----------
    predictions
        What the family's metrics are functions of.
    """
    values: dict[str, float | None] = {}
    undefined: dict[str, str] = {}
    for name in metrics:
        try:
            values[name] = float(load_reference(family.metric(name).compute)(predictions))
        except Undefined as why:
            values[name], undefined[name] = None, str(why)
    return values, undefined


def tables_of(family: Family, predictions: Any) -> dict[str, Table]:
    """Return a family's tables; none of those that have no value, whose metrics say why."""
    tables: dict[str, Table] = {}
    for name, table in family.tables.items():
        with contextlib.suppress(Undefined):
            tables[name] = load_reference(table)(predictions)
    return tables
