"""An estimate as one JSON document, for scripts and for estimates.jsonl."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from studygrid.estimate.estimating import Estimate
from studygrid.estimate.screen import notes
from studygrid.estimate.spread import LEVEL
from studygrid.estimate.sums import Range

DOCUMENT_VERSION = 1


def document(estimate: Estimate, now: float) -> dict[str, Any]:
    """Return a document of plain values; what is not known is None."""
    disk = estimate.disk
    return {
        "schema_version": DOCUMENT_VERSION,
        "study": estimate.plan.study.name,
        "folder": str(estimate.folder),
        "time_utc": _utc(now),
        "runs": len(estimate.jobs.runs),
        "runs_to_do": len(estimate.jobs.evaluate),
        "runs_failed": estimate.jobs.failed,
        "jobs_to_do": estimate.jobs.jobs,
        "runs_again": dict(estimate.jobs.again),
        "workers": estimate.workers,
        "gpus_here": estimate.gpus,
        "device": estimate.device,
        "is_gpu": estimate.on_gpu,
        "is_gpu_shared": estimate.is_shared,
        "host": estimate.host,
        "other_devices": list(estimate.others),
        "finished_runs": estimate.measured_runs,
        "pilots": estimate.pilots,
        "most_jobs_at_once": estimate.sitting.at_once,
        "between_jobs_sec": estimate.sitting.between_sec,
        "level": LEVEL,
        "computing_sec": _range(estimate.computing),
        "computing_sec_by_rule": {rule: _range(one) for rule, one in estimate.by_rule.items()},
        "wall_clock_sec": _range(estimate.wall),
        "runs_without_estimate": estimate.unknown,
        "by_model_and_resolution": [
            {
                "model": row.model,
                "resolution": row.resolution,
                "runs": row.runs,
                "one_run_sec": _range(row.one),
                "all_runs_sec": _range(row.all_runs),
                "from": row.basis,
                "is_scaled": row.is_scaled,
            }
            for row in estimate.rows
        ],
        "disk": {
            "weights_bytes": disk.weights,
            "other_bytes": disk.other,
            "data_bytes": disk.data,
            "resume_points_bytes": disk.resume,
            "free_bytes": disk.free,
            "fits": disk.fits,
            "runs_of_unknown_size": disk.runs_unknown,
        },
        "earlier_estimates": None if estimate.held is None else asdict(estimate.held),
        "earlier_totals": None if estimate.totals is None else asdict(estimate.totals),
        "notes": notes(estimate),
    }


def kept(estimate: Estimate, now: float) -> dict[str, Any]:
    """Return what is kept of an estimate, to be compared with what will be measured."""
    return {
        "time_utc": _utc(now),
        "device": estimate.device,
        "widening": estimate.widening,
        "train_sec": {path: one.to_plain() for path, one in estimate.cells.items()},
        "total": estimate.said.to_plain(),
    }


def _range(value: Range | None) -> Mapping[str, float] | None:
    return None if value is None else asdict(value)


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
