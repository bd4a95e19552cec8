"""Runs in the layout of the guide to generalization studies: tables, and records if they are ours.

Where a run's folder has our records, these are what it is, and its table is held against them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studygrid.errors import RecordError
from studygrid.interchange.foreign import own_layout
from studygrid.interchange.foreign.layouts import Item, Layout
from studygrid.interchange.foreign.runs import ForeignRun, Reading
from studygrid.interchange.generalization import COMPARISON, PARTS, VALUE, own_name
from studygrid.interchange.generalization_folders import ComparisonFile, comparison_files, size_of
from studygrid.interchange.generalization_foreign import foreign_column, is_foreign, psnr_peaks
from studygrid.interchange.generalization_table import Comparison, Measured, read_comparison
from studygrid.results.rows import MISSING

if TYPE_CHECKING:
    from studygrid.results.loading import Problem

_RUNS: Final = "*_run/**/evaluate.json"
_NAME: Final = "generalization"
_LONGEST_HEADER: Final = 4096
_RELATIVE: Final = 1e-9
Key = tuple[str, int | None]
Tables = list[tuple[ComparisonFile, Comparison]]


def is_folder(folder: Path) -> bool:
    """Tell whether a folder is a study of this layout, one of its sizes, or a trial of such.

    One whose name says neither is, if its table has the columns of the parts.
    """
    if size_of(folder.name) is None and (folder / COMPARISON).is_file():
        return _has_parts(folder / COMPARISON)
    return bool(comparison_files(folder))


def _has_parts(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            header = file.readline(_LONGEST_HEADER).decode("utf-8-sig", "replace")
    except OSError:
        return False
    return {"model", "metric", *PARTS} <= {name.strip() for name in header.split(",")}


def read(items: Sequence[Item]) -> Reading:
    """Return the runs of all tables; what is wrong with a table is a problem with its line."""
    from studygrid.results.loading import Problem

    reading = Reading()
    for item in items:
        tables: Tables = []
        for file in comparison_files(item.path) or [ComparisonFile(item.path / COMPARISON)]:
            try:
                table = read_comparison(file.path)
            except RecordError as error:
                reason = str(error).removeprefix(f"{file.path}: ")
                reading.problems.append(Problem(file.path, reason))
                continue
            reading.problems += [Problem(file.path, fault) for fault in table.faults]
            tables.append((file, table))
        for file, table in tables:
            reading.add(_of_table(file, table))
        reading.runs += _lacking(tables)
    reading.runs = _with_settings(reading.runs)
    return reading


def _with_settings(runs: Sequence[ForeignRun]) -> list[ForeignRun]:
    """Return the runs, those of our tables without records with the settings of their model.

    Else a run that is missing would be of another model than those of its name that are there.
    """
    known: dict[str, ForeignRun] = {}
    for run in runs:
        if run.facts is not None:
            known.setdefault(run.name, run)
    return [
        replace(run, config=known[run.name].config, family=known[run.name].family)
        if run.written_here and run.facts is None and run.name in known
        else run
        for run in runs
    ]


def _lacking(tables: Tables) -> Iterator[ForeignRun]:
    """Yield the runs that trials lack: of models that another trial of the same size has."""
    trials = [(file, table) for file, table in tables if not table.is_ours and table.rows]
    models: dict[int | str | None, dict[str, None]] = {}
    for file, table in trials:
        models.setdefault(file.n_train, {}).update(dict.fromkeys(table.models))
    for file, table in trials:
        for name in models[file.n_train].keys() - set(table.models):
            yield ForeignRun(
                layout=_NAME,
                name=name,
                paths=(file.path,),
                n_train=file.n_train,
                status=MISSING,
                reason=f"{file.path} has no row of it",
                columns={} if file.trial is None else {"trial": file.trial},
            )


def _of_table(file: ComparisonFile, table: Comparison) -> Reading:
    from studygrid.results.loading import Problem

    found = Reading()
    recorded = _recorded(file.path.parent, found) if table.is_ours else {}
    groups: dict[Key, list[Measured]] = {}
    for one in table.rows:
        groups.setdefault((one.model, one.seed), []).append(one)
    peaks = psnr_peaks(table.rows)
    for key, rows in groups.items():
        known = recorded.pop(key, None)
        try:
            run = _run(file, table, rows, peaks) if known is None else known
        except RecordError as error:
            found.problems.append(Problem(file.path, f"line {rows[0].line}: {error}"))
            continue
        if known is not None:
            found.problems += _against(file.path, rows, known)
        found.runs.append(run)
    for run in recorded.values():
        reason = f"is not in {file.path}, and was taken from its records"
        found.problems.append(Problem(run.paths[0], reason))
        found.runs.append(run)
    return found


def _recorded(folder: Path, found: Reading) -> dict[Key, ForeignRun]:
    """Return the runs whose records lie below a folder, by model and seed."""
    places = sorted(path.parent for path in folder.glob(_RUNS))
    reading = own_layout.read([Item(place) for place in places])
    found.problems += reading.problems
    return {
        (run.name, run.seed): replace(run, layout=_NAME)
        for run in reading.runs
        if run.status != MISSING
    }


def _against(path: Path, rows: Iterable[Measured], run: ForeignRun) -> Iterator[Problem]:
    """Yield a problem if a table says something else of a run than its records do."""
    from studygrid.results.loading import Problem

    other = []
    for row in rows:
        name = own_name(row.metric, row.part)
        if name in run.metrics and not _equal(row.value, run.metrics[name]):
            other.append(f"line {row.line}: {row.part} is {row.value}, not {run.metrics[name]}")
    if other:
        more = f" (and {len(other) - 1} more of such)" if len(other) > 1 else ""
        where = f"{run.paths[0] / 'evaluate.json'}, which counts"
        yield Problem(path, f"{other[0]} as in {where}{more}")


def _equal(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=_RELATIVE, abs_tol=0)


def _run(
    file: ComparisonFile,
    table: Comparison,
    rows: Sequence[Measured],
    peaks: Mapping[tuple[str, int | None, str], float | None],
) -> ForeignRun:
    """Return a run of which there is no more than its rows."""
    first = rows[0]
    if first.n_train is not None and file.n_train is not None and first.n_train != file.n_train:
        raise RecordError(
            f"n_train is {first.n_train}, and the folder is of {file.n_train}: left out"
        )
    metrics: dict[str, float | None] = {}
    undefined: dict[str, str] = {}
    columns: dict[str, Any] = {"trial": file.trial} if file.trial is not None else {}
    for row in rows:
        column = foreign_column(row, peaks) if is_foreign(row) else None
        name = own_name(row.metric, row.part)
        if column is not None:
            columns[column] = row.value
        elif _is_beside(row):
            columns[name] = row.value
        else:
            metrics[name] = row.value
            if row.value is None:
                undefined[name] = row.reason or "the table has no value"
    status, reason = _status(first, metrics)
    is_ok = status == "ok"
    return ForeignRun(
        layout=_NAME,
        name=first.model,
        paths=(file.path,),
        resolution=first.resolution,
        n_train=first.n_train or file.n_train,
        seed=first.seed,
        status=status,
        reason=reason,
        metrics=metrics if is_ok else {},
        undefined=undefined if is_ok else {},
        columns=columns,
        written_here=table.is_ours,
    )


def _is_beside(row: Measured) -> bool:
    """Tell whether a row is no metric of ours: how a run was aligned, or a time."""
    if row.part == VALUE:
        return row.metric not in ("loss", "pattern_error")
    return row.metric == "psnr_data_range"


def _status(first: Measured, metrics: Mapping[str, float | None]) -> tuple[str, str | None]:
    if first.status not in (None, "ok"):
        return str(first.status), first.reason or "its table gives no reason"
    if all(value is None for value in metrics.values()):
        return MISSING, "its table has no value of any metric"
    return "ok", None


LAYOUT: Final = Layout(
    _NAME,
    "ptychography",
    "Comparisons by training-set size, one table a size or trial",
    read,
    is_folder=is_folder,
    caveats=(
        "The guide's own program computes PSNR with the peak 255 on objects whose amplitude is "
        "about 1: 48.13 dB more than with the peak 1. Ours has the range of the truth as its peak. "
        "Its values stand in columns of their own, amplitude_psnr_peak_255 and phase_psnr_peak_255,"
        " and are compared with none of ours.",
        "Its FRC50 is the number of the first ring below 0.5, which depends on the image's side, "
        "and no frequency: it stands in amplitude_frc50_ring and phase_frc50_ring.",
        "It gives no seed to its trials, so that they cannot be paired: their numbers count files.",
        "It scales the amplitude by the ratio of the means, and its MS-SSIM sets negative terms to "
        "0 and takes other scales; its tables have six decimals.",
    ),
)
