"""What a tracker is told of a run, whatever the tracker."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from studygrid.axes import AXES
from studygrid.errors import RecordError
from studygrid.grid import Run
from studygrid.records import Status
from studygrid.results.epochs import read_epochs
from studygrid.results.reading import RunFacts
from studygrid.results.study_results import StudyResults

Value = str | bool | int | float | None
_ID_LENGTH = 16


@dataclass(frozen=True)
class Point:
    """The values of one epoch, and when it ended (seconds since 1970)."""

    epoch: int
    time_sec: float
    values: Mapping[str, float]


@dataclass(frozen=True)
class TrackedRun:
    """A run as it is exported.

    Attributes
    ----------
    id
        The same for the same run of the same study, whatever it holds.
    identity
        Another one as soon as anything of what its records say is another.
    parameters
        The train spec, flattened: ``training.learning_rate``.
    metrics
        The test metrics that have a value, and what training cost.
    tags
        Status, reason, study, code, device, checkpoint: text.
    started_sec, finished_sec
        When training began and when the evaluation ended (seconds since 1970).
    """

    id: str
    identity: str
    study: str
    name: str
    status: str
    parameters: Mapping[str, Value]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    curve: tuple[Point, ...]
    kept_epoch: int
    started_sec: float
    finished_sec: float

    @property
    def ok(self) -> bool:
        """Whether the run ended with a result."""
        return self.status == Status.OK.value


def run_id(study: StudyResults, run: Run) -> str:
    """Return the id of a run in every tracker."""
    return _hash(study.name, run.path)


def identity(study: StudyResults, run: Run) -> str:
    """Return the hash of what the records of a run say: its spec, checkpoint, scores, times."""
    return _hash(study.name, run.path, study.facts[run].model_dump_json())


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_ID_LENGTH]


def tracked_run(study: StudyResults, run: Run) -> TrackedRun:
    """Gather what is exported of a run that has records.

    Raises
    ------
    RecordError
        If its train record went away since the study was read.
    """
    facts, origin = study.facts[run], _origin(study, run)
    started = _seconds(origin["started_at"])
    return TrackedRun(
        id=run_id(study, run),
        identity=identity(study, run),
        study=study.name,
        name=run.path,
        status=facts.status,
        parameters=dict(_flat(json.loads(facts.spec))),
        metrics=_metrics(facts),
        tags=_tags(study, run, facts, origin),
        curve=tuple(_curve(study, run, started)),
        kept_epoch=facts.training["best_epoch"] or 0,
        started_sec=started,
        finished_sec=_seconds(facts.finished_at),
    )


def _origin(study: StudyResults, run: Run) -> dict[str, Any]:
    path = study.folder / "runs" / run.path / "train.json"
    try:
        origin: dict[str, Any] = from_json(path.read_bytes())["origin"]
    except (OSError, ValueError, KeyError) as error:
        raise RecordError(f"{path}: changed while it was exported ({error}); do it again") from None
    return origin


def _flat(content: Any, prefix: str = "") -> Iterator[tuple[str, Value]]:
    if isinstance(content, dict) and content:
        for name, value in content.items():
            yield from _flat(value, f"{prefix}.{name}" if prefix else name)
    elif isinstance(content, list | dict):
        yield prefix, json.dumps(content)
    else:
        yield prefix, content


def _metrics(facts: RunFacts) -> dict[str, float]:
    scores = {f"test_{name}": value for name, value in facts.metrics.items()}
    return {
        name: float(value)
        for name, value in {**scores, **facts.training}.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }


def _tags(
    study: StudyResults, run: Run, facts: RunFacts, origin: Mapping[str, Any]
) -> dict[str, str]:
    tags: dict[str, str | None] = {
        "study": study.name,
        "family": study.family.name,
        **{axis: str(getattr(run, axis)) for axis in AXES},
        "status": facts.status,
        "reason": facts.reason,
        "checkpoint_sha256": facts.checkpoint_sha256,
        "data_sha256": facts.data_sha256,
        "code": origin["code"],
        "git_commit": origin["software"]["git_commit"],
        "device": origin["hardware"]["device"]["name"],
        "undefined": "; ".join(f"{name}: {why}" for name, why in facts.undefined.items()),
    }
    return {name: value for name, value in tags.items() if value}


def _curve(study: StudyResults, run: Run, started: float) -> Iterator[Point]:
    frame, _ = read_epochs({run: study.folder / "runs" / run.path})
    # A run that was resumed may have an epoch twice: the later one went into the model.
    frame = frame.drop_duplicates("epoch", keep="last").drop(columns=list(AXES))
    time_sec = started
    for row in frame.to_dict("records"):
        values = {
            str(name): float(value)
            for name, value in row.items()
            if isinstance(value, int | float) and math.isfinite(value)
        }
        time_sec += values.get("epoch_time_sec", 0.0)
        epoch = int(values.pop("epoch"))
        yield Point(epoch, time_sec, values)


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
