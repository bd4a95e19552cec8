"""Pilots: a few steps of each kind of work of which nothing is known, in a folder of their own.

They are made by the jobs' own code, started as Snakemake starts it, and heed the machine's locks.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from studygrid.errors import RecordError, StudygridError
from studygrid.estimate.measured import validation_time
from studygrid.estimate.pilots import Pilot, Preparation
from studygrid.estimate.todo import is_prepared, missing_shards
from studygrid.estimate.work import Kind, Works
from studygrid.execution.locks import sole_writer
from studygrid.execution.workers import Server
from studygrid.grid import Run
from studygrid.plan import Plan
from studygrid.records import EvaluateRecord, TrainRecord, read_record
from studygrid.spec import TrainSpec
from studygrid.status.events import Event, read_lines

FOLDER = "pilot"
# The first steps of a process are slow: only the second half counts.
_FIRST_STEPS = 4
_EPOCHS = 3
_MOST_STEPS = 3000
# A pilot that takes so many times what it may is given up.
_PATIENCE, _LEAST_PATIENCE_SEC = 10.0, 120.0
_JOB = "from studygrid.execution.workers import run; run({module!r})"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A kind of work to try, by a run of it."""

    run: Run
    kind: Kind

    @property
    def name(self) -> str:
        """The model, resolution and batch in words."""
        return f"{self.run.model} at {self.run.resolution}, batches of {self.kind.batch}"


def wanted(
    plan: Plan, results: Path, runs: Sequence[Run], knows: Callable[[Kind], bool]
) -> list[Wanted]:
    """Return a run of each kind of work of which nothing is known."""
    works = Works(plan, results)
    found: dict[Kind, Wanted] = {}
    for run in runs:
        work = works.of(run)
        if work is not None and not knows(work.kind):
            found.setdefault(work.kind, Wanted(run, work.kind))
    return list(found.values())


class Piloting:
    """The pilots of one call.

    Parameters
    ----------
    plan
        The study.
    results
        Its results folder, whose prepared data is used where it is there.
    sec
        About how long each pilot trains.
    """

    def __init__(self, plan: Plan, results: Path, sec: float) -> None:
        self._plan, self._results, self._sec = plan, results, sec
        self.prepared: list[Preparation] = []

    def run(self, wanted: Sequence[Wanted]) -> Iterator[Pilot]:
        """Make pilots, and give each as soon as it is done."""
        with _own_folder(self._results) as folder, self._workers():
            for one in wanted:
                yield self._pilot(one, folder)

    @contextlib.contextmanager
    def _workers(self) -> Iterator[None]:
        """Have jobs forked from a warm process, if the study's are."""
        if not self._plan.study.execution.warm_workers:
            yield
            return
        server = Server()
        try:
            yield
        finally:
            server.stop()

    def _pilot(self, one: Wanted, folder: Path) -> Pilot:
        work = _Attempt(self._plan, one, self._data(one.run.resolution, folder), folder)
        limit = max(_PATIENCE * self._sec, _LEAST_PATIENCE_SEC)
        try:
            seen = work.train(_FIRST_STEPS, 2, limit)
            steps = self._steps(seen)
            if steps > 2 * _FIRST_STEPS and not work.is_fitted:
                seen = work.train(steps, _EPOCHS, limit)
            return work.pilot(seen, work.evaluate(limit))
        except _Failed as failure:
            return work.failed(str(failure))

    def _steps(self, seen: _Seen) -> int:
        """Return the steps that fill the time, when validations are taken from it."""
        left = self._sec - _EPOCHS * seen.validation_sec
        return min(int(max(left, 0.0) / max(seen.step_sec, 1e-6)), _MOST_STEPS)

    def _data(self, side: int, folder: Path) -> Path:
        """Return the record of the prepared data; it is prepared here where it is not there."""
        if is_prepared(self._plan, side, self._results):
            return self._results / "data" / f"res{side}" / "data.json"
        record = folder / "data" / f"res{side}" / "data.json"
        if not record.is_file():
            spec = self._plan.data_spec(side, self._results / "data").to_json()
            missing = missing_shards(self._plan)
            if missing:
                raise StudygridError(
                    f"the data at {side} cannot be prepared for a pilot: {len(missing)} of its "
                    f"{len(self._plan.shards)} shards are to be made first: "
                    "snakemake --cores 2 shards"
                )
            shards = [str(path) for path in self._plan.shard_records]
            started = time.perf_counter()
            arguments = ["--spec", spec, "--output", str(record), "--shards", *shards]
            done = _call("studygrid.preparation", arguments, None)
            if done is not None:
                raise StudygridError(f"the data at {side} cannot be prepared: {done}")
            seconds = time.perf_counter() - started
            self.prepared.append(Preparation(side, socket.gethostname(), time.time(), seconds))
        return record


class _Failed(Exception):  # noqa: N818 (a result, not an error)
    """A pilot gave no times; the message says why."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a short training showed."""

    record: TrainRecord
    step_sec: float
    validation_sec: float
    setup_sec: float
    start_sec: float


class _Attempt:
    """A pilot of one kind of work."""

    def __init__(self, plan: Plan, one: Wanted, data: Path, folder: Path) -> None:
        self._plan, self._one, self._data = plan, one, data
        self._folder = folder / "runs" / one.run.path
        self._record: TrainRecord | None = None
        self.is_fitted = plan.models[one.run.model].architecture.fits

    def train(self, steps: int, epochs: int, limit: float) -> _Seen:
        """Train some steps, from the start."""
        shutil.rmtree(self._folder, ignore_errors=True)
        path = self._folder / "train.json"
        started = time.perf_counter()
        problem = _call(
            "studygrid.training.job",
            ["--spec", self._spec(steps, epochs).to_json(), *self._common(path)],
            limit,
        )
        wall = time.perf_counter() - started
        if problem is not None:
            raise _Failed(problem)
        try:
            record = self._record = read_record(path, TrainRecord)
            events = read_lines((self._folder / "events.jsonl").read_bytes()).events
        except (RecordError, OSError) as error:
            raise _Failed(str(error)) from None
        if record.status != "ok":
            raise _Failed(f"{record.status}: {record.reason}")
        return _seen(record, events, wall)

    def evaluate(self, limit: float) -> EvaluateRecord | None:
        """Score what was trained; None if that fails."""
        path = self._folder / "evaluate.json"
        problem = _call(
            "studygrid.evaluation",
            [
                *("--spec", self._plan.evaluate_spec().to_json()),
                *("--train", str(self._folder / "train.json")),
                *self._common(path),
            ],
            limit,
        )
        try:
            return None if problem else read_record(path, EvaluateRecord)
        except RecordError:
            return None

    def pilot(self, seen: _Seen, scored: EvaluateRecord | None) -> Pilot:
        """Return what was measured."""
        kind, hardware = self._one.kind, seen.record.origin.hardware
        applied = seen.record.applied
        return Pilot(
            model=self._one.run.model,
            code=kind.code,
            resolution=kind.resolution,
            batch=kind.batch,
            device=hardware.device.name,
            on_gpu=hardware.device.type != "cpu",
            host=hardware.host,
            at=time.time(),
            step_sec=seen.step_sec,
            validation_sec=seen.validation_sec,
            setup_sec=seen.setup_sec,
            evaluate_sec=scored.origin.total_time_sec if scored else None,
            start_sec=seen.start_sec,
            parameters=applied.parameters if applied else None,
        )

    def failed(self, problem: str) -> Pilot:
        """Return that it gave no times."""
        kind, hardware = self._one.kind, self._record and self._record.origin.hardware
        return Pilot(
            model=self._one.run.model,
            code=kind.code,
            resolution=kind.resolution,
            batch=kind.batch,
            device=hardware.device.name if hardware else "",
            on_gpu=bool(hardware and hardware.device.type != "cpu"),
            host=socket.gethostname(),
            at=time.time(),
            problem=problem,
        )

    def _spec(self, steps: int, epochs: int) -> TrainSpec:
        spec = self._plan.train_spec(self._one.run)
        patient = spec.training.early_stopping.model_copy(update={"patience": None})
        budget = {"epochs": None, "steps": steps, "validations": epochs}
        training = spec.training.model_copy(update={**budget, "early_stopping": patient})
        return spec.model_copy(update={"training": training})

    def _common(self, output: Path) -> list[str]:
        device = self._plan.study.execution.device
        data = ("--data", str(self._data))
        return [*data, "--output", str(output), "--device", device, "--code", "pilot"]


def _seen(record: TrainRecord, events: Sequence[Event], wall: float) -> _Seen:
    """Return the times of a training whose first epoch is left out."""
    epochs = [event for event in events if event.moment == "on_epoch_end"]
    # What is fitted at once has no other epoch.
    counted = epochs[1:] or epochs
    first = epochs[0].count("step") or 0 if len(epochs) > 1 else 0
    steps = record.steps - first
    seconds = sum(event.number("epoch_time_sec") or 0.0 for event in counted)
    if steps <= 0 or seconds <= 0:
        raise _Failed("its event log tells no times")
    validation = validation_time(events) or 0.0
    total = record.origin.total_time_sec
    return _Seen(
        record=record,
        step_sec=seconds / steps,
        validation_sec=validation,
        setup_sec=max(total - record.train_time_sec - validation * record.epochs, 0.0),
        start_sec=max(wall - total, 0.0),
    )


def _call(module: str, arguments: Sequence[str], limit: float | None) -> str | None:
    """Run a job as Snakemake does; return None, or why it failed."""
    command = [sys.executable, "-c", _JOB.format(module=module), *arguments]
    source = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
    with subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": paths},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        try:
            _, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.communicate()
            return f"given up after {limit:.0f} s"
        except BaseException:
            process.terminate()
            raise
    if process.returncode == 0:
        return None
    told = [line for line in errors.splitlines() if line.startswith("error: ")]
    last = (errors.strip().splitlines() or ["no message"])[-1]
    return told[-1].removeprefix("error: ") if told else last


@contextlib.contextmanager
def _own_folder(results: Path) -> Iterator[Path]:
    """Have a folder beside the records, where there is room for data; else a temporary one."""
    if not os.access(next(p for p in (results, *results.parents) if p.exists()), os.W_OK):
        with tempfile.TemporaryDirectory(prefix="studygrid-pilot-") as name:
            yield Path(name)
        return
    folder = results / FOLDER
    with sole_writer(folder):
        work = folder / "work"
        shutil.rmtree(work, ignore_errors=True)  # of a pilot that was killed
        work.mkdir()
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def kept_line(pilot: Pilot) -> str:
    """Return a line that says what a pilot showed."""
    what = f"pilot: {pilot.model} at {pilot.resolution}, batches of {pilot.batch}"
    if pilot.problem:
        return f"{what}: {' '.join(pilot.problem.split())}"
    return f"{what}: {pilot.step_sec:.3g} s a step, {pilot.validation_sec:.2g} s a validation"
