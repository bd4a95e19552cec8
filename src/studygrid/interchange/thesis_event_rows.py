"""From the records and epochs of a run to its events in the facts layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from studygrid.execution.events import FILE as EVENT_LOG
from studygrid.interchange.thesis import SCHEMA_VERSION
from studygrid.interchange.thesis_epochs import MIB_PER_MB, scores_of
from studygrid.interchange.thesis_own import run_uuid
from studygrid.records import EvaluateRecord, Status, TrainRecord

Row = dict[str, Any]
# What a line of epochs.jsonl says beyond the layout; it stays in the events.
_MORE: Final = ("passes", "learning_rate", "gradient_norm", "is_best")


def event_rows(
    source: Path,
    name: str,
    train: TrainRecord,
    evaluate: EvaluateRecord,
    lines: Sequence[Row],
) -> list[Row]:
    """Return the events of a run.

    Parameters
    ----------
    source
        The run's own folder, whose log has the times of its epochs.
    name
        The name of the run's folder in the export.
    lines
        The run's epochs, each once, in order; one at least if it ended well.
    """
    told = _told(source / EVENT_LOG)
    first = train.attempts[0] if train.attempts else None
    began = (
        (first.started_at, first.host)
        if first
        else (train.origin.started_at, train.origin.hardware.host)
    )
    here = train.origin.hardware.host
    meta = _meta(train)
    rows = [_event("on_start", name, {**meta, **_when(*began)}, step=0)]
    for line in lines:
        when = _when(*told.get(line["epoch"], (None, here)))
        rows.append(_epoch_event(name, line, {**meta, **when}))
    peak = train.peak_device_memory_allocated_mb
    end = {
        "epoch": train.epochs - 1 if train.epochs else None,
        "step": train.steps,
        "total_time_s": train.train_time_sec,
        "throughput": train.samples_per_sec,
        "status": train.status.value,
        **({} if peak is None else {"max_memory_mib": peak * MIB_PER_MB}),
    }
    when = _when(train.origin.finished_at, here)
    if train.status is not Status.OK:
        error = f"{train.status.value}: {train.reason}"
        return [*rows, _event("on_exception", name, {**meta, **when}, **end, error=error)]
    histories = _histories(lines)
    rows[-1] |= histories
    last = lines[-1]
    losses = {"train_loss": last.get("train_loss"), "val_loss": last.get("validation_loss")}
    kept = None if train.best_epoch is None else train.best_epoch - 1
    more = {**end, **losses, "kept_epoch": kept, "stopped_by": train.stopped_by, **histories}
    rows.append(_event("on_train_end", name, {**meta, **when}, **more))
    hardware = evaluate.origin.hardware
    when = _when(evaluate.origin.finished_at, hardware.host)
    scores = {
        "epoch": kept,
        "split": "test",
        "metrics": evaluate.metrics,
        "undefined": evaluate.undefined,
        "samples": evaluate.test_count,
        "status": evaluate.status.value,
    }
    return [*rows, _event("on_test_end", name, {**meta, **when}, **scores)]


def _event(moment: str, name: str, meta: Row, **facts: Any) -> Row:
    """Return an event with every field of the layout."""
    fields: Row = {
        "schema_version": SCHEMA_VERSION,
        "moment": moment,
        "run_dir": name,
        "epoch": None,
        "step": None,
        "split": None,
        "train_loss": None,
        "val_loss": None,
        "metrics": {},
        "epoch_time_s": None,
        "total_time_s": None,
        "throughput": None,
        "histories": {},
    }
    return {**fields, **facts, "meta": meta}


def _epoch_event(name: str, line: Row, meta: Row) -> Row:
    return _event(
        "on_epoch_end",
        name,
        meta,
        epoch=line["epoch"] - 1,
        step=line.get("step"),
        split="val",
        train_loss=line.get("train_loss"),
        val_loss=line.get("validation_loss"),
        metrics=dict(sorted(scores_of(line, "val"))),
        train_metrics=dict(sorted(scores_of(line, "train"))),
        epoch_time_s=line.get("epoch_time_sec"),
        throughput=line.get("samples_per_sec"),
        **{key: line[key] for key in _MORE if key in line},
    )


def _histories(lines: Sequence[Row]) -> Row:
    """Return the values of all epochs by name, as one section and each as its own field."""
    parts = [
        {
            "train_loss": line.get("train_loss"),
            "val_loss": line.get("validation_loss"),
            "epoch_time_s": line.get("epoch_time_sec"),
            "throughput": line.get("samples_per_sec"),
            **dict(scores_of(line, "val")),
        }
        for line in lines
    ]
    names = dict.fromkeys(name for part in parts for name in part)
    histories = {name: [part.get(name) for part in parts] for name in names}
    return {
        "histories": histories,
        **{f"history_{name}": values for name, values in histories.items()},
    }


def _meta(train: TrainRecord) -> Row:
    hardware, software = train.origin.hardware, train.origin.software
    is_cuda = hardware.device.type == "cuda"
    cuda = {**hardware.device.model_dump(), "cuda": software.cuda, "cudnn": software.cudnn}
    return {
        "timestamp": None,
        "run_id": run_uuid(train),
        "git_commit": software.git_commit,
        "git_dirty": software.git_dirty,
        "hostname": None,
        "cuda_info": cuda if is_cuda else None,
        "seed": train.spec.seed,
    }


def _when(moment: str | None, host: str) -> Row:
    """Return when and where something happened; the moment is None where no log has it."""
    return {"timestamp": moment, "hostname": host}


def _told(path: Path) -> dict[int, tuple[str | None, str]]:
    """Return when and where each epoch ended, of those that the run's own log has."""
    found = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return {}
    for line in lines:
        try:
            row = from_json(line)
        except ValueError:
            continue
        if isinstance(row, dict) and row.get("moment") == "on_epoch_end":
            found[row.get("epoch", 0)] = (row.get("time_utc"), str(row.get("host")))
    return found
