"""What was measured so far: the finished jobs of a results folder, in plain values."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import TypeVar

from studygrid.errors import RecordError
from studygrid.estimate.work import Kind, code_of
from studygrid.grid import Run, run_of_path
from studygrid.records import (
    EvaluateRecord,
    InferenceRecord,
    Origin,
    ProfileRecord,
    Status,
    TrainRecord,
    read_record,
)
from studygrid.status.events import Event, read_lines

_RUN_FOLDERS = "runs/*/res*/n*/seed*"
_LAST_EPOCHS = 20
_Scoring = TypeVar("_Scoring", EvaluateRecord, InferenceRecord)


@dataclass(frozen=True, slots=True)
class Job:
    """A job that ended: where, when (seconds since 1970), with which code.

    Attributes
    ----------
    gpu
        The uuid of the GPU it had; None on a CPU.
    """

    device: str
    on_gpu: bool
    gpu: str | None
    host: str
    start: float
    end: float
    seconds: float
    code: str

    @classmethod
    def of(cls, origin: Origin) -> Job:
        """Return the job that a record comes from."""
        hardware = origin.hardware
        return cls(
            device=hardware.device.name,
            on_gpu=hardware.device.type != "cpu",
            gpu=hardware.device.uuid,
            host=hardware.host,
            start=datetime.fromisoformat(origin.started_at).timestamp(),
            end=datetime.fromisoformat(origin.finished_at).timestamp(),
            seconds=origin.total_time_sec,
            code=origin.code,
        )


@dataclass(frozen=True, slots=True)
class Scored:
    """An evaluation or an inference that ended; `spec` is its own spec as JSON."""

    job: Job
    spec: str


@dataclass(frozen=True, slots=True)
class Trained:
    """A run whose training ended.

    Attributes
    ----------
    spec
        As `Spec.to_json` writes it.
    budget_steps
        Optimiser steps that it might have made; fewer were made where it stopped early.
    train_sec
        Time in optimiser steps over all attempts. `job` is the last attempt alone.
    seconds
        Time of the whole job; None where it was made in several attempts.
    validation_sec
        Time of a validation, from its event log; None where that does not tell.
    weights_bytes, other_bytes
        Size of its checkpoint and of its other files.
    scored, inferred
        Its evaluation and its inference, if there is one and it is of these weights.
    """

    run: Run
    status: str
    spec: str
    kind: Kind | None
    job: Job
    steps: int
    epochs: int
    budget_steps: int
    may_stop_early: bool
    train_sec: float
    seconds: float | None
    validation_sec: float | None
    count: int
    parameters: int | None
    weights_bytes: int
    other_bytes: int
    scored: Scored | None
    inferred: Scored | None = None

    @property
    def is_measure(self) -> bool:
        """Whether it tells how long others take: it ended well, and took a time at all."""
        return self.status == Status.OK and self.kind is not None and self.train_sec > 0


@dataclass(frozen=True, slots=True)
class Profiled:
    """A profile that ended; `spec` is its own spec as JSON."""

    model: str
    resolution: int
    job: Job
    spec: str
    ended_well: bool
    parameters: int


@dataclass(frozen=True)
class Measured:
    """All that was measured in a results folder.

    Attributes
    ----------
    problems
        Why records could not be read, of those that are there.
    """

    trained: dict[Run, Trained] = field(default_factory=dict)
    profiled: dict[tuple[str, int], Profiled] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_measured(results: Path) -> Measured:
    """Read every record below a results folder, also of runs that are in no plan any more."""
    found = Measured()
    for folder in sorted(results.glob(_RUN_FOLDERS)):
        with contextlib.suppress(ValueError):
            run = run_of_path(str(folder))
            trained = _trained(run, folder, found.problems)
            if trained is not None:
                found.trained[run] = trained
    for path in sorted(results.glob("profiles/*/res*.json")):
        profile = _profiled(path, found.problems)
        if profile is not None:
            found.profiled[profile.model, profile.resolution] = profile
    return found


def _trained(run: Run, folder: Path, problems: list[str]) -> Trained | None:
    path = folder / "train.json"
    if not path.is_file():
        return None
    try:
        record = read_record(path, TrainRecord)
        job = Job.of(record.origin)
    except (RecordError, ValueError) as error:
        problems.append(str(error))
        return None
    spec, applied = record.spec, record.applied
    kind = None
    if applied is not None:
        kind = Kind(code_of(spec), spec.resolution, applied.batch_size)
    weights, other = _sizes(folder)
    return Trained(
        run=run,
        status=record.status.value,
        spec=spec.to_json(),
        kind=kind,
        job=job,
        steps=record.steps,
        epochs=record.epochs,
        budget_steps=applied.steps if applied else 0,
        may_stop_early=spec.training.early_stopping.patience is not None,
        train_sec=record.train_time_sec,
        seconds=job.seconds if len(record.attempts) == 1 else None,
        validation_sec=_validation_sec(folder / "events.jsonl"),
        count=record.subset.count,
        parameters=applied.parameters if applied else None,
        weights_bytes=weights,
        other_bytes=other,
        scored=_scored(folder / "evaluate.json", EvaluateRecord, record, problems),
        inferred=_scored(folder / "inference.json", InferenceRecord, record, problems),
    )


def _scored(
    path: Path,
    kind: type[_Scoring],
    train: TrainRecord,
    problems: list[str],
) -> Scored | None:
    if not path.is_file():
        return None
    try:
        record = read_record(path, kind)
        scored = Scored(Job.of(record.origin), record.spec.to_json())
    except (RecordError, ValueError) as error:
        problems.append(str(error))
        return None
    weights = train.checkpoint.sha256 if train.checkpoint else None
    is_its_own = record.checkpoint_sha256 == weights and record.run == train.spec
    return scored if is_its_own else None


def _profiled(path: Path, problems: list[str]) -> Profiled | None:
    try:
        record = read_record(path, ProfileRecord)
        job = Job.of(record.origin)
    except (RecordError, ValueError) as error:
        problems.append(str(error))
        return None
    return Profiled(
        model=record.spec.model,
        resolution=record.spec.resolution,
        job=job,
        spec=record.spec.to_json(),
        ended_well=record.status is Status.OK,
        parameters=record.parameters,
    )


def _sizes(folder: Path) -> tuple[int, int]:
    """Return the bytes of a run's kept weights and of its other files."""
    weights = other = 0
    for file in folder.iterdir():
        with contextlib.suppress(OSError):
            size = file.stat().st_size
            if file.name == "best_model.pth":
                weights = size
            elif file.name != "resume.pth":
                other += size
    return weights, other


def _validation_sec(log: Path) -> float | None:
    """Return the usual time from an epoch's last step to the next epoch's first."""
    try:
        events = read_lines(log.read_bytes()).events
    except OSError:
        return None
    return validation_time(events)


def validation_time(events: Sequence[Event]) -> float | None:
    """Return the usual time of a validation of the last attempt; None where it cannot be told."""
    times = []
    before: Event | None = None
    for event in events[-_LAST_EPOCHS - 2 :]:
        steps = event.number("epoch_time_sec") if event.moment == "on_epoch_end" else None
        if steps is not None and before is not None:
            times.append(max(event.at - before.at - steps, 0.0))
        before = event if steps is not None else None
    return median(times) if times else None


def used_device(jobs: Iterable[Job]) -> str | None:
    """Return the device of the job that ended last."""
    last = max(jobs, key=lambda job: job.end, default=None)
    return last.device if last else None
