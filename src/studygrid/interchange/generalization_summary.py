"""The table over all training-set sizes: of each metric of each model a summary over its runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from studygrid.errors import NoRunsError, RecordError
from studygrid.interchange.generalization_folders import ComparisonFile, size_order
from studygrid.interchange.generalization_foreign import foreign_unit, is_foreign, psnr_peaks
from studygrid.interchange.generalization_table import Comparison, read_comparison
from studygrid.records import Status
from studygrid.results.rows import MISSING, Row
from studygrid.statistics.intervals import summarise

COLUMNS: Final = (
    "n_train",
    "model",
    "metric",
    "part",
    "unit",
    "planned",
    "ok",
    "failed",
    "missing",
    "n",
    "mean",
    "sd",
    "ci_low",
    "ci_high",
    "median",
    "p25",
    "p75",
    "min",
    "max",
)
_QUARTILES: Final = (25, 75)
Size = int | str | None
Run = tuple[str, object]


@dataclass(frozen=True)
class Read:
    """Tables that were read, and what is wrong with them: each with its file and line."""

    tables: list[tuple[ComparisonFile, Comparison]]
    problems: list[str]


def read_tables(files: Iterable[ComparisonFile]) -> Read:
    """Read the tables of a study; those that cannot be read are problems.

    Raises
    ------
    NoRunsError
        If none can be read.
    """
    read = Read([], [])
    for file in files:
        try:
            table = read_comparison(file.path)
        except RecordError as error:
            read.problems.append(str(error))
            continue
        read.problems.extend(f"{file.path}: {fault}" for fault in table.faults)
        read.tables.append((file, table))
    if not any(table.rows for _, table in read.tables):
        raise NoRunsError("\n  ".join(["no table of a comparison can be read", *read.problems]))
    return read


def summary_rows(tables: Sequence[tuple[ComparisonFile, Comparison]]) -> list[Row]:
    """Return one row a size, model, metric and part; no run is left out of the counts.

    A run is a seed, or in files without seeds a trial: each file then is one run of every model
    that some file of that size has.
    """
    by_size: dict[Size, list[tuple[ComparisonFile, Comparison]]] = {}
    for file, table in tables:
        by_size.setdefault(file.n_train, []).append((file, table))
    return [
        row for size in sorted(by_size, key=size_order) for row in _size_rows(size, by_size[size])
    ]


def _size_rows(size: Size, tables: Sequence[tuple[ComparisonFile, Comparison]]) -> list[Row]:
    runs: dict[str, dict[Run, str]] = {}
    values: dict[tuple[str, str, str], list[tuple[float | None, str | None]]] = {}
    for file, table in tables:
        peaks = psnr_peaks(table.rows)
        for one in table.rows:
            key = (str(file.path), one.seed)
            status = one.status or Status.OK.value
            runs.setdefault(one.model, {}).setdefault(key, status)
            unit = foreign_unit(one, peaks) if is_foreign(one) else one.unit
            own = values.setdefault((one.model, one.metric, one.part), [])
            own.append((one.value, unit))
    trials = {(str(file.path), None) for file, table in tables if not table.is_ours and table.rows}
    for statuses in runs.values():
        # A model that a trial's table lacks has not run there, or failed.
        statuses |= dict.fromkeys(trials - statuses.keys(), MISSING)
    return [
        _row(size, model, metric, part, unit, numbers, list(runs[model].values()))
        for (model, metric, part), found in values.items()
        for unit, numbers in _by_unit(found).items()
    ]


def _by_unit(found: Sequence[tuple[float | None, str | None]]) -> dict[str | None, list[float]]:
    """Return the numbers of each unit; what is in another unit is another quantity."""
    by_unit: dict[str | None, list[float]] = {}
    for value, unit in found:
        if value is not None:
            by_unit.setdefault(unit, []).append(value)
    return by_unit or {found[0][1]: []}


def _row(
    size: Size,
    model: str,
    metric: str,
    part: str,
    unit: str | None,
    numbers: Sequence[float],
    statuses: Sequence[str],
) -> Row:
    summary = summarise(numbers)
    low, high = np.percentile(numbers, _QUARTILES) if len(numbers) > 1 else (None, None)
    ok, missing = statuses.count(Status.OK.value), statuses.count(MISSING)
    cells = (
        size,
        model,
        metric,
        part,
        unit or None,
        len(statuses),
        ok,
        len(statuses) - ok - missing,
        missing,
        summary.n,
        summary.mean,
        summary.sd,
        summary.ci_low,
        summary.ci_high,
        summary.median,
        None if low is None else float(low),
        None if high is None else float(high),
        summary.minimum,
        summary.maximum,
    )
    return dict(zip(COLUMNS, cells, strict=True))
