"""Re-opening failures that are results: their records are removed, so that they are due again.

What a record said stands in events.jsonl from then on: the run's, or one beside the profiles.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from studygrid.errors import StudygridError
from studygrid.execution.events import FILE, Events, append_line, utc_now
from studygrid.execution.failures import RESULTS
from studygrid.execution.holder import Holder, this_process
from studygrid.execution.locks import WRITER_FILE, HeldLock, take
from studygrid.execution.results_lock import RETRY, hand_back, hold_results
from studygrid.execution.slurm import EXECUTOR, SlurmError, describe_jobs, jobs_of
from studygrid.grid import Run
from studygrid.plan import Plan
from studygrid.records import SCHEMA_VERSION, Status
from studygrid.results.selection import Selection, selected
from studygrid.status.other_jobs import profile_path

# A profile is of all sizes and seeds.
_PROFILE_AXES = ("model", "resolution")
# Of a run, in the order in which they are made.
_RECORDS = {"train": "train.json", "evaluate": "evaluate.json", "infer": "inference.json"}


@dataclass(frozen=True)
class FailedResult:
    """A job whose record says that it failed.

    Attributes
    ----------
    job
        ``train``, ``evaluate``, ``infer`` or ``profile``.
    run
        The run; None of a profile.
    path
        The record that says so.
    """

    job: str
    name: str
    run: Run | None
    path: Path
    status: str
    reason: str | None


def failed_results(
    plan: Plan, folder: Path, selection: Selection | None = None
) -> list[FailedResult]:
    """Return the results of a plan that failed, as the records say: runs, then profiles.

    Parameters
    ----------
    plan
        The study.
    folder
        Its results folder.
    selection
        Values of axes, as `load_runs` takes them. One of sizes or seeds leaves profiles out.

    Raises
    ------
    SelectionError
        If no run has a value that is asked for.
    """
    runs = selected(plan.runs, selection)
    jobs = [job for job in _RECORDS if job != "infer" or plan.study.inference.enabled]
    found = [failed for run in runs if (failed := _of_run(run, folder, jobs)) is not None]
    if set(selection or ()) <= set(_PROFILE_AXES):
        pairs = {(run.model, run.resolution) for run in runs}
        profiles = (_of_profile(*pair, folder) for pair in plan.profiled if pair in pairs)
        found += [failed for failed in profiles if failed is not None]
    return found


def _of_run(run: Run, folder: Path, jobs: Sequence[str]) -> FailedResult | None:
    for job in jobs:
        path = folder / "runs" / run.path / _RECORDS[job]
        status, reason = _ending(path)
        if status in RESULTS:
            return FailedResult(job, run.path, run, path, status, reason)
        if status != Status.OK:  # not there: what comes after it says nothing of its own
            return None
    return None


def _of_profile(model: str, resolution: int, folder: Path) -> FailedResult | None:
    path = profile_path(folder, model, resolution)
    status, reason = _ending(path)
    if status not in RESULTS:
        return None
    return FailedResult("profile", f"{model}/res{resolution}", None, path, status, reason)


def _ending(path: Path) -> tuple[str, str | None]:
    """Return a record's status and reason; no status where it cannot be read."""
    try:
        content: Any = from_json(path.read_bytes())
        return str(content["status"]), content["reason"]
    except (OSError, ValueError, KeyError, TypeError):
        return "", None


@contextmanager
def nobody_writes(folder: Path) -> Iterator[None]:
    """Hold a results folder, so that no Snakemake runs it meanwhile.

    Raises
    ------
    StudygridError
        If a Snakemake runs the study, or jobs of one that was killed are in Slurm's queue.
    FolderError
        If the folder cannot be written.
    """
    lock = hold_results(folder)
    if lock.before is not None and lock.before.executor == RETRY:
        lock.before = None
    try:
        _refuse_jobs_in_the_queue(lock.before)
        # The name of a Snakemake that was killed stays: the next one asks for its jobs.
        if lock.before is None:
            lock.name(this_process(RETRY))
        yield
    finally:
        hand_back(lock)


def _refuse_jobs_in_the_queue(before: Holder | None) -> None:
    if before is None or before.executor != EXECUTOR:
        return
    try:
        jobs = jobs_of(before)
    except SlurmError as error:
        raise StudygridError(
            f"whether jobs of an earlier Snakemake still run is not known: {error}; re-open where "
            "Slurm can be asked"
        ) from None
    if jobs:
        raise StudygridError(describe_jobs(jobs))


def reopen(failed: FailedResult) -> None:
    """Write down what a record says, then remove it; call it while `nobody_writes`.

    Raises
    ------
    StudygridError
        If a job is at work there: one that outlived its Snakemake.
    """
    folder = failed.path.parent
    name = failed.path.stem if failed.run is None else ""  # as `profile` holds it
    taken = take(folder / f"{name}{WRITER_FILE}")
    if not isinstance(taken, HeldLock):
        raise StudygridError(f"{folder}: wait for {taken or 'another process'}: it is writing here")
    try:
        _remember(failed)
        failed.path.unlink()
        if failed.job == "train":
            for record in _RECORDS.values():
                (folder / record).unlink(missing_ok=True)
    finally:
        taken.release()


def _remember(failed: FailedResult) -> None:
    facts = {"job": failed.job, "status": failed.status, "reason": failed.reason}
    if failed.run is not None:
        Events(failed.path.parent, failed.run).add("on_retry", **facts)
        return
    # Of all resolutions of the model; Snakemake removes a job's log when it starts it again.
    row = {
        "schema_version": SCHEMA_VERSION,
        "moment": "on_retry",
        "time_utc": utc_now(),
        "process": os.getpid(),
        "host": socket.gethostname(),
        "profile": failed.name,
        **facts,
    }
    append_line(failed.path.parent / FILE, row)


def ending(failed: FailedResult) -> str:
    """Return how it ended, in one line."""
    reason = " ".join((failed.reason or "").split())
    return f"{failed.status}: {reason}" if reason else failed.status


def by_status(failed: Sequence[FailedResult]) -> dict[str, list[FailedResult]]:
    """Return what failed, by its status; the statuses in the order of the vocabulary."""
    found = {str(kind): [f for f in failed if f.status == kind] for kind in RESULTS}
    return {kind: members for kind, members in found.items() if members}
