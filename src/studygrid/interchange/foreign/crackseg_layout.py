"""Runs in CrackSeg's saving layout: one folder an experiment, which is a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from studygrid.errors import RecordError
from studygrid.interchange.crackseg import EPOCHS, FINAL_RESULTS, SUMMARY, VALIDATION
from studygrid.interchange.crackseg_documents import (
    CURVES,
    METRICS,
    WRITER,
    EpochRow,
    HardwareInfo,
    Summary,
)
from studygrid.interchange.crackseg_reading import Experiment, read_experiment
from studygrid.interchange.foreign.json_files import check_file
from studygrid.interchange.foreign.layouts import Item, Layout
from studygrid.interchange.foreign.runs import ForeignRun, Reading

_READ: Final = (SUMMARY, EPOCHS, VALIDATION)
_CONFIG: Final = ("training_epochs", "batch_size", "learning_rate")


def is_folder(folder: Path) -> bool:
    """Tell whether a folder is an experiment, whole or not."""
    return (folder / SUMMARY).is_file() or (folder / VALIDATION).is_file()


def read(items: Sequence[Item]) -> Reading:
    """Return a run for each experiment; one that is not whole is a problem."""
    from studygrid.results.loading import Problem

    reading = Reading()
    for item in items:
        try:
            for name in _READ:
                check_file(item.path / name)
            if (item.path / FINAL_RESULTS).exists():
                check_file(item.path / FINAL_RESULTS)
            experiment = read_experiment(item.path)
            run = _run(experiment)
        except RecordError as error:
            reading.problems.append(Problem(item.path, str(error)))
            continue
        reading.runs.append(run)
        reading.problems += [Problem(item.path, problem) for problem in experiment.problems]
    return reading


def _run(experiment: Experiment) -> ForeignRun:
    summary = experiment.summary
    best = experiment.validation.best_validation.content()
    axes = summary.run.model_dump() if summary.run else {}
    trained = [row for row in experiment.epochs if not _is_made_up(row)]
    status = summary.status or "ok"
    is_ok = status == "ok"
    prefix = "test_metrics."
    return ForeignRun(
        layout="crackseg",
        family=summary.family,
        name=str(axes.pop("model", summary.experiment_name)),
        paths=(experiment.folder,),
        **axes,
        status=status,
        reason=None if is_ok else "its summary gives no reason",
        metrics=_floats(summary.test_metrics or {}) if is_ok else {},
        undefined={
            place.removeprefix(prefix): why
            for place, why in summary.reasons.items()
            if is_ok and place.startswith(prefix)
        },
        validation=_floats({name: best.get(name) for name in METRICS}) if is_ok else {},
        columns=_columns(summary, trained),
        epochs=[_epoch(row) for row in trained],
        config={
            "architecture": summary.model_type,
            "training": {key: getattr(summary, key) for key in _CONFIG},
        },
        dataset=summary.dataset,
        monitor=summary.monitor,
        finished_at=summary.finished_at or summary.timestamp,
        # What studygrid saved for another trainer has that trainer's numbers.
        written_here=summary.written_by == WRITER and summary.run is not None,
    )


def _is_made_up(row: EpochRow) -> bool:
    """Tell whether a line is one that CrackSeg's saver writes of an epoch nobody trained."""
    return all(getattr(row, key) == 0 for key in CURVES)


def _columns(summary: Summary, epochs: Sequence[EpochRow]) -> dict[str, Any]:
    losses = {row.epoch: row.val_loss for row in epochs}
    return {
        "train_samples": summary.train_samples,
        "best_epoch": summary.best_epoch,
        "best_validation_loss": losses.get(summary.best_epoch or 0),
        "final_train_loss": epochs[-1].train_loss if epochs else None,
        "epochs": len(epochs) or None,
        "stopped_by": summary.stopped_by,
        "parameters": summary.parameters,
        "batch_size": summary.batch_size,
        "train_time_sec": summary.total_training_time,
        "train_device": _device(summary.hardware_info),
        "checkpoint_sha256": summary.checkpoint_sha256,
        "data_sha256": summary.data_sha256,
    }


def _device(hardware: HardwareInfo) -> str | None:
    cpu = (hardware.model_extra or {}).get("cpu")
    named = hardware.gpu_name or (cpu if hardware.device == "cpu" else None) or hardware.device
    return str(named) if named else None


def _epoch(row: EpochRow) -> dict[str, Any]:
    """Return an epoch under our names."""
    values = {
        f"validation_{key.removeprefix('val_')}" if key.startswith("val_") else key: value
        for key, value in row.content().items()
    }
    return {
        key: value
        for key, value in values.items()
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    }


def _floats(values: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: None if value is None else float(value) for name, value in values.items()}


LAYOUT: Final = Layout(
    "crackseg",
    "segmentation",
    "CrackSeg's experiments, one folder a run",
    read,
    is_folder=is_folder,
    caveats=(
        "CrackSeg's guide keeps scores of the validation split alone, of the last epoch and of "
        "the best one; those of the best epoch are shown.",
        "CrackSeg has three definitions of its scores (of images, pooled, of batches), and its "
        "files do not say which they are by.",
    ),
)
