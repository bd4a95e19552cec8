"""A run that another program left behind, whatever layout it is in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studygrid.errors import RecordError
from studygrid.records import Status

if TYPE_CHECKING:
    from studygrid.results.loading import Problem
    from studygrid.results.reading import RunFacts

# The runs of a study that left no records are `missing`.
_STATUSES: Final = (*(status.value for status in Status), "missing")
Scores = Mapping[str, float | None]
# Whole numbers up to here are the same in JSON, in a table and in a spreadsheet.
LARGEST_WHOLE: Final = 2**53
# Squares of these, added up, are still numbers.
LARGEST_FLOAT: Final = 1e100


@dataclass(frozen=True)
class ForeignRun:
    """One run, as its files say; what they do not say is None or empty, and never made up.

    Attributes
    ----------
    layout
        Name of the layout of its files.
    family
        Name of the family whose metrics it has; None where that is the layout's own.
    name
        Of the model or configuration.
    paths
        The files or folders that it was read from.
    resolution, n_train, seed
        Its place in a grid; `n_train` is a count or ``all``.
    status, reason
        How it ended: ``ok``, ``diverged``, ``oom``, or ``missing``.
    metrics
        Scores of the kept weights on the test split, by the family's names of metrics.
    undefined
        Why a metric that the files name has no value.
    validation
        Scores of the same weights on the validation split.
    columns
        What else it says, by the names of our tables: times, parameters, device.
    epochs
        One row an epoch: `epoch`, `step`, ``train_<metric>``, ``validation_<metric>``.
    config
        Its settings, sections within sections.
    dataset
        What it was trained on, in words.
    monitor
        Validation score that picked its weights.
    finished_at
        When it ended, as ISO 8601.
    written_here
        Whether studygrid wrote the files, so that the numbers mean what ours mean.
    facts
        What the records say, of a run of our own.
    """

    layout: str
    name: str
    paths: tuple[Path, ...]
    family: str | None = None
    resolution: int | None = None
    n_train: int | str | None = None
    seed: int | None = None
    status: str = "ok"
    reason: str | None = None
    metrics: Scores = field(default_factory=dict)
    undefined: Mapping[str, str] = field(default_factory=dict)
    validation: Scores = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)
    epochs: Sequence[Mapping[str, Any]] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    dataset: str | None = None
    monitor: str | None = None
    finished_at: str | None = None
    written_here: bool = False
    facts: RunFacts | None = None

    def __post_init__(self) -> None:
        """Refuse what no run can have.

        Raises
        ------
        RecordError
            If it has no name, its status is none that a run has, a resolution, size or seed is out
            of range, or a number is so large that sums of its like would overflow.
        """
        if not self.name.strip():
            raise RecordError("names no model")
        if self.status not in _STATUSES:
            known = ", ".join(_STATUSES)
            raise RecordError(f"its status is {self.status[:40]!r}, which is none of {known}")
        _check("resolution", self.resolution, 1)
        _check("seed", self.seed, 0)
        if self.n_train != "all":
            _check("n_train", self.n_train, 1)
        numbers = (*_named(self.metrics), *_named(self.validation), *_named(self.columns))
        epochs = (found for row in self.epochs for found in _named(row))
        for name, value in (*numbers, *epochs):
            if abs(value) > (LARGEST_WHOLE if isinstance(value, int) else LARGEST_FLOAT):
                raise RecordError(f"{name} is {_shown(value)}, too large to be true")


def _named(values: Mapping[str, Any]) -> Iterator[tuple[str, int | float]]:
    for name, value in values.items():
        if isinstance(value, int | float):
            yield name, value


def _check(name: str, value: int | str | None, least: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise RecordError(f"{name} is {value!r}, not a whole number")
    if not least <= value <= LARGEST_WHOLE:
        raise RecordError(f"{name} is {_shown(value)}, which no run can have")


def _shown(value: int | float) -> str:
    return f"{value:.3g}" if abs(value) < 1e300 else "a number of hundreds of digits"


@dataclass
class Reading:
    """What was read of one layout.

    Attributes
    ----------
    problems
        Every file that could not be used, or in which something had to be left out, and why.
    notes
        What a reader must know of the runs: copies that count once, say.
    """

    runs: list[ForeignRun] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, other: Reading) -> None:
        """Take over what another reading has."""
        self.runs += other.runs
        self.problems += other.problems
        self.notes += other.notes
