"""Records to rows: one row a run, with everything that was measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from studygrid.errors import RecordError
from studygrid.grid import Run
from studygrid.plan import Plan
from studygrid.records import EvaluateRecord, ProfileRecord, Status, TrainRecord, read_record

Row = dict[str, Any]
MISSING = "missing"


def run_rows(plan: Plan, results: Path) -> list[Row]:
    """Return one row a planned run, in axis order; all rows have the same keys.

    A run whose records are missing or cannot be read has the status ``missing`` and the reason.
    """
    profiles = {
        key: _profile_row(results / "profiles" / key[0] / f"res{key[1]}.json")
        for key in plan.profiled
    }
    rows = [
        _run_row(run, results / "runs" / run.path) | profiles.get((run.model, run.resolution), {})
        for run in plan.runs
    ]
    columns = dict.fromkeys(key for row in sorted(rows, key=len, reverse=True) for key in row)
    return [{column: row.get(column) for column in columns} for row in rows]


def _run_row(run: Run, folder: Path) -> Row:
    row: Row = {
        "model": run.model,
        "resolution": run.resolution,
        "n_train": run.n_train,
        "seed": run.seed,
    }
    try:
        train = read_record(folder / "train.json", TrainRecord)
        evaluate = read_record(folder / "evaluate.json", EvaluateRecord)
        _check_pair(folder, train, evaluate)
    except RecordError as error:
        return {**row, "status": MISSING, "reason": str(error)}
    return {
        **row,
        "status": evaluate.status.value,
        "reason": evaluate.reason,
        "train_samples": train.subset.count,
        **{f"test_{name}": value for name, value in evaluate.metrics.items()},
        "undefined": "; ".join(f"{name}: {why}" for name, why in evaluate.undefined.items())
        or None,
        **_training_row(train),
        "checkpoint_sha256": evaluate.checkpoint_sha256,
        "data_sha256": evaluate.data_sha256,
    }


def _check_pair(folder: Path, train: TrainRecord, evaluate: EvaluateRecord) -> None:
    trained = train.checkpoint.sha256 if train.checkpoint else None
    if evaluate.checkpoint_sha256 != trained or evaluate.run != train.spec:
        raise RecordError(
            f"{folder / 'evaluate.json'}: scores other weights than train.json names; "
            "delete it to evaluate again"
        )


def _training_row(train: TrainRecord) -> Row:
    device = train.origin.hardware.device
    return {
        "best_epoch": train.best_epoch,
        "best_validation_loss": train.best_validation_loss,
        "final_train_loss": train.final_train_loss,
        "epochs": train.epochs,
        "steps": train.steps,
        "stopped_by": train.stopped_by,
        "parameters": train.applied.parameters if train.applied else None,
        "batch_size": train.applied.batch_size if train.applied else None,
        "precision": train.applied.precision if train.applied else None,
        "train_time_sec": train.train_time_sec,
        "train_samples_per_sec": train.samples_per_sec,
        "train_peak_host_memory_mb": train.peak_host_memory_mb,
        "train_peak_device_memory_allocated_mb": train.peak_device_memory_allocated_mb,
        "train_peak_device_memory_reserved_mb": train.peak_device_memory_reserved_mb,
        "train_device": device.name,
    }


def _profile_row(path: Path) -> Row:
    try:
        profile = read_record(path, ProfileRecord)
    except RecordError as error:
        return {"profile_status": MISSING, "profile_reason": str(error)}
    row: Row = {
        "profile_status": profile.status.value,
        "profile_reason": profile.reason,
        "profile_device": profile.origin.hardware.device.name,
        "profile_threads": profile.origin.hardware.threads,
        "profile_ran_alone": profile.ran_alone,
        "profile_parameters": profile.parameters,
        "profile_flops_per_sample": profile.flops_per_sample,
        "profile_peak_host_memory_mb": profile.peak_host_memory_mb,
    }
    for latency in profile.latency:
        prefix = f"profile_b{latency.batch_size}_"
        row |= {
            f"{prefix}{name}": getattr(latency, name)
            for name in (
                "median_sec_per_batch",
                "iqr_sec_per_batch",
                "p95_sec_per_batch",
                "median_sec_per_sample",
                "throughput_samples_per_sec",
                "peak_device_memory_allocated_mb",
                "peak_device_memory_reserved_mb",
            )
        }
    return row


def metric_columns(rows: list[Row]) -> Iterator[str]:
    """Yield the columns of test metrics."""
    return (column for column in (rows[0] if rows else {}) if column.startswith("test_"))


def is_failed(row: Row) -> bool:
    """Tell whether a run ended without a result to score: diverged, or out of memory."""
    return row["status"] not in (Status.OK.value, MISSING)
