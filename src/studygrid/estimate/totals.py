"""How well the totals of earlier estimates held, of those whose jobs are all done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from studygrid.estimate.history import Earlier
from studygrid.estimate.measured import Job, Measured
from studygrid.estimate.said import Said, cell_path
from studygrid.estimate.sitting import sitting, stretch


@dataclass(frozen=True, slots=True)
class Totals:
    """How well earlier estimates held, of those whose jobs all began after them and are done.

    Attributes
    ----------
    estimates, inside
        Such estimates, and those whose computing was in the range that was printed.
    ratio
        The median of measured over estimated computing.
    walls, walls_inside, wall_ratio
        The same of the wall clock, where as many jobs ran at once as were estimated, without rest.
    """

    estimates: int
    inside: int
    ratio: float
    walls: int
    walls_inside: int
    wall_ratio: float | None


@dataclass(frozen=True, slots=True)
class _Done:
    """An estimate whose jobs are done, with what they took."""

    at: float
    said: Said
    computing: float
    wall: float | None


def how_totals_held(earlier: Sequence[Earlier], measured: Measured) -> Totals | None:
    """Compare the totals of earlier estimates with what was measured; None if there is nothing to.

    Of several estimates of the same jobs one counts: one of as many jobs at once as there were,
    and of these the last.
    """
    jobs = _jobs(measured)
    latest: dict[frozenset[tuple[str, str, int]], _Done] = {}
    for one in sorted(earlier, key=lambda one: one.at):
        done = _done(one, jobs)
        if done is not None:
            key = frozenset(done.said.jobs.all)
            if key not in latest or done.wall is not None or latest[key].wall is None:
                latest[key] = done
    if not latest:
        return None
    found = list(latest.values())
    walls = [(done.wall, done.said.wall) for done in found if done.wall and done.said.wall]
    wall_ratios = [took / said.mid for took, said in walls]
    return Totals(
        estimates=len(found),
        inside=sum(done.said.computing.contains(done.computing) for done in found),
        ratio=median(done.computing / done.said.computing.mid for done in found),
        walls=len(walls),
        walls_inside=sum(said.contains(took) for took, said in walls),
        wall_ratio=median(wall_ratios) if wall_ratios else None,
    )


def _jobs(measured: Measured) -> dict[tuple[str, str, int], Job]:
    """Return every job that was made in one go."""
    found = {}
    for run, done in measured.trained.items():
        cell = cell_path(run)
        if done.seconds is not None:
            found["train", cell, run.seed] = done.job
        if done.scored is not None:
            found["evaluate", cell, run.seed] = done.scored.job
    for (model, side), profile in measured.profiled.items():
        found["profile", model, side] = profile.job
    return found


def _done(one: Earlier, jobs: dict[tuple[str, str, int], Job]) -> _Done | None:
    """Return what the jobs of an estimate took; None unless all of them are done since."""
    if one.said is None:
        return None
    found = [jobs.get(name) for name in one.said.jobs.all]
    done = [job for job in found if job and job.start >= one.at and job.device == one.device]
    if len(done) < len(found):
        return None
    return _Done(one.at, one.said, sum(job.seconds for job in done), _wall(one.said, done))


def _wall(said: Said, done: Sequence[Job]) -> float | None:
    """Return the wall clock of jobs; None where they did not run as the estimate took them to."""
    at_once = sitting(done).at_once
    chains = {(name, number) for rule, name, number in said.jobs.all if rule != "profile"}
    ran_so = at_once == said.workers or len(chains) <= at_once < said.workers
    return stretch(done) if said.wall is not None and ran_so else None
