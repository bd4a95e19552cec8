"""From the records of a run to an experiment in CrackSeg's layout."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from studygrid.errors import RecordError
from studygrid.families.base import Family
from studygrid.grid import Run
from studygrid.interchange.crackseg import CHECKPOINT, LOG, ROOT_CHECKPOINT
from studygrid.interchange.crackseg_documents import (
    CURVES,
    METRICS,
    SCHEMA_VERSION,
    WRITER,
    BestMetrics,
    EpochRow,
    FinalMetrics,
    HardwareInfo,
    Reasons,
    RunAxes,
    Summary,
    ValidationMetrics,
)
from studygrid.interchange.crackseg_writing import Content
from studygrid.records import EvaluateRecord, TrainRecord, read_record
from studygrid.results.study_results import StudyResults
from studygrid.trackers.content import identity

LONGEST_STUDY: Final = 80
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_VALIDATION = "validation_"
Row = Mapping[str, Any]


def experiment_name(study: StudyResults, run: Run) -> str:
    """Return the name of a run's experiment: of its study and axes, fit for a folder."""
    safe = _UNSAFE.sub("-", study.name).strip(".-")[:LONGEST_STUDY] or "study"
    return f"{safe}-{run.path.replace('/', '-')}"


def folder_name(summary: Summary) -> str:
    """Return the name of an experiment's folder: its time in UTC, without colons, and its name."""
    time = datetime.fromisoformat(summary.timestamp).astimezone(UTC)
    return f"{time:%Y%m%d-%H%M%S}-{summary.experiment_name}"


def content_of(study: StudyResults, run: Run) -> Content:
    """Return what is written of a run that ended well.

    Raises
    ------
    RecordError
        If its records or weights went away, or its epochs are not those of its record.
    """
    folder = study.folder / "runs" / run.path
    train = read_record(folder / "train.json", TrainRecord)
    evaluate = read_record(folder / "evaluate.json", EvaluateRecord)
    weights = _weights(folder, train)
    if evaluate.origin.finished_at != study.facts[run].finished_at:
        raise RecordError(f"{folder}: changed while it was exported; do it again")
    rows = _rows(folder / "epochs.jsonl", train)
    epochs = [_epoch(row, study.family) for row in rows]
    final, best = epochs[-1], epochs[(train.best_epoch or 0) - 1]
    log = folder / "training.log"
    log_is_there = log.is_file()
    reasons = {} if log_is_there else {LOG: f"{log} is not there"}
    return Content(
        summary=_summary(study, run, train, evaluate, final, reasons),
        epochs=epochs,
        validation=_validation(final, best),
        copies={
            **({LOG: log} if log_is_there else {}),
            CHECKPOINT: weights,
            ROOT_CHECKPOINT: weights,
        },
    )


def _weights(folder: Path, train: TrainRecord) -> Path:
    record = folder / "train.json"
    if train.checkpoint is None or train.best_epoch != train.checkpoint.epoch:
        raise RecordError(f"{record}: names no weights of its best epoch; delete it to train again")
    path = folder / train.checkpoint.file
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise RecordError(f"{path}: missing; delete {record} to train again") from None
    if found != train.checkpoint.sha256:
        raise RecordError(f"{path}: is not what {record} names; delete that to train again")
    return path


def _rows(path: Path, train: TrainRecord) -> list[Row]:
    """Return the epochs of a run, in order, all that its record counts."""
    again = f"delete {path.parent / 'train.json'} to train again"
    try:
        lines = path.read_bytes().splitlines()
        # A run that was resumed may have an epoch twice: the later one went into the model.
        found: dict[int, Row] = {row["epoch"]: row for row in map(_line, lines)}
    except FileNotFoundError:
        raise RecordError(f"{path}: missing; {again}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{path}: has a line that is no epoch ({error}); {again}") from None
    if found.keys() != set(range(1, train.epochs + 1)):
        listed = ", ".join(map(str, found)) or "no epoch"
        raise RecordError(f"{path}: has {listed}, not all of 1 to {train.epochs}; {again}")
    rows = [found[epoch] for epoch in sorted(found)]
    needed = ("train_loss", *(f"{_VALIDATION}{name}" for name in METRICS))
    lacking = [name for name in needed if not all(name in row for row in rows)]
    if lacking:
        raise RecordError(f"{path}: has no {', '.join(lacking)}; {again}")
    best = found[train.best_epoch or 1].get(f"{_VALIDATION}{train.monitor}")
    if best != train.best_value or rows[-1]["train_loss"] != train.final_train_loss:
        raise RecordError(f"{path}: is of another training than train.json; {again}")
    return rows


def _line(line: bytes) -> Row:
    row: Row = from_json(line, allow_inf_nan=False)
    return row


def _epoch(row: Row, family: Family) -> EpochRow:
    values = {_renamed(name): value for name, value in row.items()}
    values = {**{key: values[key] for key in ("epoch", *CURVES)}, **values}
    reasons = {key: _why(key, family) for key, value in values.items() if value is None}
    return EpochRow.model_validate(values | ({"reasons": reasons} if reasons else {}))


def _renamed(name: str) -> str:
    is_score = name.startswith(_VALIDATION)
    return f"val_{name.removeprefix(_VALIDATION)}" if is_score else name


def _why(key: str, family: Family) -> str:
    """Return why a score of an epoch has no value: as its metric defines it."""
    part, _, name = key.partition("_")
    split = "validation split" if part == "val" else "epoch's training batches"
    known = name in family.metric_names
    when = f"; undefined: {family.metric(name).undefined}" if known else ""
    return f"no value on the {split}{when}"


def _final(row: EpochRow) -> FinalMetrics:
    return FinalMetrics.model_validate({f"val_{name}": _score(row, name) for name in METRICS})


def _score(row: EpochRow, name: str) -> float | None:
    value: float | None = getattr(row, f"val_{name}")
    return value


def _reasons(row: EpochRow, place: str) -> Reasons:
    """Return why scores of an epoch are null, where they stand in another document."""
    return {
        f"{place}{name}": row.reasons[f"val_{name}"]
        for name in METRICS
        if f"val_{name}" in row.reasons
    }


def _validation(final: EpochRow, best: EpochRow) -> ValidationMetrics:
    scores = {name: _score(best, name) for name in METRICS}
    return ValidationMetrics(
        final_validation=_final(final),
        best_validation=BestMetrics.model_validate({"epoch": best.epoch, **scores}),
        reasons={**_reasons(final, "final_validation.val_"), **_reasons(best, "best_validation.")},
    )


def _summary(
    study: StudyResults,
    run: Run,
    train: TrainRecord,
    evaluate: EvaluateRecord,
    final: EpochRow,
    reasons: Reasons,
) -> Summary:
    training = train.spec.training
    started = train.attempts[0].started_at if train.attempts else train.origin.started_at
    time = datetime.fromisoformat(started).astimezone(UTC)
    return Summary.model_validate(
        {
            "experiment_name": experiment_name(study, run),
            "project_name": study.name,
            "model_type": train.spec.architecture,
            "dataset": study.plan.dataset.name,
            "training_epochs": training.epochs or training.validations,
            "batch_size": train.applied.batch_size if train.applied else training.batch_size,
            "learning_rate": training.learning_rate,
            "final_metrics": _final(final),
            "best_epoch": train.best_epoch,
            "total_training_time": train.train_time_sec,
            "timestamp": time.isoformat(timespec="seconds"),
            "hardware_info": _hardware(train),
            "schema_version": SCHEMA_VERSION,
            "written_by": WRITER,
            "epochs_trained": train.epochs,
            "final_epoch": train.epochs,
            "stopped_by": train.stopped_by,
            "monitor": train.monitor,
            "study": study.name,
            "family": study.family.name,
            "run": RunAxes(**vars(run)),
            "status": evaluate.status.value,
            "records_hash": identity(study, run),
            "train_samples": train.subset.count,
            "parameters": train.applied.parameters if train.applied else None,
            "checkpoint_sha256": evaluate.checkpoint_sha256,
            "data_sha256": train.data_sha256,
            "git_commit": train.origin.software.git_commit,
            "finished_at": evaluate.origin.finished_at,
            "test_metrics": evaluate.metrics,
            "test_facts": evaluate.facts,
            "reasons": {
                **_reasons(final, "final_metrics.val_"),
                **{f"test_metrics.{name}": why for name, why in evaluate.undefined.items()},
                **reasons,
            },
        }
    )


def _hardware(train: TrainRecord) -> HardwareInfo:
    device, cuda = train.origin.hardware.device, train.origin.hardware.device.type == "cuda"
    return HardwareInfo.model_validate(
        {
            "device": device.type,
            "cuda_available": cuda,
            "gpu_name": device.name if cuda else None,
            "cpu": train.origin.hardware.cpu,
            "driver": device.driver,
        }
    )
