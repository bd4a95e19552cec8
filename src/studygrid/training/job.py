"""The train job: one run from its spec to its record."""

from __future__ import annotations

import argparse
import gc
import hashlib
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from studygrid.errors import DataError, RecordError
from studygrid.execution.events import Events, utc_now
from studygrid.execution.failures import Failure, first_line
from studygrid.execution.jobs import Lease, arguments, log, on_device, ran_out_of_memory, run_job
from studygrid.execution.locks import sole_writer
from studygrid.execution.progress import ProgressBar
from studygrid.execution.provenance import Clock, device_facts
from studygrid.execution.slurm import ending_of, job_here
from studygrid.families import load_family
from studygrid.families.base import Family, load_reference
from studygrid.families.prepared import PreparedData
from studygrid.profiling.memory import DeviceMemory, peak_host_memory_mb
from studygrid.records import (
    Applied,
    Attempt,
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
from studygrid.training.endings import Diverged, Interrupted, LoneSampleError, StopRequest
from studygrid.training.history import EpochLines
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
        "--resume-share",
        type=float,
        default=0.05,
        help="part of the training time for resume points",
    )
    return run_job(_train, parser.parse_args(argv))


def _train(options: argparse.Namespace) -> None:
    try:
        _train_to_record(options)
    except Interrupted as stop:
        log.warning("stopped at %s; run again to go on from there", stop)
        sys.exit(_TERMINATED)


def _train_to_record(options: argparse.Namespace) -> None:
    spec = TrainSpec.model_validate_json(options.spec)
    with sole_writer(options.output.parent):
        if _is_done(spec, options):
            log.info("the record of this run is there already; delete it to train again")
            return
        record = on_device(options, lambda lease: train_run(spec, options, lease))
        with StopRequest():  # the end of a run is not cut in two
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


def train_run(spec: TrainSpec, options: argparse.Namespace, lease: Lease) -> TrainRecord | None:
    """Train a run, or go on where an earlier attempt was stopped.

    Returns
    -------
    Its record; None where memory ran out on a device that others share.

    Raises
    ------
    Interrupted
        Once a resume point is written, if a stop was requested before the last step.
    """
    clock = Clock(options.code)
    set_arithmetic(deterministic=spec.training.deterministic, compiled=spec.training.compile)
    family, data = load_family(spec.family), PreparedData(options.data)
    streams = spawn_streams(spec.seed, spec.training.fixed_streams)
    indices, subset = _subset(spec, family, data, streams)
    with StopRequest() as stop:
        run = _Run(spec, options, stop, family, data, streams, indices, lease)
        run.train()
        return None if run.was_crowded_out else run.record(subset, clock)


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
    indices = split[:size] if data.record.sequential else _drawn(split, size, family, data, streams)
    counts = None
    if family.stratum is not None:
        labels = data.array(family.stratum)
        counts = np.bincount(labels[indices], minlength=int(labels.max()) + 1).tolist()
    digest = hashlib.sha256(indices.astype("<i8").tobytes()).hexdigest()
    facts = load_reference(family.subset_facts)(data, indices) if family.subset_facts else {}
    return indices, Subset(count=size, sha256=digest, class_counts=counts, facts=facts)


def _drawn(
    split: np.ndarray[Any, Any], size: int, family: Family, data: PreparedData, streams: Streams
) -> np.ndarray[Any, Any]:
    stratum = None if family.stratum is None else np.asarray(data.array(family.stratum)[split])
    drawn: np.ndarray[Any, Any] = split[nested_subset(len(split), size, stratum, streams.subset)]
    return drawn


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
        lease: Lease,
    ) -> None:
        self.spec, self.options, self.stop = spec, options, stop
        self.family, self.data = family, data
        self.streams, self.indices, self.lease, self.device = streams, indices, lease, lease.device
        self.folder: Path = options.output.parent
        self.resume_path = self.folder / "resume.pth"
        # Of the same kind of device: another one may train in another precision.
        self.identity = hashlib.sha256(
            f"{spec.to_json()} {options.code} {data.record.sha256} {self.device.type}".encode()
        ).hexdigest()
        self.status = Status.OK
        self.reason: str | None = None
        self.trainer: Trainer | None = None
        self.halvings = 0
        self.out_of_memory: str | None = None
        self.was_crowded_out = False
        self.attempts: list[Attempt] = []
        self.events = Events(self.folder, spec.run)
        self.memory = DeviceMemory(self.device)
        self._saved_at = time.perf_counter()
        self._save_sec = 0.0

    def train(self) -> None:
        """Train; a run that diverges or runs out of memory ends with a status and a reason."""
        self.events.close_earlier_attempt()
        while not self._try():
            # What the failed try held is free now: its error is gone, too.
            self.halvings += 1
            self.trainer = None
            self.resume_path.unlink(missing_ok=True)
            gc.collect()
            self.memory = DeviceMemory(self.device)

    def _try(self) -> bool:
        """Train to an end; return False if it should be tried again with half the memory."""
        try:
            self._prepare()
            self._loop()
        except Interrupted as error:
            job = job_here()
            failure = (ending_of(job) if job else None) or Failure.STOPPED
            self.events.fail("train", failure, f"stopped: {error}")
            raise
        except Diverged as error:
            self._end(Status.DIVERGED, Failure.DIVERGED, str(error))
        except LoneSampleError as error:
            self._end_alone(f"{self._model_name()} {error}")
        except Exception as error:
            if not ran_out_of_memory(error, self.device):
                raise
            if self.lease.shared:
                self.was_crowded_out = True
                message = f"{first_line(error)}; beside other jobs: again, with the device alone"
                self.events.fail("train", Failure.OOM, message)
                return True
            if self._can_halve():
                message = f"{first_line(error)}; starts again with half as many samples at once"
                self.events.fail("train", Failure.OOM, message)
                log.warning("%s", message)
                self.out_of_memory = first_line(error)
                return False
            self._end(Status.OOM, Failure.OOM, first_line(error))
        return True

    def _end_alone(self, reason: str) -> None:
        """End a run that cannot go on with one sample: where it was halved, as out of memory."""
        if self.out_of_memory is None:
            raise LoneSampleError(
                f"{reason}; choose batch_size and accumulation so that each micro-batch has two "
                "samples or more"
            ) from None
        self._end(Status.OOM, Failure.OOM, f"{self.out_of_memory}; halved, {reason}")

    def _model_name(self) -> str:
        spec = self.spec
        named = "" if spec.model == spec.architecture else f" ({spec.architecture})"
        return f"model {spec.model}{named} at resolution {spec.resolution}"

    def _can_halve(self) -> bool:
        can_shrink = self.trainer is not None and self.trainer.micro_batch_size > 1
        return self.spec.training.on_oom == "halve" and can_shrink

    def _end(self, status: Status, failure: Failure, reason: str) -> None:
        self.status, self.reason = status, reason
        self.events.fail("train", failure, reason, status=status)

    def _prepare(self) -> None:
        architecture = self.family.find_architecture(self.spec.architecture)
        fits = architecture is not None and architecture.fits
        budget = Budget.of(self.spec.training, len(self.indices), fits=fits)
        state = checkpoints.load_resume_point(self.resume_path, self.identity)
        step = state["progress"]["step"] if state else 0
        self.halvings = state["halvings"] if state else self.halvings
        device = device_facts(self.device)
        self.attempts = [Attempt(**attempt) for attempt in state["attempts"]] if state else []
        self.attempts.append(
            Attempt(
                started_at=utc_now(),
                host=socket.gethostname(),
                device=device.name,
                device_uuid=device.uuid,
                slurm_job=job_here(),
                step=step,
            )
        )
        self.epoch_lines = EpochLines(
            self.folder / "epochs.jsonl", state["epoch_lines"] if state else []
        )
        self.events.add(
            "on_start", step=step, steps=budget.steps, epochs=budget.epochs, device=device.name
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
            epoch_metrics=self.family.epoch_metrics,
            fits=fits,
            halvings=self.halvings,
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
        if self._is_resume_point_due():
            self._save_resume_point()

    def _is_resume_point_due(self) -> bool:
        assert self.trainer is not None
        share: float = self.options.resume_share
        passed = time.perf_counter() - self._saved_at
        affordable = self._save_sec <= share * (passed + self._save_sec)
        return share > 0 and affordable and not self.trainer.is_done

    def _save_resume_point(self) -> None:
        assert self.trainer is not None
        started = time.perf_counter()
        state = {
            "identity": self.identity,
            "halvings": self.halvings,
            "attempts": [attempt.model_dump() for attempt in self.attempts],
            "epoch_lines": self.epoch_lines.rows,
            **self.trainer.state(),
        }
        try:
            checkpoints.save_resume_point(self.resume_path, state)
        except OSError as error:
            # The run itself is well: only what a kill would cost has grown.
            log.warning("no resume point could be written: %s", error)
        self._saved_at = time.perf_counter()
        self._save_sec = self._saved_at - started

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
            attempts=self.attempts,
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
            optimizer={} if trainer.fits else optimisation.describe(trainer.optimizer),
            schedule={} if trainer.fits else optimisation.describe(trainer.schedule),
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
