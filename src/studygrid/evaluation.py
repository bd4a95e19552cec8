"""The evaluate job: score a run's kept weights on the test split."""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from studygrid.errors import RecordError
from studygrid.execution.events import Events
from studygrid.execution.failures import first_line
from studygrid.execution.jobs import Lease, arguments, log, on_device, ran_out_of_memory, run_job
from studygrid.execution.provenance import Clock
from studygrid.families import load_family
from studygrid.families.base import Scores, load_reference
from studygrid.families.prepared import PreparedData
from studygrid.records import (
    EvaluateRecord,
    Status,
    TrainRecord,
    read_record,
    write_atomically,
    write_record,
)
from studygrid.spec import EvaluateSpec
from studygrid.training.checkpoints import load
from studygrid.training.precision import set_arithmetic


def main(argv: list[str] | None = None) -> int:
    """Run the evaluate job of a command line; return the exit status."""
    parser = arguments("Score the weights of a train record on the test split.")
    parser.add_argument("--data", type=Path, required=True, help="record of the prepared data")
    parser.add_argument("--train", type=Path, required=True, help="record of the training")
    parser.add_argument("--output", type=Path, required=True, help="the record to write")
    return run_job(_evaluate, parser.parse_args(argv))


def _evaluate(options: argparse.Namespace) -> None:
    spec = EvaluateSpec.model_validate_json(options.spec)
    train = read_record(options.train, TrainRecord)
    record = on_device(options, lambda lease: evaluate_run(spec, options, lease))
    write_record(options.output, record)
    events = Events(options.output.parent, train.spec.run)
    events.add("on_test_end", status=record.status, reason=record.reason, metrics=record.metrics)
    log.info("test: %s", record.metrics if record.status is Status.OK else record.reason)


def evaluate_run(
    spec: EvaluateSpec, options: argparse.Namespace, lease: Lease
) -> EvaluateRecord | None:
    """Score a run; a run that failed in training keeps its status and reason.

    Returns
    -------
    Its record; None where memory ran out on a device that others share.

    Raises
    ------
    RecordError
        If the train record was made from other data than is prepared now, or its checkpoint is
        missing or is another one.
    """
    clock, device = Clock(options.code), lease.device
    set_arithmetic(deterministic=True)
    train, data = read_record(options.train, TrainRecord), PreparedData(options.data)
    if train.data_sha256 != data.record.sha256:
        raise RecordError(
            f"{options.train}: was trained on other data than {options.data} describes; "
            "delete it to train again"
        )
    scores, elapsed = Scores(values=dict.fromkeys(spec.metrics)), None
    status, reason = train.status, train.reason
    if status is Status.OK:
        try:
            started = time.perf_counter()
            scores = _score(spec, train, data, options.train.parent, device)
            elapsed = time.perf_counter() - started
        except Exception as error:
            if not ran_out_of_memory(error, device):
                raise
            if lease.shared:
                return None
            status, reason = Status.OOM, f"in evaluation: {first_line(error)}"
    folder: Path = options.output.parent
    per_sample = scores.per_sample if spec.evaluation.save_scores else {}
    return EvaluateRecord(
        status=status,
        reason=reason,
        spec=spec,
        run=train.spec,
        checkpoint_sha256=train.checkpoint.sha256 if train.checkpoint else None,
        data_sha256=data.record.sha256,
        test_count=data.record.splits["test"].count,
        metrics=scores.values,
        undefined=scores.undefined,
        chance=_chance(spec, train, scores),
        facts=scores.facts,
        tables=scores.tables,
        scores_file=_save(folder / "scores.npz", per_sample),
        examples_file=_save(folder / "examples.npz", scores.examples),
        evaluate_time_sec=elapsed,
        origin=clock.origin(device),
    )


def _score(
    spec: EvaluateSpec, train: TrainRecord, data: PreparedData, folder: Path, device: torch.device
) -> Scores:
    if train.checkpoint is None:
        raise RecordError(f"{folder / 'train.json'}: names no checkpoint; delete it to train again")
    family = load_family(train.spec.family)
    task = load_reference(family.task)(family, train.spec, data, device)
    model = task.build_model()
    weights = load(folder / train.checkpoint.file, train.checkpoint.sha256)
    model.load_state_dict(weights["model"])
    model.to(device).eval()
    scores: Scores = task.score(model, "test", spec.metrics, spec.evaluation.batch_size)
    return scores


def _chance(spec: EvaluateSpec, train: TrainRecord, scores: Scores) -> dict[str, float]:
    """Return what a guesser would score on the test split, where there is such a number."""
    shares = scores.class_shares
    if shares is None:
        return scores.chance
    metrics = (load_family(train.spec.family).metric(name) for name in spec.metrics)
    of_shares = {metric.name: metric.chance(shares) for metric in metrics if metric.chance}
    return {**of_shares, **scores.chance}


def _save(path: Path, arrays: Mapping[str, NDArray[Any]]) -> str | None:
    path.unlink(missing_ok=True)
    if not arrays:
        return None
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())
    return path.name


if __name__ == "__main__":
    sys.exit(main())
