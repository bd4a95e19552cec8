"""The evaluate job: score a run's kept weights on the test split."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from studygrid.execution.events import Events
from studygrid.execution.failures import first_line
from studygrid.execution.jobs import Lease, arguments, log, on_device, ran_out_of_memory, run_job
from studygrid.execution.provenance import Clock
from studygrid.families.base import Scores
from studygrid.records import EvaluateRecord, Status, TrainRecord, read_record, write_record
from studygrid.scoring import Kept, chance_of, save_arrays
from studygrid.spec import EvaluateSpec
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
    kept = Kept.read(options.train, options.data)
    train, data = kept.train, kept.data
    scores, elapsed = Scores(values=dict.fromkeys(spec.metrics)), None
    status, reason = train.status, train.reason
    if status is Status.OK:
        try:
            started = time.perf_counter()
            task, model = kept.task_and_model(device)
            scores = task.score(model, "test", spec.metrics, spec.evaluation.batch_size)
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
        chance=chance_of(kept.family, spec.metrics, scores),
        facts=scores.facts,
        tables=scores.tables,
        scores_file=save_arrays(folder / "scores.npz", per_sample),
        examples_file=save_arrays(folder / "examples.npz", scores.examples),
        evaluate_time_sec=elapsed,
        origin=clock.origin(device),
    )


if __name__ == "__main__":
    sys.exit(main())
