"""Writing ResoMap's layout: one JSON file a cell, and all cells in one CSV file.

A cell is a model at a resolution, and at a training-set size where the study has several. The
keys of ResoMap's single run hold the mean of the cell's scored runs; how many these are, their
spread and the runs themselves stand beside it. A number that is not there is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studygrid.errors import RecordError
from studygrid.interchange.cells import (
    MISSING,
    VALIDATION_LOSS,
    CellResult,
    RunResult,
    cells_of,
)
from studygrid.interchange.resomap import RESULTS_FOLDER, TABLE, file_name
from studygrid.interchange.resomap_documents import (
    WRITER,
    CellDocument,
    CellMetrics,
    CellProfile,
    CellRun,
    Spread,
    read_document,
)
from studygrid.records import write_atomically
from studygrid.tables.delimited import write_csv

if TYPE_CHECKING:
    from studygrid.results.study_results import StudyResults

_KEYS = ("loss", "accuracy", "precision", "recall", "f1_score")
_PROFILE_KEYS = (
    "avg_time_sec",
    "throughput_samples_sec",
    "peak_cpu_memory_mb",
    "gpu_memory_peak_mb",
)
Row = dict[str, Any]


def guide_name(metric: str) -> str:
    """Return what ResoMap calls one of our metrics."""
    return "f1_score" if metric == "f1" else metric


@dataclass(frozen=True)
class Written:
    """What was done to ``test_results``.

    Attributes
    ----------
    files
        Those of the study's cells, which now hold what was to be written.
    removed
        Files of ours, of cells that the study has no longer or that have no run any more.
    left
        Files of others that have no cell in the study.
    """

    files: list[Path] = field(default_factory=list)
    removed: list[Path] = field(default_factory=list)
    left: list[Path] = field(default_factory=list)


def write_layout(
    study: StudyResults,
    folder: Path,
    *,
    every_cell: bool = False,
    cells: Sequence[CellResult] | None = None,
) -> list[Path]:
    """Write ``test_results/*.json`` and ``all_results.csv``; return what was written.

    Parameters
    ----------
    study
        A study as far as it has come.
    folder
        The folder to write to, the results folder as a rule.
    every_cell
        Whether a cell in which no run has ended has a file too, without numbers.
    cells
        The cells of the study, if they are known already.

    Raises
    ------
    RecordError
        See `write_cells`.
    """
    cells = cells_of(study) if cells is None else cells
    written = write_cells(study, cells, folder, every_cell=every_cell)
    write_table(cells, study.family.metric_names, folder / TABLE)
    return [*written.files, folder / TABLE]


def write_cells(
    study: StudyResults, cells: Sequence[CellResult], folder: Path, *, every_cell: bool = False
) -> Written:
    """Write one file a cell of which a run has ended, be it well or not, and drop stale ones.

    A file is stale if it has no such cell. It is removed if it is ours, and left otherwise: ours
    says that studygrid wrote it, names this study, and has the name that its content gives it.

    Raises
    ------
    RecordError
        If a file that is to be written is there already and is not ours.
    """
    results, written = folder / RESULTS_FOLDER, Written()
    contents = {
        results / file_name(cell.cell, study.plan): _encoded(document_of(study, cell))
        for cell in cells
        if every_cell or cell.status != MISSING
    }
    changed = [path for path, content in contents.items() if _content(path) != content]
    for path in changed:
        if path.exists() and not _is_ours(path):
            raise RecordError(
                f"{path}: is a file of another program, which is not overwritten; move it elsewhere"
            )
    for path in changed:
        write_atomically(path, contents[path])
    written.files.extend(contents)
    for path in sorted(results.glob("*.json")):
        if path in contents:
            continue
        if _is_ours(path, study.name):
            path.unlink(missing_ok=True)
            written.removed.append(path)
        else:
            written.left.append(path)
    return written


def _encoded(document: CellDocument) -> bytes:
    content = document.model_dump(mode="json")
    return f"{json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _is_ours(path: Path, study: str | None = None) -> bool:
    try:
        document, _ = read_document(path)
    except RecordError:
        return False
    named = path.name in (document.file_name, document.file_name_with_size)
    return named and document.written_by == WRITER and study in (None, document.study)


def document_of(study: StudyResults, result: CellResult) -> CellDocument:
    """Return the document of a cell."""
    cell = result.cell
    metrics = study.family.metric_names
    means = {name: result.mean(name) for name in metrics}
    return CellDocument(
        model=cell.model,
        resolution=cell.resolution,
        timestamp=result.finished_at,
        best_val_loss=result.mean(VALIDATION_LOSS),
        test_metrics=_metrics(means),
        profiling=_profile(result),
        n_train=cell.n_train,
        status=result.status,
        num_runs=len(result.ok),
        planned=len(result.runs),
        failed=len(result.failed),
        missing=len(result.missing),
        seeds=[run.run.seed for run in result.ok],
        spread={
            key: Spread(n=found.n, sd=found.sd, ci_low=found.ci_low, ci_high=found.ci_high)
            for key, found in _spreads(result, metrics).items()
        },
        runs=[_run(run, metrics) for run in result.runs],
        study=study.name,
        family=study.family.name,
        written_by=WRITER,
    )


def _metrics(values: dict[str, float | None]) -> CellMetrics:
    named = {guide_name(name): value for name, value in values.items()}
    return CellMetrics.model_validate({**dict.fromkeys(_KEYS), **named})


def _spreads(result: CellResult, metrics: Iterable[str]) -> dict[str, Any]:
    names = {"best_val_loss": VALIDATION_LOSS, **{guide_name(name): name for name in metrics}}
    return {key: result.summaries[name] for key, name in names.items()}


def _run(result: RunResult, metrics: Iterable[str]) -> CellRun:
    return CellRun(
        seed=result.run.seed,
        status=result.status,
        reason=result.reason,
        undefined=result.undefined,
        train_samples=result.train_samples,
        best_val_loss=result.values[VALIDATION_LOSS],
        test_metrics=_metrics({name: result.values[name] for name in metrics}),
    )


def _profile(result: CellResult) -> CellProfile:
    cost = result.cost
    return CellProfile(
        avg_time_sec=cost.sec_per_sample,
        throughput_samples_sec=cost.throughput,
        peak_cpu_memory_mb=cost.peak_host_memory_mb,
        gpu_memory_peak_mb=cost.peak_device_memory_mb,
        batch_size_time=cost.batch_sizes[0] if cost.batch_sizes else None,
        batch_size_throughput=cost.batch_sizes[-1] if cost.batch_sizes else None,
        device=cost.device,
        threads=cost.threads,
        status=cost.status,
        reason=cost.reason,
    )


def write_table(cells: Sequence[CellResult], metrics: Sequence[str], path: Path) -> None:
    """Write one row a planned cell: ResoMap's 13 columns, then the counts and spreads."""
    write_csv(path, [table_row(cell, metrics) for cell in cells])


def table_row(result: CellResult, metrics: Sequence[str]) -> Row:
    """Return the row of a cell; a cell without a scored run has its counts and the reason."""
    means = {guide_name(name): result.mean(name) for name in metrics}
    others = [key for key in means if key not in _KEYS]
    profile = _profile(result).model_dump()
    row: Row = {
        "model": result.cell.model,
        "resolution": result.cell.resolution,
        "timestamp": result.finished_at,
        "best_val_loss": result.mean(VALIDATION_LOSS),
        **{f"test_{key}": means.get(key) for key in _KEYS},
        **{f"profile_{key}": profile[key] for key in _PROFILE_KEYS},
        "n_train": result.cell.n_train,
        "status": result.status,
        "num_runs": len(result.ok),
        "planned": len(result.runs),
        "failed": len(result.failed),
        "missing": len(result.missing),
        "seeds": " ".join(str(run.run.seed) for run in result.ok) or None,
        "reason": "; ".join(map(str, result.unscored)) or None,
        **{f"test_{key}": means[key] for key in others},
    }
    for key, found in _spreads(result, metrics).items():
        name = key if key == "best_val_loss" else f"test_{key}"
        row |= {
            f"{name}_n": found.n,
            f"{name}_sd": found.sd,
            f"{name}_ci_low": found.ci_low,
            f"{name}_ci_high": found.ci_high,
        }
    extra = [key for key in profile if key not in _PROFILE_KEYS]
    return row | {f"profile_{key}": profile[key] for key in extra}
