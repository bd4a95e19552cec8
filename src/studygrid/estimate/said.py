"""What an estimate said of all its jobs, as it is kept to be compared later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studygrid.estimate.sums import Range
from studygrid.grid import Run


def cell_path(run: Run) -> str:
    """Return the path of a run's cell."""
    return run.path.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class JobNames:
    """Which jobs an estimate counts.

    Attributes
    ----------
    train, evaluate
        Seeds of the runs, by the path of their cell.
    profile
        Resolutions, by the model.
    """

    train: Mapping[str, Sequence[int]]
    evaluate: Mapping[str, Sequence[int]]
    profile: Mapping[str, Sequence[int]]

    @classmethod
    def of(
        cls, train: Iterable[Run], evaluate: Iterable[Run], profile: Iterable[tuple[str, int]]
    ) -> JobNames:
        """Return the names of jobs."""
        return cls(
            _grouped((cell_path(run), run.seed) for run in train),
            _grouped((cell_path(run), run.seed) for run in evaluate),
            _grouped(profile),
        )

    @property
    def all(self) -> list[tuple[str, str, int]]:
        """Each job: its rule, the path of its cell or its model, its seed or resolution."""
        rules = (("train", self.train), ("evaluate", self.evaluate), ("profile", self.profile))
        return [
            (rule, name, number)
            for rule, listed in rules
            for name, numbers in listed.items()
            for number in numbers
        ]


@dataclass(frozen=True, slots=True)
class Said:
    """What an estimate said of its jobs that train, evaluate and profile, as it was printed.

    Attributes
    ----------
    workers
        Jobs at once.
    computing, wall
        As of the estimate; no wall clock where some job had no time.
    """

    jobs: JobNames
    workers: int
    computing: Range
    wall: Range | None

    def to_plain(self) -> dict[str, Any]:
        """Return it in plain values."""
        jobs = self.jobs
        return {
            "workers": self.workers,
            "jobs": {"train": jobs.train, "evaluate": jobs.evaluate, "profile": jobs.profile},
            "computing_sec": self.computing.to_plain(),
            "wall_clock_sec": None if self.wall is None else self.wall.to_plain(),
        }

    @classmethod
    def of(cls, content: Any) -> Said:
        """Return it from plain values.

        Raises
        ------
        ValueError, KeyError, TypeError, AttributeError
            If they are not what `to_plain` returns.
        """
        jobs, wall = content["jobs"], content["wall_clock_sec"]
        said = cls(
            JobNames(**{rule: _read(jobs[rule]) for rule in ("train", "evaluate", "profile")}),
            int(content["workers"]),
            Range(*map(float, content["computing_sec"])),
            None if wall is None else Range(*map(float, wall)),
        )
        if not said.jobs.all or not all(one.is_time for one in (said.computing, said.wall) if one):
            raise ValueError
        return said


def _grouped(pairs: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name, number in pairs:
        found.setdefault(name, []).append(number)
    return found


def _read(content: Any) -> dict[str, list[int]]:
    return {str(name): [int(number) for number in numbers] for name, numbers in content.items()}
