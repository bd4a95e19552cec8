"""Runs of our own as runs of the facts layout: records and epochs.jsonl."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from studygrid.errors import RecordError
from studygrid.execution.events import Events
from studygrid.grid import run_of_path
from studygrid.interchange.thesis_epochs import facts_epochs
from studygrid.interchange.thesis_kinds import (
    loss_kind,
    meaningless_columns,
    meaningless_settings,
    tokenizer_of,
)
from studygrid.interchange.thesis_rows import FactsRun, epochs_frame
from studygrid.records import EvaluateRecord, Status, TrainRecord, read_record
from studygrid.spec import TrainSpec

TRAIN: Final = "train.json"
EVALUATE: Final = "evaluate.json"
EPOCHS: Final = "epochs.jsonl"
_LATENT: Final = ("latent_dim", "latent")
_NAMESPACE: Final = uuid.UUID("c2f6d2f4-5c0c-5b0e-9a51-3f7f0b6b3d11")


def read_own(
    folder: Path,
    planned: str | None = None,
    study: str | None = None,
    dataset: str | None = None,
) -> FactsRun:
    """Read a run folder of our own.

    Parameters
    ----------
    planned
        The spec that the study has for it, if known.
    study, dataset
        The names of its study and of the study's dataset.

    Raises
    ------
    RecordError
        If it has not ended well, or not yet; the message is the reason.
    """
    path = folder / TRAIN
    if not path.exists():
        raise RecordError(_why_missing(folder))
    train = read_record(path, TrainRecord)
    if planned is not None and train.spec.to_json() != planned:
        raise RecordError(f"{path}: is of other settings than the study's")
    if train.status is not Status.OK:
        raise RecordError(f"{train.status.value}: {train.reason}")
    problems: list[tuple[Path, str]] = []
    lines = read_lines(folder / EPOCHS, problems)
    test = _test_scores(folder, train, problems)
    peak = train.peak_device_memory_allocated_mb
    overrides, settings = settings_of(train.spec)
    data = root_of(folder) / "data" / f"res{train.spec.resolution}" / "data.json"
    said = {
        **said_of(train),
        "study": study,
        "dataset_name": dataset,
        "train_record": str(path),
        "data_record": str(data) if data.is_file() else None,
    }
    return FactsRun(
        run_dir=str(folder),
        epochs=epochs_frame(facts_epochs(lines, peak)),
        said=said,
        overrides=overrides,
        settings=settings,
        test=test,
        total_time_s=train.train_time_sec,
        fallback_best=train.best_validation_loss,
        problems=problems,
        meaningless=meaningless_columns(train.spec),
    )


def said_of(train: TrainRecord) -> dict[str, Any]:
    """Return what the record of a run says, by the columns of the table of runs."""
    spec = train.spec
    always, _ = settings_of(spec)
    latent = next((spec.options[name] for name in _LATENT if name in spec.options), None)
    return {
        "encoder": spec.architecture,
        "tokenizer": tokenizer_of(spec),
        "seed": spec.seed,
        "latent_dim": latent,
        "codebook_size": always.get("options.codes"),
        "model": spec.model,
        "resolution": spec.resolution,
        "n_train": str(spec.n_train),
        "globals_weight": always.get("loss.globals_weight"),
        "loss_kind": loss_kind(spec),
        "family": spec.family,
        "kept_epoch": None if train.best_epoch is None else train.best_epoch - 1,
        "run_id": run_uuid(train),
        "git_commit": train.origin.software.git_commit,
        "device": train.origin.hardware.device.name,
        "config_sha1": hashlib.sha1(spec.to_json().encode(), usedforsecurity=False).hexdigest(),
    }


def run_uuid(train: TrainRecord) -> str:
    """Return an id of a training, the same in its own folder and in every export of it."""
    weights = train.checkpoint.sha256 if train.checkpoint else ""
    said = "\0".join((train.spec.to_json(), train.data_sha256, weights, train.origin.started_at))
    return str(uuid.uuid5(_NAMESPACE, said))


def read_lines(path: Path, problems: list[tuple[Path, str]]) -> list[dict[str, Any]]:
    """Return the epochs in epochs.jsonl; what is wrong with it goes to `problems`."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        problems.append((path, f"cannot be read ({error.strerror}): the run has no curves"))
        return []
    found = []
    for number, line in enumerate(lines, 1):
        try:
            row = from_json(line, allow_inf_nan=False)
        except ValueError:
            row = None
        if isinstance(row, dict) and isinstance(row.get("epoch"), int):
            found.append(row)
        else:
            problems.append((path, f"line {number} is not the JSON of an epoch: left out"))
    return found


def root_of(folder: Path) -> Path:
    """Return the results folder that a run folder lies in, or else the folder above it."""
    parents = folder.absolute().parents
    return parents[4] if len(parents) > 4 and parents[3].name == "runs" else parents[0]


def _test_scores(
    folder: Path, train: TrainRecord, problems: list[tuple[Path, str]]
) -> dict[str, float | None]:
    path = folder / EVALUATE
    if not path.exists():
        return {}
    try:
        record = read_record(path, EvaluateRecord)
    except RecordError as error:
        problems.append((path, str(error).removeprefix(f"{path}: ")))
        return {}
    weights = train.checkpoint.sha256 if train.checkpoint else None
    if record.run != train.spec or record.checkpoint_sha256 != weights:
        problems.append((path, "scores other weights than train.json names: left out"))
        return {}
    return record.metrics


def _why_missing(folder: Path) -> str:
    if not folder.is_dir():
        return "has not been started: the folder is not there"
    failure = Events(folder).last_failure()
    reason = f"has no {TRAIN}: training has not ended"
    return reason if failure is None else f"{reason}; {failure}"


def settings_of(spec: TrainSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings of a model and its loss, and those of its training, by dotted key.

    Settings that the model does not read are left out.
    """
    content, unread = spec.model_dump(mode="json"), meaningless_settings(spec)
    model, training = ("options", "loss"), ("training", "augmentation")
    always, others = (
        dict(pair for section in sections for pair in _flat(content[section], section))
        for sections in (model, training)
    )
    return {key: value for key, value in always.items() if key not in unread}, others


def _flat(content: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the values of sections within sections by dotted key; a list is one text."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}.{key}")
        elif isinstance(value, list | tuple):
            yield f"{prefix}.{key}", ",".join(map(str, value))
        else:
            yield f"{prefix}.{key}", value


def is_own_run(folder: Path) -> bool:
    """Tell whether a folder is a run folder of our own: by its record, or by its path."""
    if (folder / TRAIN).is_file():
        return True
    try:
        run_of_path(folder.absolute().as_posix())
    except ValueError:
        return False
    return folder.is_dir()
