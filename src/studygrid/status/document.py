"""The state of a study as one JSON document, for scripts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from studygrid.axes import AXES
from studygrid.status.run_view import RunView
from studygrid.status.screen import notes
from studygrid.status.states import State
from studygrid.status.study_state import StudyState
from studygrid.status.words import Words

DOCUMENT_VERSION = 1
_COUNTED = ("run", "profile", "prepare", "shard", "infer")


def document(study: StudyState) -> dict[str, Any]:
    """Return a document of plain values; what is not known is None."""
    recent = study.activity
    end = study.end_in_sec
    return {
        "schema_version": DOCUMENT_VERSION,
        "study": study.name,
        "folder": study.folder,
        "time_utc": _utc(study.now),
        "has_plan": study.notes.plan_problem is None,
        "notes": notes(study, Words()),
        "counts": {str(state): count for state, count in study.counts.items()},
        "window_sec": recent and recent.window_sec,
        "runs_per_hour": recent and recent.runs_per_hour,
        "runs_in_training": recent and recent.runs_in_training,
        "steps_per_sec": study.steps_per_sec,
        "samples_per_sec": study.samples_per_sec,
        "remaining_training_sec": study.remaining_sec,
        "runs_without_estimate": study.without_estimate,
        "failures": [
            {
                "failure": count.kind,
                "is_result": count.is_result,
                **{f"{what}s": count.jobs.get(what, 0) for what in _COUNTED},
                "advice": count.advice,
                "log": count.log,
            }
            for count in study.failures
        ],
        "snakemake": study.snakemake
        and {
            "host": study.snakemake.host,
            "process": study.snakemake.process,
            "since_utc": _utc(study.snakemake.since),
        },
        "expected_end_sec": end,
        "expected_end_utc": None if end is None else _utc(study.now + end),
        "runs": [_run(view, study) for view in study.runs],
        "jobs": [
            {
                "rule": job.rule,
                "model": job.model,
                "resolution": job.resolution,
                "shard": None if job.shard is None else job.shard.stem,
                "run": None if job.run is None else job.run.path,
                "state": str(job.state),
                "failure": job.failure,
                "reason": job.reason,
            }
            for job in study.jobs
        ],
        "runs_outside_plan": [_run(view, study) for view in study.notes.outside],
    }


def _run(view: RunView, study: StudyState) -> dict[str, Any]:
    log = view.log
    return {
        **{axis: getattr(view.run, axis) for axis in AXES},
        "state": str(view.state),
        "status": log.status,
        "failure": view.failure,
        "failed_in": _failed_in(view),
        "reason": view.reason,
        "log": view.job_log if view.state is State.FAILED else None,
        "slurm_job": log.slurm_job,
        "attempts": log.attempts,
        "epochs_done": log.epoch,
        "epochs": log.epochs,
        "step": log.step,
        "steps": log.steps,
        "steps_per_sec": log.steps_per_sec,
        "samples_per_sec": log.samples_per_sec,
        "left_sec": view.left_sec,
        "last_event_utc": None if log.last_at is None else _utc(log.last_at),
        "last_event_sec_ago": view.age_sec,
        "unreadable_lines": study.notes.unreadable_lines.get(view.run, 0),
    }


def _failed_in(view: RunView) -> str | None:
    if view.state is not State.FAILED:
        return None
    return "evaluation" if view.log.in_evaluation else "training"


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
