"""Reading the records of runs: what they say in plain values, and only once.

What was read is kept in a file beside the results. It is used again as long as the records are
the very files that were read (same inode, size and times, to the nanosecond) and the code that
reads them has not changed; so a second reading costs little more than asking for the times.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from studygrid.errors import RecordError
from studygrid.execution.fingerprints import fingerprint
from studygrid.records import (
    EvaluateRecord,
    TrainRecord,
    read_record,
    write_atomically,
)

CACHE_NAME = ".runs_read.json"
Signature = list[int]

_TRAINING: Mapping[str, Callable[[TrainRecord], Any]] = {
    "best_epoch": lambda train: train.best_epoch,
    "best_validation_loss": lambda train: train.best_validation_loss,
    "final_train_loss": lambda train: train.final_train_loss,
    "epochs": lambda train: train.epochs,
    "steps": lambda train: train.steps,
    "stopped_by": lambda train: train.stopped_by,
    "parameters": lambda train: train.applied and train.applied.parameters,
    "batch_size": lambda train: train.applied and train.applied.batch_size,
    "precision": lambda train: train.applied and train.applied.precision,
    "train_time_sec": lambda train: train.train_time_sec,
    "train_samples_per_sec": lambda train: train.samples_per_sec,
    "train_peak_host_memory_mb": lambda train: train.peak_host_memory_mb,
    "train_peak_device_memory_allocated_mb": lambda train: train.peak_device_memory_allocated_mb,
    "train_peak_device_memory_reserved_mb": lambda train: train.peak_device_memory_reserved_mb,
    "train_device": lambda train: train.origin.hardware.device.name,
}
TRAINING_COLUMNS = tuple(_TRAINING)


class RunOrigin(BaseModel):
    """Where the records of a run come from: the parts of `Origin` that a report compares."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    started_at: str
    train_code: str
    evaluate_code: str
    device: str
    driver: str | None
    studygrid: str
    python: str
    torch: str
    numpy: str
    cuda: str | None
    platform: str
    git_commit: str | None
    git_dirty: bool | None


class RunFacts(BaseModel):
    """What the two records of a run say.

    Attributes
    ----------
    spec
        The train spec as `Spec.to_json` writes it.
    tables
        What was kept of the test predictions beside the metrics: a confusion matrix, say.
    scored
        What else a reader of the scores must know: a threshold that was chosen, say.
    subset
        What else a reader must know of the training subset: how many images its groups have, say.
    examples_file
        Name of the file in the run's folder with what the model made of a few samples, if kept.
    finished_at
        When the evaluation ended, UTC.
    origin
        Where training ran, and the code of both jobs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    spec: str
    status: str
    reason: str | None
    train_samples: int
    metrics: dict[str, float | None]
    undefined: dict[str, str]
    training: dict[str, Any]
    checkpoint_sha256: str | None
    data_sha256: str
    chance: dict[str, float]
    tables: dict[str, list[list[int | float]]]
    scored: dict[str, Any]
    subset: dict[str, Any] = Field(default_factory=dict)
    examples_file: str | None
    test_samples: int
    finished_at: str
    origin: RunOrigin


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid")

    signature: list[Signature]
    facts: RunFacts


class _Cache(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str
    runs: dict[str, _Kept]


class RunReader:
    """Reads run folders below a results folder; `close` keeps what was read for the next time.

    Attributes
    ----------
    read
        How many runs had to be read from their records.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._file = root, root / CACHE_NAME
        self._keeps = (root / "runs").is_dir()
        self._code = fingerprint(["studygrid.results"])
        self._before = self._kept_before()
        self._now: dict[str, _Kept] = {}
        self.read = 0

    def facts(self, key: str) -> RunFacts:
        """Return what the records in a run folder say; `key` is its path below the root.

        Raises
        ------
        RecordError
            If a record is missing, cannot be read, or the two do not belong together.
        """
        kept = self._before.get(key)
        signature = _signatures(f"{self._root}/{key}")
        if kept is None or signature is None or kept.signature != signature:
            facts = read_run(self._root / key)
            self.read += 1
            # Signed before it was read: a record that changed meanwhile is read again.
            if signature is None:
                return facts
            kept = _Kept(signature=signature, facts=facts)
        self._now[key] = kept
        return kept.facts

    def close(self) -> None:
        """Write what was read, if anything is new; a folder that cannot be written is left."""
        if not self.read or not self._keeps:
            return
        runs = {
            key: kept
            for key, kept in {**self._before, **self._now}.items()
            if key in self._now or (self._root / key / "evaluate.json").is_file()
        }
        content = _Cache(code=self._code, runs=runs).model_dump_json()
        # Without the file nothing is lost but time.
        with contextlib.suppress(OSError):
            write_atomically(self._file, content.encode())

    def _kept_before(self) -> dict[str, _Kept]:
        try:
            cache = _Cache.model_validate_json(self._file.read_bytes())
        except (OSError, ValidationError):
            return {}
        return cache.runs if cache.code == self._code else {}


def read_run(folder: Path) -> RunFacts:
    """Return what the records in a run folder say, read anew.

    Raises
    ------
    RecordError
        If a record is missing, cannot be read, or the two do not belong together.
    """
    path = folder / "evaluate.json"
    train = read_record(folder / "train.json", TrainRecord)
    evaluate = read_record(path, EvaluateRecord)
    trained = train.checkpoint.sha256 if train.checkpoint else None
    if evaluate.checkpoint_sha256 != trained or evaluate.run != train.spec:
        raise RecordError(
            f"{path}: scores other weights than train.json names; delete it to evaluate again"
        )
    return RunFacts(
        spec=train.spec.to_json(),
        status=evaluate.status.value,
        reason=evaluate.reason,
        train_samples=train.subset.count,
        metrics=evaluate.metrics,
        undefined=evaluate.undefined,
        training={name: value(train) for name, value in _TRAINING.items()},
        checkpoint_sha256=evaluate.checkpoint_sha256,
        data_sha256=evaluate.data_sha256,
        chance=evaluate.chance,
        tables=evaluate.tables,
        scored=evaluate.facts,
        subset=train.subset.facts,
        examples_file=evaluate.examples_file,
        test_samples=evaluate.test_count,
        finished_at=evaluate.origin.finished_at,
        origin=_origin(train, evaluate),
    )


def _origin(train: TrainRecord, evaluate: EvaluateRecord) -> RunOrigin:
    hardware, software = train.origin.hardware, train.origin.software
    return RunOrigin(
        started_at=train.origin.started_at,
        train_code=train.origin.code,
        evaluate_code=evaluate.origin.code,
        device=hardware.device.name,
        driver=hardware.device.driver,
        **software.model_dump(exclude={"cudnn"}),
    )


def read_all(
    root: Path, folders: Iterable[str]
) -> tuple[dict[str, RunFacts], dict[str, RecordError]]:
    """Return what the records in each run folder say, and the error of each that cannot be used.

    Parameters
    ----------
    root
        The results folder, which also holds what was read before.
    folders
        Paths of run folders below it.
    """
    reader = RunReader(root)
    found: dict[str, RunFacts] = {}
    errors: dict[str, RecordError] = {}
    for folder in folders:
        try:
            found[folder] = reader.facts(folder)
        except RecordError as error:
            errors[folder] = error
    reader.close()
    return found, errors


def _signatures(folder: str) -> list[Signature] | None:
    # Paths as text: 10,000 Path objects take longer than what is asked of the disk.
    try:
        stats = [os.stat(f"{folder}/{name}") for name in ("train.json", "evaluate.json")]  # noqa: PTH116
    except OSError:
        return None
    return [[stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns] for stat in stats]
