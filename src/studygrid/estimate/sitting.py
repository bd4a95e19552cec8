"""How finished jobs followed each other: how many at once, and the time from one to the next."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from studygrid.estimate.measured import Job

# A worker that had nothing to do for so much longer than usual waited for a person.
_PAUSE = 10
# Nor was a machine at work while it had no job at all for so long.
_LEAST_PAUSE_SEC = 60.0
# Older jobs may be of another machine, or of another way to start jobs.
_LATEST = 400


@dataclass(frozen=True, slots=True)
class Sitting:
    """What the times of finished jobs tell of the machine that ran them.

    Attributes
    ----------
    at_once
        The most jobs at the same time.
    between_sec
        Time between a job and the next of the same worker: starting a process and its imports,
        the scheduler's own work, a queue. None where no job followed another.
    """

    at_once: int
    between_sec: float | None


def sitting(jobs: Iterable[Job]) -> Sitting:
    """Return how the latest jobs followed each other: each took the worker that waited least."""
    ends: list[float] = []
    pauses = []
    at_once = 0
    for job in sorted(jobs, key=lambda one: one.start)[-_LATEST:]:
        place = bisect.bisect_right(ends, job.start)
        at_once = max(at_once, len(ends) - place + 1)
        if place:
            pauses.append(job.start - ends.pop(place - 1))
        bisect.insort(ends, job.end)
    if not pauses:
        return Sitting(at_once, None)
    usual = max(median(pauses), 0.01) * _PAUSE
    return Sitting(at_once, fmean(pause for pause in pauses if pause <= usual))


def most_on_one_gpu(jobs: Iterable[Job]) -> int:
    """Return the most jobs that shared a GPU at the same time; 0 where none had one."""
    by_gpu: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        if job.gpu is not None:
            by_gpu.setdefault((job.host, job.gpu), []).append(job)
    return max((sitting(group).at_once for group in by_gpu.values()), default=0)


def stretch(jobs: Sequence[Job]) -> float | None:
    """Return the time from the first start to the last end; None if work rested in between."""
    usual = sitting(jobs).between_sec or 0.0
    pause = max(_LEAST_PAUSE_SEC, _PAUSE * usual)
    ordered = sorted(jobs, key=lambda job: job.start)
    end = ordered[0].end
    for job in ordered:
        if job.start - end > pause:
            return None
        end = max(end, job.end)
    return end - ordered[0].start
