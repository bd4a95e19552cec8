"""The infer job: score a run's kept weights once more, on any split, without training."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from studygrid.execution.failures import first_line
from studygrid.execution.jobs import Lease, arguments, log, on_device, ran_out_of_memory, run_job
from studygrid.execution.provenance import Clock
from studygrid.families.base import Scores, Task
from studygrid.forward_pass import ForwardPass
from studygrid.records import InferenceRecord, Status, write_record
from studygrid.scoring import Kept, chance_of, save_arrays
from studygrid.spec import InferSpec
from studygrid.study import Inference
from studygrid.training.precision import resolve_precision, set_arithmetic

RECORD_FILE = "inference.json"
SCORES_FILE = "inference_scores.npz"
EXAMPLES_FILE = "inference_examples.npz"
_PRECISION = {True: "bfloat16", False: "float32", "auto": "auto"}


def main(argv: list[str] | None = None) -> int:
    """Run the infer job of a command line; return the exit status."""
    parser = arguments("Score the weights of a train record again, on any split.")
    parser.add_argument("--data", type=Path, required=True, help="record of the prepared data")
    parser.add_argument("--train", type=Path, required=True, help="record of the training")
    parser.add_argument("--output", type=Path, required=True, help="the record to write")
    return run_job(_infer, parser.parse_args(argv))


def _infer(options: argparse.Namespace) -> None:
    spec = InferSpec.model_validate_json(options.spec)
    folder: Path = options.output.parent

    def work(lease: Lease) -> InferenceRecord | None:
        clock = Clock(options.code)
        kept = Kept.read(options.train, options.data)
        return _record(spec, kept, lease, folder, clock, None)

    record = on_device(options, work)
    write_record(options.output, record)
    log.info("%s: %s", spec.split, record.metrics if record.status is Status.OK else record.reason)


def infer(
    train_record: Path,
    data_record: Path,
    settings: Inference,
    device: torch.device | str,
    folder: Path,
    *,
    checkpoint: Path | None = None,
) -> InferenceRecord:
    """Score the kept weights of a run again; a run that failed in training keeps its reason.

    Parameters
    ----------
    train_record, data_record
        The run's train.json, and the record of the data that it was trained on.
    settings
        How to score; whether it is `enabled` is not asked.
    folder
        Where inference.json and, if asked for, inference_scores.npz are written, and nothing
        anywhere else.
    checkpoint
        The file of the weights, where it does not lie beside the train record.

    Returns
    -------
    The record that was written. Where the device's memory ran out, its status says so.

    Raises
    ------
    RecordError
        If a record cannot be used, the run was trained on other data, or its weights are missing,
        are other ones than the record names, cannot be read, or do not fit the model.
    DataError
        If an array of the data is missing or is another one.
    """
    clock, kept = Clock("unknown"), Kept.read(train_record, data_record)
    spec = InferSpec.of(settings, kept.family.metric_names)
    lease = Lease(torch.device(device), shared=False)
    record = _record(spec, kept, lease, folder, clock, checkpoint)
    assert record is not None
    write_record(folder / RECORD_FILE, record)
    return record


@dataclass(frozen=True)
class _Scored:
    """What an inference found.

    Attributes
    ----------
    effect
        Each metric less its value in float32; None where the scores are of float32.
    samples_per_sec
        Of the model's forward pass; None where it was not called.
    seconds
        Of all that was done, reading the weights included.
    """

    scores: Scores
    effect: dict[str, float | None] | None = None
    samples_per_sec: float | None = None
    seconds: float | None = None


def _record(
    spec: InferSpec,
    kept: Kept,
    lease: Lease,
    folder: Path,
    clock: Clock,
    checkpoint: Path | None,
) -> InferenceRecord | None:
    """Score a run, and write its arrays; None where memory ran out on a shared device."""
    train, device = kept.train, lease.device
    set_arithmetic(deterministic=True)
    precision = _precision(spec, kept, device)
    found = _Scored(Scores(values=dict.fromkeys(spec.metrics)))
    status, reason = train.status, train.reason
    if status is Status.OK:
        try:
            found = _score(spec, kept, device, precision, checkpoint)
        except Exception as error:
            if not ran_out_of_memory(error, device):
                raise
            if lease.shared:
                return None
            status, reason = Status.OOM, f"in inference: {first_line(error)}"
    scores = found.scores
    per_sample = scores.per_sample if spec.persist_raw_scores else {}
    return InferenceRecord(
        status=status,
        reason=reason,
        spec=spec,
        run=train.spec,
        checkpoint_sha256=train.checkpoint.sha256 if train.checkpoint else None,
        data_sha256=kept.data.record.sha256,
        split=spec.split,
        count=kept.data.record.splits[spec.split].count,
        batch_size=spec.batch_size,
        precision=str(precision).removeprefix("torch."),
        autocast_effect=found.effect,
        metrics=scores.values,
        undefined=scores.undefined,
        chance=chance_of(kept.family, spec.metrics, scores),
        facts=scores.facts,
        tables=scores.tables,
        scores_file=save_arrays(folder / SCORES_FILE, per_sample),
        examples_file=save_arrays(folder / EXAMPLES_FILE, scores.examples),
        throughput_samples_per_sec=found.samples_per_sec,
        inference_time_sec=found.seconds,
        origin=clock.origin(device),
    )


def _precision(spec: InferSpec, kept: Kept, device: torch.device) -> torch.dtype:
    """Return the number format of the forward pass; what is fitted, and no network, has float32."""
    architecture = kept.family.find_architecture(kept.train.spec.architecture)
    if architecture is not None and architecture.fits:
        return torch.float32
    return resolve_precision(_PRECISION[spec.autocast], device)


def _score(
    spec: InferSpec,
    kept: Kept,
    device: torch.device,
    precision: torch.dtype,
    checkpoint: Path | None,
) -> _Scored:
    started = time.perf_counter()
    task, model = kept.task_and_model(device, checkpoint)
    with ForwardPass(model, precision, device) as forward:
        scores = task.score(model, spec.split, spec.metrics, spec.batch_size, details=True)
    effect = None
    if precision is not torch.float32:
        effect = _less(scores, _in_float32(spec, task, model))
    seconds = time.perf_counter() - started
    return _Scored(scores, effect, forward.samples_per_sec, seconds)


def _in_float32(spec: InferSpec, task: Task, model: nn.Module) -> Scores:
    return task.score(model, spec.split, spec.metrics, spec.batch_size, details=False)


def _less(scores: Scores, other: Scores) -> dict[str, float | None]:
    """Return each metric of some scores less that of others; None where one has no value."""
    pairs = {name: (value, other.values[name]) for name, value in scores.values.items()}
    return {
        name: None if one is None or two is None else one - two
        for name, (one, two) in pairs.items()
    }


if __name__ == "__main__":
    sys.exit(main())
