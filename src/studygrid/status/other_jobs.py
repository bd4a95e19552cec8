"""The jobs beside the runs: `shard`, `prepare`, `profile`, `infer`. They have a log, no events."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from studygrid.execution.failures import ADVICE, RESULTS, Failure
from studygrid.grid import Run
from studygrid.records import Status
from studygrid.shards import log_path
from studygrid.status.states import State

_TAIL_BYTES = 1 << 16
# A line of a job's log: date and time, level, message. A traceback's lines have no such head.
_LINE = re.compile(r"^\d{4}-\d\d-\d\d[T ]\S+ (?P<level>[A-Z]+) (?P<message>.*)")
_KIND = re.compile(rf"^(?P<kind>{'|'.join(Failure)}): (?P<why>.*)")


@dataclass(frozen=True, slots=True)
class JobView:
    """A job that is no part of a run, as its record and its log tell it.

    Attributes
    ----------
    rule
        ``shard``, ``prepare``, ``profile`` or ``infer``.
    model
        Of a profile or an inference.
    resolution
        None of a shard.
    shard
        The record of a shard.
    run
        The run that is inferred.
    state
        Done, failed, or waiting; what runs now its log does not tell.
    is_result
        Whether its record says that it failed: nothing tries it again by itself.
    """

    rule: str
    model: str | None
    resolution: int | None
    state: State = State.WAITING
    failure: str | None = None
    reason: str | None = None
    is_result: bool = False
    shard: Path | None = None
    run: Run | None = None

    @property
    def name(self) -> str:
        """What it is called on a screen."""
        if self.shard is not None:
            return f"{self.rule} {self.shard.stem}"
        if self.run is not None:
            return f"{self.rule} {self.run.path}"
        where = f"res{self.resolution}"
        return f"{self.rule} {where if self.model is None else f'{self.model}/{where}'}"

    @property
    def log(self) -> str:
        """Its log, below the results folder; of a shard, the whole path."""
        if self.shard is not None:
            return str(log_path(self.shard))
        if self.run is not None:
            return f"runs/{self.run.path}/inference.log"
        where = f"res{self.resolution}"
        prepared = f"data/{where}/prepare.log"
        return prepared if self.model is None else f"profiles/{self.model}/{where}.log"


class OtherJobs:
    """The jobs of a study that are of no run; what has not changed is not read again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[JobView, tuple[tuple[int, ...], JobView]] = {}

    def views(
        self,
        resolutions: Sequence[int],
        profiled: Sequence[tuple[str, int]],
        shards: Sequence[Path] = (),
        inferred: Sequence[Run] = (),
    ) -> list[JobView]:
        """Return how the jobs of some resolutions, and some models at them, stand.

        Parameters
        ----------
        shards
            Records of the shards that the data is prepared from.
        inferred
            The runs that are scored once more.
        """
        prepared = [*map(self._prepare, resolutions)]
        # Once all data is prepared nobody needs them, and they may be deleted.
        are_used = all(job.state is State.DONE for job in prepared)
        made = [self._shard(record, is_used=are_used) for record in shards]
        profiles = (self._profile(*pair) for pair in profiled)
        return [*made, *prepared, *profiles, *map(self._infer, inferred)]

    def _shard(self, record: Path, *, is_used: bool) -> JobView:
        planned = JobView("shard", None, None, shard=record)
        if is_used:
            return replace(planned, state=State.DONE)
        return self._view(planned, record, log_path(record))

    def _prepare(self, resolution: int) -> JobView:
        folder = self._folder / "data" / f"res{resolution}"
        planned = JobView("prepare", None, resolution)
        return self._view(planned, folder / "data.json", folder / "prepare.log")

    def _profile(self, model: str, resolution: int) -> JobView:
        record = profile_path(self._folder, model, resolution)
        return self._view(JobView("profile", model, resolution), record, record.with_suffix(".log"))

    def _infer(self, run: Run) -> JobView:
        folder = self._folder / "runs" / run.path
        planned = JobView("infer", run.model, run.resolution, run=run)
        return self._view(planned, folder / "inference.json", folder / "inference.log")

    def _view(self, planned: JobView, record: Path, log: Path) -> JobView:
        signature = (*_signature(record), *_signature(log))
        before = self._read.get(planned)
        if before is None or before[0] != signature:
            before = self._read[planned] = (signature, _read(planned, record, log))
        return before[1]


def profile_path(folder: Path, model: str, resolution: int) -> Path:
    """Return the path of a profile's record; its log has the ending ``.log``."""
    return folder / "profiles" / model / f"res{resolution}.json"


def _read(planned: JobView, record: Path, log: Path) -> JobView:
    content = _record(record)
    if content is not None:
        status = content.get("status", Status.OK)
        if status in RESULTS:
            reason = content.get("reason")
            text = f"{status}: {reason}" if reason else str(status)
            return replace(
                planned, state=State.FAILED, failure=str(status), reason=text, is_result=True
            )
        return replace(planned, state=State.DONE)
    failure = last_failure(log)
    if failure is None:
        return planned
    kind, why = failure
    return replace(planned, state=State.FAILED, failure=kind, reason=f"{kind}: {why}")


def last_failure(log: Path) -> tuple[str, str] | None:
    """Return the kind and the reason of the failure that a job's log ends with, if it does."""
    found: tuple[str, str] | None = None
    for level, message in _lines(log):
        kind = _KIND.match(message) if level == "ERROR" else None
        if kind is not None:
            # The line of a job that was killed ends with what to do.
            why = kind["why"].removesuffix(f"; {ADVICE[Failure(kind['kind'])]}")
            found = (kind["kind"], why)
        elif level != "ERROR":
            found = None
    return found


def _lines(log: Path) -> Iterator[tuple[str, str]]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return
    for line in map(_LINE.match, text.splitlines()):
        if line is not None:
            yield line["level"], line["message"]


def _record(path: Path) -> dict[str, Any] | None:
    try:
        content = from_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _signature(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return (0, 0)
    return (stat.st_mtime_ns, stat.st_size)
