"""The train job: one run from its spec to its record."""

from __future__ import annotations

import argparse
import hashlib
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch

from studygrid.errors import DataError, RecordError
from studygrid.execution.jobs import arguments, choose_device, log, run_job
from studygrid.execution.locks import machine_share, sole_writer
from studygrid.execution.progress import ProgressBar
from studygrid.execution.provenance import Clock
from studygrid.families import load_family
from studygrid.families.base import Family, load_reference
from studygrid.families.prepared import PreparedData
from studygrid.profiling.memory import DeviceMemory, peak_host_memory_mb
from studygrid.records import (
    Applied,
    Checkpoint,
    Status,
    Streams,
    Subset,
    TrainRecord,
    read_record,
    write_record,
)
from studygrid.spec import TrainSpec
from studygrid.training import checkpoints, optimisation
from studygrid.training.budget import Budget
from studygrid.training.endings import Diverged, Interrupted, StopRequest, out_of_memory
from studygrid.training.history import EpochLines, Events
from studygrid.training.loop import Epoch, Progress, Trainer
from studygrid.training.precision import set_arithmetic
from studygrid.training.randomness import spawn_streams
from studygrid.training.subsets import nested_subset

_TERMINATED = 128 + signal.SIGTERM


def main(argv: list[str] | None = None) -> int:
    """Run the train job of a command line; return the exit status."""
    parser = arguments("Train one run and write its record.")
    parser.add_argument("--data", type=Path, required=True, help="record of the prepared data")
    parser.add_argument("--output", type=Path, required=True, help="the record to write")
    parser.add_argument(
        "--resume-every-sec", type=float, default=120.0, help="time between resume points"
    )
    return run_job(_train, parser.parse_args(argv))


def _train(options: argparse.Namespace) -> None:
    try:
        _train_to_record(options)
    except Interrupted as stop:
        log.warning("stopped by SIGTERM at %s; run again to go on from there", stop)
        sys.exit(_TERMINATED)


def _train_to_record(options: argparse.Namespace) -> None:
    spec = TrainSpec.model_validate_json(options.spec)
    with machine_share(alone=False), sole_writer(options.output.parent):
        if _is_done(spec, options):
            log.info("the record of this run is there already; delete it to train again")
            return
        with StopRequest() as stop:
            record = train_run(spec, options, stop)
            write_record(options.output, record)
            (options.output.parent / "resume.pth").unlink(missing_ok=True)
    log.info("%s: %s", record.status, record.reason or f"best epoch {record.best_epoch}")


def _is_done(spec: TrainSpec, options: argparse.Namespace) -> bool:
    """Tell whether another process wrote this very record while this one waited for it.

    Snakemake deletes a record before it starts the job.
    """
    try:
        record = read_record(options.output, TrainRecord)
    except RecordError:
        return False
    same_data = record.data_sha256 == PreparedData(options.data).record.sha256
    return record.spec == spec and record.origin.code == options.code and same_data


def train_run(spec: TrainSpec, options: argparse.Namespace, stop: StopRequest) -> TrainRecord:
    """Train a run, or go on where an earlier attempt was stopped.

    Raises
    ------
    Interrupted
        Once a resume point is written, if a stop was requested before the last step.
    """
    clock = Clock(options.code)
    set_arithmetic(deterministic=spec.training.deterministic, compiled=spec.training.compile)
    device = choose_device(options.device)
    family, data = load_family(spec.family), PreparedData(options.data)
    streams = spawn_streams(spec.seed, spec.training.fixed_streams)
    indices, subset = _subset(spec, family, data, streams)
    run = _Run(spec, options, stop, family, data, streams, indices, device)
    run.train()
    return run.record(subset, clock)


def _subset(
    spec: TrainSpec, family: Family, data: PreparedData, streams: Streams
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Subset]:
    """Draw the training subset from the training split alone."""
    split = data.indices("train")
    size = len(split) if spec.n_train == "all" else int(spec.n_train)
    if size > len(split):
        raise DataError(
            f"n_train is {size}, but the training split of {data.record.spec.dataset} has "
            f"{len(split)} samples; lower grid.n_train or write all"
        )
    stratum = None if family.stratum is None else np.asarray(data.array(family.stratum)[split])
    indices = split[nested_subset(len(split), size, stratum, streams.subset)]
    counts = None
    if family.stratum is not None and stratum is not None:
        labels = data.array(family.stratum)
        counts = np.bincount(labels[indices], minlength=int(labels.max()) + 1).tolist()
    digest = hashlib.sha256(indices.astype("<i8").tobytes()).hexdigest()
    return indices, Subset(count=size, sha256=digest, class_counts=counts)


class _Run:
    """One attempt at a run: the trainer, and the files that grow beside it."""

    def __init__(
        self,
        spec: TrainSpec,
        options: argparse.Namespace,
        stop: StopRequest,
        family: Family,
        data: PreparedData,
        streams: Streams,
        indices: np.ndarray[tuple[int], np.dtype[np.int64]],
        device: torch.device,
    ) -> None:
        self.spec, self.options, self.stop = spec, options, stop
        self.family, self.data = family, data
        self.streams, self.indices, self.device = streams, indices, device
        self.folder: Path = options.output.parent
        self.resume_path = self.folder / "resume.pth"
        self.identity = hashlib.sha256(
            f"{spec.to_json()} {options.code} {data.record.sha256}".encode()
        ).hexdigest()
        self.status = Status.OK
        self.reason: str | None = None
        self.trainer: Trainer | None = None
        axes = ("model", "resolution", "n_train", "seed")
        self.events = Events(
            self.folder / "events.jsonl", {axis: getattr(spec, axis) for axis in axes}
        )
        self.memory = DeviceMemory(device)
        self._saved_at = time.perf_counter()

    def train(self) -> None:
        """Train; a run that diverges or runs out of memory ends with a status and a reason."""
        try:
            self._prepare()
            self._loop()
        except Interrupted as error:
            self.events.add("on_exception", error=f"stopped: {error}")
            raise
        except Diverged as error:
            self._fail(Status.DIVERGED, str(error))
        except Exception as error:
            reason = out_of_memory(error)
            if reason is None:
                self.events.add("on_exception", error=f"{type(error).__name__}: {error}")
                raise
            self._fail(Status.OOM, reason)

    def _fail(self, status: Status, reason: str) -> None:
        self.status, self.reason = status, reason
        self.events.add("on_exception", status=status, error=reason)

    def _prepare(self) -> None:
        budget = Budget.of(self.spec.training, len(self.indices))
        state = checkpoints.load_resume_point(self.resume_path, self.identity)
        self.epoch_lines = EpochLines(
            self.folder / "epochs.jsonl", state["epoch_lines"] if state else []
        )
        self.events.add(
            "on_start",
            step=state["progress"]["step"] if state else 0,
            steps=budget.steps,
            epochs=budget.epochs,
        )
        task = load_reference(self.family.task)(self.family, self.spec, self.data, self.device)
        task.start_training(self.spec, self.indices)
        metric = self.family.metric(self.spec.training.monitor)
        self.trainer = Trainer(
            task=task,
            training=self.spec.training,
            budget=budget,
            streams=self.streams,
            device=self.device,
            higher_is_better=metric.higher_is_better,
        )
        if state is not None:
            self.trainer.restore(state)
        log.info("training %s from step %d", self.spec.to_json(), self.trainer.progress.step)

    def _loop(self) -> None:
        trainer = self.trainer
        assert trainer is not None
        spec = self.spec
        title = f"{spec.model} res{spec.resolution} n{spec.n_train} seed{spec.seed}"
        with ProgressBar(title, trainer.budget.steps, trainer.progress.step, "steps") as bar:

            def on_step() -> bool:
                bar.advance()
                return self.stop.made

            try:
                trainer.run(self._on_epoch, on_step)
            except Interrupted:
                self._save_resume_point()
                raise

    def _on_epoch(self, epoch: Epoch) -> None:
        row = epoch.row()
        self.epoch_lines.add(row)
        self.events.add("on_epoch_end", **row)
        log.info("epoch %s", " ".join(f"{key}={_short(value)}" for key, value in row.items()))
        if time.perf_counter() - self._saved_at > self.options.resume_every_sec:
            self._save_resume_point()

    def _save_resume_point(self) -> None:
        assert self.trainer is not None
        state = {
            "identity": self.identity,
            "epoch_lines": self.epoch_lines.rows,
            **self.trainer.state(),
        }
        checkpoints.save_resume_point(self.resume_path, state)
        self._saved_at = time.perf_counter()

    def record(self, subset: Subset, clock: Clock) -> TrainRecord:
        """Write the kept weights and return the record of the run."""
        trainer = self.trainer
        progress = trainer.progress if trainer is not None else Progress()
        trained = progress.train_sec + progress.epoch_sec
        samples = progress.step * trainer.budget.batch_size if trainer is not None else 0
        stopped_by = "early_stopping" if progress.stopped_early else "budget"
        allocated, reserved = self.memory.peak_mb()
        record = TrainRecord(
            status=self.status,
            reason=self.reason,
            spec=self.spec,
            applied=self._applied(trainer) if trainer is not None else None,
            data_sha256=self.data.record.sha256,
            validation_count=self.data.record.splits["validation"].count,
            subset=subset,
            streams=self.streams,
            checkpoint=self._write_checkpoint(progress),
            monitor=self.spec.training.monitor,
            best_value=progress.best_value,
            best_epoch=progress.best_epoch or None,
            best_validation_loss=progress.best_validation_loss,
            final_train_loss=progress.train_loss,
            epochs=progress.epoch,
            steps=progress.step,
            stopped_by=stopped_by if self.status is Status.OK else "failure",
            resumed=progress.resumed,
            train_time_sec=trained,
            samples_per_sec=samples / trained if trained > 0 else None,
            peak_host_memory_mb=peak_host_memory_mb(),
            peak_device_memory_allocated_mb=allocated,
            peak_device_memory_reserved_mb=reserved,
            origin=clock.origin(self.device),
        )
        self.events.add(
            "on_train_end",
            status=self.status,
            reason=self.reason,
            epoch=progress.epoch,
            step=progress.step,
            best_epoch=progress.best_epoch or None,
            best_value=progress.best_value,
            train_time_sec=trained,
        )
        return record

    def _write_checkpoint(self, progress: Progress) -> Checkpoint | None:
        path = self.folder / "best_model.pth"
        path.unlink(missing_ok=True)
        if self.status is not Status.OK or progress.best_weights is None:
            return None
        sha256 = checkpoints.save(path, {"model": progress.best_weights})
        return Checkpoint(
            file=path.name, sha256=sha256, epoch=progress.best_epoch, step=progress.best_step
        )

    def _applied(self, trainer: Trainer) -> Applied:
        training, task = self.spec.training, trainer.task.applied()
        layouts = [
            p.is_contiguous(memory_format=torch.channels_last)
            for p in trainer.model.parameters()
            if p.dim() == 4
        ]
        return Applied(
            optimizer=optimisation.describe(trainer.optimizer),
            schedule=optimisation.describe(trainer.schedule),
            precision=str(trainer.precision).removeprefix("torch."),
            batch_size=trainer.budget.batch_size,
            micro_batch_size=trainer.micro_batch_size,
            steps=trainer.budget.steps,
            steps_per_epoch=trainer.budget.steps_per_epoch,
            gradient_clip=trainer.gradient_clip,
            channels_last=training.channels_last and all(layouts),
            compiled=trainer.forward is not trainer.model,
            deterministic=torch.are_deterministic_algorithms_enabled(),
            data_on_device=task.data_on_device,
            loss=task.loss,
            augmentation=task.augmentation,
            parameters=sum(p.numel() for p in trainer.model.parameters()),
        )


def _short(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
