"""ResoMap's document of one cell, as typed values, and how such files are read back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from studygrid.errors import RecordError
from studygrid.interchange.resomap import RESULTS_FOLDER

if TYPE_CHECKING:
    from studygrid.results.loading import Problem

WRITER: Final = "studygrid"


class _Document(BaseModel):
    # What another program wrote beyond our keys is kept.
    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, strict=True)


class CellMetrics(_Document):
    """Scores on the test split: of a single run, or the mean of a cell's runs."""

    loss: float | None
    accuracy: float | None
    precision: float | None
    recall: float | None
    f1_score: float | None


class CellProfile(_Document):
    """What inference costs.

    Attributes
    ----------
    avg_time_sec
        Ours: median time of a batch of `batch_size_time`, divided by its size. ResoMap's own
        program writes the mean time of a *batch of 32* here.
    throughput_samples_sec
        Ours: at `batch_size_throughput`.
    gpu_memory_peak_mb
        The most that was allocated on the device; ours is the largest of all batch sizes.
    """

    avg_time_sec: float | None
    throughput_samples_sec: float | None
    peak_cpu_memory_mb: float | None
    gpu_memory_peak_mb: float | None
    batch_size_time: int | None = None
    batch_size_throughput: int | None = None
    device: str | None = None
    threads: int | None = None
    status: str | None = None
    reason: str | None = None


class Spread(_Document):
    """What stands behind a mean: runs with a value, standard deviation, Student's t 95 %."""

    n: int
    sd: float | None
    ci_low: float | None
    ci_high: float | None


class CellRun(_Document):
    """One run of a cell, and why it has no scores if it has none."""

    seed: int
    status: str
    reason: str | None
    undefined: str | None
    train_samples: int | None
    best_val_loss: float | None
    test_metrics: CellMetrics


class CellDocument(_Document):
    """One file of ``test_results``; the keys after `profiling` are ours alone.

    Attributes
    ----------
    timestamp
        When the last evaluation ended: UTC in ours, local time in ResoMap's own.
    num_runs
        Runs that were scored, whose `seeds` are listed; `best_val_loss` and `test_metrics` are
        their means.
    status
        ``ok`` if all planned runs were scored, ``partial`` if some were, ``failed``, ``missing``.
    """

    model: str
    resolution: int
    timestamp: str | None
    best_val_loss: float | None
    test_metrics: CellMetrics
    profiling: CellProfile
    n_train: int | str | None = None
    status: str | None = None
    num_runs: int | None = None
    planned: int | None = None
    failed: int | None = None
    missing: int | None = None
    seeds: list[int] | None = None
    spread: dict[str, Spread] | None = None
    runs: list[CellRun] | None = None
    study: str | None = None
    family: str | None = None
    written_by: str | None = None

    @property
    def file_name(self) -> str:
        """The name of its file in a study of one training-set size."""
        return f"{self.model}_{self.resolution}.json"

    @property
    def file_name_with_size(self) -> str:
        """The name of its file in a study of several training-set sizes."""
        return f"{self.model}_{self.resolution}_n{self.n_train}.json"


@dataclass(frozen=True)
class Layout:
    """What a folder in ResoMap's layout holds.

    Attributes
    ----------
    cells
        By model, resolution and training-set size, one a cell.
    problems
        Every file that could not be used, or in which something had to be left out, and why.
    """

    cells: list[CellDocument]
    problems: list[Problem]


def read_layout(folder: Path) -> Layout:
    """Read ``test_results`` of a results folder, written here or by ResoMap's own program.

    That program writes ``Infinity`` as the best validation loss, which JSON has not: such a
    number is None, and a problem.

    Raises
    ------
    RecordError
        If the folder has no ``test_results``.
    """
    from studygrid.results.loading import Problem

    results = folder / RESULTS_FOLDER
    if not results.is_dir():
        raise RecordError(f"{results} does not exist: {folder} is not in ResoMap's layout")
    read: list[tuple[bool, Path, CellDocument]] = []
    problems: list[Problem] = []
    for path in sorted(results.glob("*.json")):
        try:
            document, faults = read_document(path)
        except RecordError as error:
            problems.append(Problem(path, str(error).removeprefix(f"{path}: ")))
            continue
        misnamed = path.name not in (document.file_name, document.file_name_with_size)
        if misnamed:
            faults.append(f"holds {document.model} at {document.resolution}, unlike its name")
        problems += [Problem(path, fault) for fault in faults]
        read.append((misnamed, path, document))
    found: dict[tuple[str, int, str], CellDocument] = {}
    # Of two files of a cell the one that is named after it counts.
    for _, path, document in sorted(read, key=lambda one: one[0]):
        cell = (document.model, document.resolution, str(document.n_train))
        if cell in found:
            problems.append(Problem(path, "is of a cell that another file is of; not used"))
        found.setdefault(cell, document)
    return Layout([found[cell] for cell in sorted(found)], problems)


def read_document(path: Path) -> tuple[CellDocument, list[str]]:
    """Return the document in a file, and what had to be left out of it.

    Raises
    ------
    RecordError
        If the file cannot be read, or lacks something.
    """
    faults: list[str] = []
    try:
        content = _finite(json.loads(path.read_bytes()), (), faults)
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: is not JSON ({error})") from None
    return validated(content, path), faults


def validated(content: Any, path: Path) -> CellDocument:
    """Return the document that a file holds, already read as JSON.

    Raises
    ------
    RecordError
        If it lacks something.
    """
    try:
        return CellDocument.model_validate(content)
    except ValidationError as error:
        listed = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'the document'}: {fault['msg']}"
            for fault in error.errors()[:3]
        )
        raise RecordError(f"{path}: is no result of ResoMap's layout ({listed})") from None


def _finite(value: Any, place: tuple[str | int, ...], faults: list[str]) -> Any:
    """Return JSON without the numbers that it has not; the place of each goes to `faults`."""
    if isinstance(value, float) and not math.isfinite(value):
        faults.append(f"{_dotted(place)} is {json.dumps(value)}, which is no number: left out")
        return None
    if isinstance(value, dict):
        return {key: _finite(item, (*place, key), faults) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item, (*place, at), faults) for at, item in enumerate(value)]
    return value


def _dotted(place: Iterable[str | int]) -> str:
    return ".".join(map(str, place)) or "the document"
