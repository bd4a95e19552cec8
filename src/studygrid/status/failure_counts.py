"""How often what failed in which way, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from studygrid.execution.failures import ADVICE, Failure
from studygrid.status.other_jobs import JobView
from studygrid.status.run_view import RunView
from studygrid.status.states import State


@dataclass(frozen=True, slots=True)
class FailureCount:
    """How often something failed in one way.

    Attributes
    ----------
    kind
        As `Failure` names it.
    is_result
        Whether records say so: these are not tried again.
    jobs
        How many of each: ``run``, ``shard``, ``prepare``, ``profile``, ``infer``.
    log
        The log of the first of them, below the results folder; of a shard, the whole path.
    """

    kind: str
    is_result: bool
    jobs: Mapping[str, int]
    log: str

    @property
    def total(self) -> int:
        """How many jobs and runs failed so."""
        return sum(self.jobs.values())

    @property
    def advice(self) -> str | None:
        """What to do; None for a kind that this version does not know."""
        return ADVICE[Failure(self.kind)] if self.kind in ADVICE else None


def failure_counts(failed: Iterable[RunView], jobs: Iterable[JobView]) -> list[FailureCount]:
    """Count failures by their kind: results first, then the most frequent.

    Parameters
    ----------
    failed
        The runs that failed.
    jobs
        The jobs that are of no run, failed or not.
    """
    found: dict[tuple[bool, str], Counter[str]] = {}
    logs: dict[tuple[bool, str], str] = {}
    for view in failed:
        key = (view.is_result, view.failure or Failure.ERROR)
        found.setdefault(key, Counter())["run"] += 1
        logs.setdefault(key, view.job_log)
    for job in jobs:
        if job.state is State.FAILED:
            key = (job.is_result, job.failure or Failure.ERROR)
            found.setdefault(key, Counter())[job.rule] += 1
            logs.setdefault(key, job.log)
    counts = [
        FailureCount(kind, is_result, jobs, logs[is_result, kind])
        for (is_result, kind), jobs in found.items()
    ]
    return sorted(counts, key=lambda count: (not count.is_result, -count.total, count.kind))
