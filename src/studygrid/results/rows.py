"""Records to rows: one row a run, with everything that was measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from studygrid.axes import AXES
from studygrid.errors import RecordError
from studygrid.execution.events import Events
from studygrid.grid import Run
from studygrid.plan import Plan
from studygrid.records import Latency, ProfileRecord, Status, read_record
from studygrid.results.reading import TRAINING_COLUMNS, RunFacts, read_all

Row = dict[str, Any]
MISSING = "missing"
_NOT_FAILED = (Status.OK.value, MISSING)

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
    """Return one row a planned run, in axis order: see `planned_runs`."""
    return planned_runs(plan, results)[0]


def planned_runs(plan: Plan, results: Path) -> tuple[list[Row], dict[Run, RunFacts]]:
    """Return one row a planned run, in axis order, and what the records of each say.

    The columns are those of the plan, whatever the records hold: an empty value is None. A run
    whose records are missing, cannot be read, or are of other settings than the plan's has the
    status ``missing`` and the reason, and no facts.
    """
    folders = [f"runs/{run.path}" for run in plan.runs]
    found, errors = read_all(results, folders)
    facts: dict[Run, RunFacts] = {}
    reasons: dict[Run, str] = {}
    for run, folder, spec in zip(plan.runs, folders, plan.train_spec_texts(), strict=True):
        if folder in errors:
            reasons[run] = _with_failure(str(errors[folder]), results / folder)
        elif found[folder].spec != spec:
            path = results / folder / "train.json"
            reasons[run] = _other_settings(path, found[folder].spec, spec)
        else:
            facts[run] = found[folder]
    profiles = {pair: _planned_profile(plan, *pair, results) for pair in plan.profiled}
    rows = [
        run_row(run, facts.get(run), reasons.get(run), plan.family.metric_names)
        | profiles.get((run.model, run.resolution), {})
        for run in plan.runs
    ]
    return rows, facts


def _with_failure(reason: str, folder: Path) -> str:
    """Add how the last attempt at a run failed, where that is why it has no records."""
    failure = Events(folder).last_failure() if reason.endswith(": missing") else None
    return reason if failure is None else f"{reason}; {failure}"


def run_row(run: Run, facts: RunFacts | None, reason: str | None, metrics: Iterable[str]) -> Row:
    """Return the row of a run, without its profile; `reason` says why there are no facts."""
    scores = facts.metrics if facts else {}
    undefined = facts.undefined if facts else {}
    training = facts.training if facts else dict.fromkeys(TRAINING_COLUMNS)
    return {
        **{axis: getattr(run, axis) for axis in AXES},
        "status": facts.status if facts else MISSING,
        "reason": facts.reason if facts else reason,
        "train_samples": facts.train_samples if facts else None,
        **{f"test_{name}": scores.get(name) for name in metrics},
        "undefined": "; ".join(f"{name}: {why}" for name, why in undefined.items()) or None,
        **training,
        "checkpoint_sha256": facts.checkpoint_sha256 if facts else None,
        "data_sha256": facts.data_sha256 if facts else None,
    }


def _other_settings(path: Path, found: str, planned: str) -> str:
    """Say why a record is not used: its numbers are not of the run that its path names."""
    have, want = json.loads(found), json.loads(planned)
    differing = [name for name, value in want.items() if have.get(name) != value]
    return (
        f"{path}: is of other settings than the study's ({', '.join(differing)}); "
        "delete it and run `snakemake all` again"
    )


def _planned_profile(plan: Plan, model: str, resolution: int, results: Path) -> Row:
    path = results / "profiles" / model / f"res{resolution}.json"
    sizes = plan.study.profiling.batch_sizes
    try:
        profile = read_record(path, ProfileRecord)
    except RecordError as error:
        return profile_row(None, str(error), sizes)
    have, want = profile.spec.to_json(), plan.profile_spec(model, resolution).to_json()
    if have != want:
        return profile_row(None, _other_settings(path, have, want), sizes)
    return profile_row(profile, None, sizes)


def profile_row(profile: ProfileRecord | None, reason: str | None, sizes: Iterable[int]) -> Row:
    """Return the columns of a profile; `reason` says why there is none."""
    latencies = {found.batch_size: found for found in (profile.latency if profile else ())}
    row: Row = {
        "profile_status": profile.status.value if profile else MISSING,
        "profile_reason": profile.reason if profile else reason,
    }
    row |= {
        f"profile_{name}": value(profile) if profile else None for name, value in _PROFILE.items()
    }
    for size in sizes:
        latency = latencies.get(size)
        row |= {
            f"profile_b{size}_{name}": value(latency) if latency else None
            for name, value in _LATENCY.items()
        }
    return row


def is_failed(row: Row) -> bool:
    """Tell whether a run ended without a result to score: diverged, or out of memory."""
    return row["status"] not in _NOT_FAILED
