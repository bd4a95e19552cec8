"""From the records of a run to its files of the facts layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from studygrid.errors import RecordError
from studygrid.execution.events import json_line
from studygrid.grid import Run
from studygrid.interchange.exported_files import Content, encoded
from studygrid.interchange.thesis import (
    BASE_COLUMNS,
    CHECKPOINT,
    CONFIG,
    EVENTS,
    METRIC,
    OVERRIDES,
    SCALARS,
    TRAIN_RECORD,
)
from studygrid.interchange.thesis_epochs import facts_epochs
from studygrid.interchange.thesis_event_rows import event_rows
from studygrid.interchange.thesis_own import (
    EPOCHS,
    EVALUATE,
    TRAIN,
    read_lines,
)
from studygrid.interchange.thesis_settings import config_bytes, overrides_of, yaml_bytes
from studygrid.records import EvaluateRecord, Status, TrainRecord, read_record
from studygrid.results.study_results import StudyResults
from studygrid.tables.delimited import csv_bytes

Row = dict[str, Any]


def run_files(
    study: StudyResults, run: Run, folder: Path, overrides: Iterable[str]
) -> dict[str, Content]:
    """Return the files of a run, by their place in its folder.

    Parameters
    ----------
    folder
        Where they are written, for the path of the prepared data from there.
    overrides
        Dotted keys of the settings in which the models of the study differ.

    Raises
    ------
    RecordError
        If its records went away, or its epochs are not those of its record.
    """
    source = study.folder / "runs" / run.path
    train = read_record(source / TRAIN, TrainRecord)
    evaluate = read_record(source / EVALUATE, EvaluateRecord)
    if evaluate.origin.finished_at != study.facts[run].finished_at:
        raise RecordError(f"{source}: changed while it was exported; do it again")
    lines = _lines(source, train)
    rows = facts_epochs(lines, train.peak_device_memory_allocated_mb)
    name = folder.name
    files: dict[str, Content] = {
        EVENTS: "".join(map(json_line, event_rows(source, name, train, evaluate, lines))).encode(),
        SCALARS: scalars_bytes(rows),
        CONFIG: config_bytes(study, run, train, folder, overrides),
        OVERRIDES: yaml_bytes(overrides_of(train, overrides)),
    }
    if train.checkpoint is not None:
        files[CHECKPOINT] = source / train.checkpoint.file
        if not (source / train.checkpoint.file).is_file():
            raise RecordError(
                f"{source / train.checkpoint.file}: is not there; delete {source / TRAIN} to "
                "train again"
            )
        kept = train.checkpoint.model_copy(update={"file": CHECKPOINT})
        train = train.model_copy(update={"checkpoint": kept})
    return {**files, TRAIN_RECORD: encoded(train.model_dump(mode="json"))}


def scalars_bytes(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return scalars.csv: every row has the same columns, those that any row of the run has."""
    metrics = sorted({name for row in rows for name in row if name.startswith(METRIC)})
    columns = (*BASE_COLUMNS, *metrics)
    return csv_bytes([{name: row.get(name) for name in columns} for row in rows], columns)


def _lines(source: Path, train: TrainRecord) -> list[Row]:
    """Return the epochs of a run, each once.

    Raises
    ------
    RecordError
        If they are not those of its record.
    """
    path, again = source / EPOCHS, f"delete {source / TRAIN} to train again"
    problems: list[tuple[Path, str]] = []
    by_epoch = {row["epoch"]: row for row in read_lines(path, problems)}
    if train.status is not Status.OK:
        return [by_epoch[epoch] for epoch in sorted(by_epoch)]
    if problems:
        raise RecordError(f"{path}: {problems[0][1]}; {again}")
    if sorted(by_epoch) != list(range(1, len(by_epoch) + 1)):
        raise RecordError(f"{path}: lacks epochs; {again}")
    kept = by_epoch.get(train.best_epoch or 0)
    if kept is None:
        raise RecordError(f"{path}: has no line of the kept epoch {train.best_epoch}; {again}")
    if kept.get(f"validation_{train.monitor}") != train.best_value:
        raise RecordError(f"{path}: is of another training than {TRAIN}; {again}")
    return [by_epoch[epoch] for epoch in sorted(by_epoch)]
