"""Reading experiments in CrackSeg's layout, written here or by another program."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import from_json

from studygrid.errors import RecordError
from studygrid.interchange.crackseg import (
    CHECKPOINT,
    EPOCHS,
    FINAL_RESULTS,
    LOG,
    ROOT_CHECKPOINT,
    SUMMARY,
    VALIDATION,
    epoch_files,
)
from studygrid.interchange.crackseg_documents import (
    CURVES,
    SCHEMA_VERSION,
    WRITER,
    Document,
    EpochRow,
    FinalMetrics,
    Summary,
    ValidationMetrics,
)

if TYPE_CHECKING:
    from studygrid.results.loading import Problem

_NAMED_FAULTS = 3
DocumentT = TypeVar("DocumentT", bound=Document)


@dataclass(frozen=True)
class Experiment:
    """An experiment, as its folder says.

    Attributes
    ----------
    epochs
        The lines of metrics.jsonl, in the order of the file.
    final_results
        Of final_results.yaml; None where it is not there.
    log, checkpoint, epoch_checkpoints
        The files that are there. `checkpoint` holds the best weights, of the two places that the
        layout has for them the one in ``checkpoints``.
    problems
        What the files say against each other, or what is no measurement.
    """

    folder: Path
    summary: Summary
    epochs: tuple[EpochRow, ...]
    validation: ValidationMetrics
    final_results: FinalMetrics | None
    log: Path | None
    checkpoint: Path | None
    epoch_checkpoints: Mapping[int, Path] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.summary.experiment_name

    def curve(self, key: str) -> dict[int, float | None]:
        """Return a column of metrics.jsonl by epoch; epochs in which it was not taken lack.

        Raises
        ------
        RecordError
            If no epoch has it.
        """
        rows = {row.epoch: row.content() for row in self.epochs}
        found = {epoch: row[key] for epoch, row in rows.items() if key in row}
        if not found:
            there = ", ".join(dict.fromkeys(name for row in rows.values() for name in row))
            raise RecordError(f"{self.folder / EPOCHS}: no line has {key} (there are {there})")
        return found


@dataclass(frozen=True)
class Experiments:
    """The experiments below a folder, and every file that could not be used, and why."""

    experiments: list[Experiment]
    problems: list[Problem]


def read_experiment(folder: Path | str) -> Experiment:
    """Read the folder of an experiment.

    Raises
    ------
    RecordError
        If one of the three files of ``metrics`` is missing, or a document is not strict JSON (or
        YAML), lacks a key of CrackSeg's guide or has something else than a number in it; the
        message names the file and the key.
    """
    folder = Path(folder)
    summary = read_document(folder / SUMMARY, Summary)
    if summary.written_by == WRITER and summary.schema_version != SCHEMA_VERSION:
        raise RecordError(
            f"{folder / SUMMARY}: schema_version is {summary.schema_version!r}, not "
            f"{SCHEMA_VERSION}; export it again"
        )
    epochs = tuple(_epochs(folder / EPOCHS))
    validation = read_document(folder / VALIDATION, ValidationMetrics)
    results = _final_results(folder / FINAL_RESULTS)
    return Experiment(
        folder=folder,
        summary=summary,
        epochs=epochs,
        validation=validation,
        final_results=results,
        log=_if_there(folder / LOG) or _only_log(folder),
        checkpoint=_if_there(folder / CHECKPOINT) or _if_there(folder / ROOT_CHECKPOINT),
        epoch_checkpoints=dict(sorted(epoch_files(folder))),
        problems=tuple(_problems(summary, epochs, validation, results)),
    )


def read_experiments(root: Path | str) -> Experiments:
    """Read every experiment whose folder lies in `root`, by the names of the folders.

    Raises
    ------
    RecordError
        If there is no such folder.
    """
    from studygrid.results.loading import Problem

    root = Path(root)
    if not root.is_dir():
        raise RecordError(f"{root} does not exist, or is no folder")
    found: list[Experiment] = []
    problems: list[Problem] = []
    for path in sorted(root.glob(f"[!.]*/{SUMMARY}")):
        folder = path.parents[1]
        try:
            experiment = read_experiment(folder)
        except RecordError as error:
            problems.append(Problem(folder, str(error)))
            continue
        found.append(experiment)
        problems += [Problem(folder, problem) for problem in experiment.problems]
    return Experiments(found, problems)


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _only_log(folder: Path) -> Path | None:
    """Return the log under its own name, as CrackSeg's saver copies it."""
    logs = list((folder / LOG).parent.glob("*.log"))
    return logs[0] if len(logs) == 1 else None


def read_document(path: Path, kind: type[DocumentT]) -> DocumentT:
    """Read one JSON document of an experiment.

    Raises
    ------
    RecordError
        See `read_experiment`.
    """
    return _validated(_json(_encoded(path), str(path)), kind, str(path))


def _epochs(path: Path) -> Iterator[EpochRow]:
    seen: set[int] = set()
    for number, line in enumerate(_encoded(path).splitlines(), 1):
        place = f"{path}: line {number}"
        if not line.strip():
            continue
        row = _validated(_json(line, place), EpochRow, place)
        if row.epoch in seen:
            raise RecordError(f"{place}: epoch {row.epoch} is there already")
        seen.add(row.epoch)
        yield row


def _final_results(path: Path) -> FinalMetrics | None:
    if not path.is_file():
        return None
    try:
        content = yaml.safe_load(_encoded(path))
    except yaml.YAMLError as error:
        raise RecordError(f"{path}: is not YAML ({error})") from None
    return _validated(_finite(content, str(path)), FinalMetrics, str(path))


def _encoded(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise RecordError(f"{path}: missing") from None
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror})") from None


def _json(encoded: bytes, place: str) -> Any:
    try:
        content = from_json(encoded, allow_inf_nan=True)
    except ValueError as error:
        raise RecordError(f"{place}: is not JSON ({error})") from None
    return _finite(content, place)


def _finite(content: Any, place: str) -> Any:
    # Asked of all keys, those of others too: JSON has no such number.
    for key, value in _not_finite(content, ()):
        raise RecordError(f"{place}: {key} is {value}, which is no number; it should be null")
    return content


def _not_finite(value: Any, place: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield ".".join(place) or "the document", value
    items: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, item in items:
        yield from _not_finite(item, (*place, str(key)))


def _validated(content: Any, kind: type[DocumentT], place: str) -> DocumentT:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'the document'}: {fault['msg']}"
            for fault in error.errors()
        ]
        more = ["…"] if len(faults) > _NAMED_FAULTS else []
        listed = "; ".join([*faults[:_NAMED_FAULTS], *more])
        raise RecordError(f"{place}: is not of CrackSeg's layout ({listed})") from None


def _problems(
    summary: Summary,
    epochs: tuple[EpochRow, ...],
    validation: ValidationMetrics,
    results: FinalMetrics | None,
) -> Iterator[str]:
    """Yield what should not be: scores of one epoch that differ, epochs that were made up."""
    final = summary.final_metrics.content()
    for name, other in (
        (VALIDATION, validation.final_validation),
        (FINAL_RESULTS, results),
    ):
        if other is not None and other.content() != final:
            yield f"{name}: the final metrics are not those of {SUMMARY}"
    best = validation.best_validation.epoch
    if best != summary.best_epoch:
        yield f"{VALIDATION}: the best epoch is {best}, in {SUMMARY} it is {summary.best_epoch}"
    invented = [row.epoch for row in epochs if all(getattr(row, key) == 0 for key in CURVES)]
    if invented:
        listed = ", ".join(map(str, invented))
        yield (
            f"{EPOCHS}: all scores and losses are 0 in epoch {listed}; CrackSeg's own saver writes "
            "that for epochs that were not trained"
        )
