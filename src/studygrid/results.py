"""Records to rows: one row a run, with everything that was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from studygrid.axes import AXES
from studygrid.errors import RecordError
from studygrid.grid import Run
from studygrid.plan import Plan
from studygrid.records import (
    EvaluateRecord,
    Latency,
    ProfileRecord,
    Status,
    TrainRecord,
    read_record,
)
from studygrid.spec import ModelSpec, TrainSpec

Row = dict[str, Any]
MISSING = "missing"

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
_PROFILE: Mapping[str, Callable[[ProfileRecord], Any]] = {
    "device": lambda profile: profile.origin.hardware.device.name,
    "threads": lambda profile: profile.origin.hardware.threads,
    "ran_alone": lambda profile: profile.ran_alone,
    "parameters": lambda profile: profile.parameters,
    "flops_per_sample": lambda profile: profile.flops_per_sample,
    "peak_host_memory_mb": lambda profile: profile.peak_host_memory_mb,
}
_LATENCY: Mapping[str, Callable[[Latency], Any]] = {
    "median_sec_per_batch": lambda latency: latency.median_sec_per_batch,
    "iqr_sec_per_batch": lambda latency: latency.iqr_sec_per_batch,
    "p95_sec_per_batch": lambda latency: latency.p95_sec_per_batch,
    "median_sec_per_sample": lambda latency: latency.median_sec_per_sample,
    "throughput_samples_per_sec": lambda latency: latency.throughput_samples_per_sec,
    "peak_device_memory_allocated_mb": lambda latency: latency.peak_device_memory_allocated_mb,
    "peak_device_memory_reserved_mb": lambda latency: latency.peak_device_memory_reserved_mb,
}


def run_rows(plan: Plan, results: Path) -> list[Row]:
    """Return one row a planned run, in axis order.

    The columns are those of the plan, whatever the records hold: an empty value is None. A run
    whose records are missing, cannot be read, or are of other settings than the plan's has the
    status ``missing`` and the reason.
    """
    profiles = {
        (model, resolution): _profile_row(
            plan, model, resolution, results / "profiles" / model / f"res{resolution}.json"
        )
        for model, resolution in plan.profiled
    }
    return [
        _run_row(plan, run, results / "runs" / run.path)
        | profiles.get((run.model, run.resolution), {})
        for run in plan.runs
    ]


def _run_row(plan: Plan, run: Run, folder: Path) -> Row:
    train: TrainRecord | None = None
    evaluate: EvaluateRecord | None = None
    try:
        train, evaluate = _read_pair(folder, plan.train_spec(run))
        status, reason = evaluate.status.value, evaluate.reason
    except RecordError as error:
        status, reason = MISSING, str(error)
    scores = evaluate.metrics if evaluate else {}
    undefined = evaluate.undefined if evaluate else {}
    return {
        **{axis: getattr(run, axis) for axis in AXES},
        "status": status,
        "reason": reason,
        "train_samples": train.subset.count if train else None,
        **{f"test_{name}": scores.get(name) for name in plan.family.metric_names},
        "undefined": "; ".join(f"{name}: {why}" for name, why in undefined.items()) or None,
        **{name: value(train) if train else None for name, value in _TRAINING.items()},
        "checkpoint_sha256": evaluate.checkpoint_sha256 if evaluate else None,
        "data_sha256": evaluate.data_sha256 if evaluate else None,
    }


def _read_pair(folder: Path, spec: TrainSpec) -> tuple[TrainRecord, EvaluateRecord]:
    path = folder / "evaluate.json"
    train = read_record(folder / "train.json", TrainRecord)
    evaluate = read_record(path, EvaluateRecord)
    _check_spec(folder / "train.json", train.spec, spec)
    trained = train.checkpoint.sha256 if train.checkpoint else None
    if evaluate.checkpoint_sha256 != trained or evaluate.run != train.spec:
        raise RecordError(
            f"{path}: scores other weights than train.json names; delete it to evaluate again"
        )
    return train, evaluate


def _check_spec(path: Path, spec: ModelSpec, planned: ModelSpec) -> None:
    """Refuse a record of other settings: its numbers are not of the run that its path names."""
    differing = [name for name, value in planned if getattr(spec, name) != value]
    if differing:
        raise RecordError(
            f"{path}: is of other settings than the study's ({', '.join(differing)}); "
            "delete it and run again"
        )


def _profile_row(plan: Plan, model: str, resolution: int, path: Path) -> Row:
    profile: ProfileRecord | None = None
    try:
        profile = read_record(path, ProfileRecord)
        _check_spec(path, profile.spec, plan.profile_spec(model, resolution))
        status, reason = profile.status.value, profile.reason
    except RecordError as error:
        profile, status, reason = None, MISSING, str(error)
    latencies = {found.batch_size: found for found in (profile.latency if profile else ())}
    row: Row = {"profile_status": status, "profile_reason": reason}
    row |= {
        f"profile_{name}": value(profile) if profile else None for name, value in _PROFILE.items()
    }
    for size in plan.study.profiling.batch_sizes:
        latency = latencies.get(size)
        row |= {
            f"profile_b{size}_{name}": value(latency) if latency else None
            for name, value in _LATENCY.items()
        }
    return row


def is_failed(row: Row) -> bool:
    """Tell whether a run ended without a result to score: diverged, or out of memory."""
    return row["status"] not in (Status.OK.value, MISSING)
