"""A table as it stands on a page: its main columns, with numbers rounded to what they support.

The rule of rounding: a mean and its interval have the decimals that give half the width of the
interval two significant digits (at the edge of the digits that the seeds support), and so have
a difference and its interval, and the standard deviation beside a mean. What has no interval has
four significant digits; p values have three decimals, below 0.001 ``<0.001``. The CSV and the
XLSX of a table have every digit.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from studygrid.results.not_said import NO_RESOLUTION, NOT_SAID
from studygrid.tables.contents import Table

ROUNDING = "Numbers are rounded to what their intervals support; the CSV and XLSX have every digit."

_MEASURES = {"mean": "", "difference": "difference_"}  # the prefix of its interval's columns
_MEASURE_OF = {"sd": "mean", **{name: name for name in _MEASURES}}
_BOUNDS = {f"{prefix}ci_{end}" for prefix in _MEASURES.values() for end in ("low", "high")}
_P_VALUES = ("p_value", "p_holm", "exact_p_value", "smallest_exact_p")
_SIGNIFICANT, _SIGNIFICANT_OF_INTERVAL = 4, 2
_MOST_DECIMALS = 9


@dataclass(frozen=True)
class Page:
    """A table in words: rows of cells below headings; `numeric` tells the columns of numbers.

    A mean and its interval are one column, its cells ``mean [low, high]``.
    """

    headings: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: list[tuple[str, ...]]


def page_of(table: Table) -> Page:
    """Return the main columns of a table as words."""
    names = [name for name in table.main if name not in _BOUNDS]
    headings = [table.headings.get(name, name) for name in names]
    rows = table.frame[list(table.main)].to_dict("records")
    return Page(
        headings=tuple(
            f"{words} (95 % interval)" if _has_interval(name, table) else words
            for name, words in zip(names, headings, strict=True)
        ),
        numeric=tuple(
            name == "n_train" or is_numeric_dtype(table.frame[name].dtype) for name in names
        ),
        rows=[tuple(_cell(name, row) for name in names) for row in rows],
    )


def _has_interval(name: str, table: Table) -> bool:
    return name in _MEASURES and f"{_MEASURES[name]}ci_low" in table.main


def _cell(name: str, row: Mapping[Hashable, Any]) -> str:
    value = row[name]
    if pd.isna(value):
        return ""
    if name == "resolution" and value == NO_RESOLUTION:
        return NOT_SAID
    if isinstance(value, str | bool | int):
        return str(value)
    if name in _P_VALUES:
        return "<0.001" if value < 0.001 else f"{value:.3f}"
    decimals = _decimals(row, _MEASURE_OF[name]) if name in _MEASURE_OF else None
    if decimals is None:
        return significant(value)
    if name not in _MEASURES:
        return _fixed(value, decimals)
    bounds = (row[f"{_MEASURES[name]}ci_{end}"] for end in ("low", "high"))
    low, high = (_fixed(bound, decimals) for bound in bounds)
    return f"{_fixed(value, decimals)} [{low}, {high}]"


def _fixed(value: float, decimals: int) -> str:
    """Return a number with so many decimals; what rounds to zero has no sign."""
    return f"{value:z.{decimals}f}"


def _decimals(row: Mapping[Hashable, Any], measure: str) -> int | None:
    """Return the decimals that the interval of a measure supports; None where it has none."""
    prefix = _MEASURES[measure]
    low, high = row.get(f"{prefix}ci_low"), row.get(f"{prefix}ci_high")
    if pd.isna(low) or pd.isna(high) or high <= low:
        return None
    decimals = _SIGNIFICANT_OF_INTERVAL - 1 - math.floor(math.log10((high - low) / 2))
    return min(max(decimals, 0), _MOST_DECIMALS)


def significant(value: float, digits: int = _SIGNIFICANT) -> str:
    """Return a number with so many significant digits, trailing zeros kept."""
    if value == 0:
        return "0"
    scientific = f"{value:.{digits - 1}e}"
    size = int(scientific.partition("e")[2])
    if not -4 <= size < 7:
        return scientific
    return f"{value:.{max(digits - 1 - size, 0)}f}"
